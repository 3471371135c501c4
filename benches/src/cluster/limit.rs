//! A limit of one over four proxies: what it costs that the permit has to move.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use rouse_testbed::install;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::fixture::{Bed, host, until};
use crate::error::{Error, Result, While};
use crate::http;
use crate::setup;
use crate::stats::{median, percentile};

const NAME: &str = "limited";
const PROXIES: usize = 4;
/// All clients together.
const CLIENTS: usize = 16;
const ANSWER: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rounds of each kind, in turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long a round is, in seconds
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How long the service takes for an answer, in milliseconds
    #[arg(long, value_delimiter = ',', default_value = "2,10,50,200")]
    latency: Vec<u64>,
    /// Requests of each kind that are alone
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(4..=5000))]
    alone: u32,
}

/// Gives the tables. Must be called in the testbed's namespace.
pub(crate) async fn run(options: &Options) -> Result<String> {
    let machine = setup::machine();
    let bed = Bed::start().await?;
    let measured = measure(options, &bed).await;
    bed.stop().await;
    Ok(format!("{}\n{machine}.", measured?))
}

async fn measure(options: &Options, bed: &Bed) -> Result<String> {
    let doors = proxies(bed).await?;
    bed.deploy(NAME, &[]).await?;
    bed.object(json!({
        "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"name": NAME},
        "spec": {
            "http": {"hosts": [host(NAME)], "concurrency": {"limit": 1, "perReplica": 1}},
            "replicas": {"min": 1, "max": 1}, "onDelete": "keep",
        },
    }))
    .await?;
    until("it is served", async || {
        let answer = http::get(doors[0], &host(NAME), "/", ANSWER).await;
        Ok(answer.is_ok_and(|answer| answer.status == 200))
    })
    .await?;
    let mut text = String::from(
        "| an answer takes | one proxy, answers/s | four proxies, answers/s | ratio |\n|---:|---:|---:|---:|\n",
    );
    for latency in &options.latency {
        let _ = writeln!(text, "{}", together(options, &doors, *latency).await?);
    }
    let _ = write!(text, "\n{}", alone(options, &doors).await?);
    Ok(text)
}

/// So many, each linked to every scaler.
async fn proxies(bed: &Bed) -> Result<Vec<SocketAddr>> {
    let deployments: Api<Deployment> = Api::namespaced(bed.client.clone(), install::NAMESPACE);
    let patch = Patch::Merge(json!({"spec": {"replicas": PROXIES}}));
    deployments
        .patch_scale("rouse-proxy", &PatchParams::default(), &patch)
        .await
        .while_(|| "scaling the proxies".to_owned())?;
    until("all proxies are ready", async || {
        Ok(bed.members("rouse-proxy").await?.len() == PROXIES)
    })
    .await?;
    let members = bed.members("rouse-proxy").await?;
    let doors = members.iter().map(|one| SocketAddr::new(one.address, 8080));
    Ok(doors.collect())
}

/// As many answers as there can be: all clients at one proxy, against the same spread over all.
async fn together(options: &Options, doors: &[SocketAddr], latency: u64) -> Result<String> {
    let (mut one, mut four) = (Vec::new(), Vec::new());
    let long = Duration::from_secs(options.seconds);
    for round in 0..options.rounds as usize {
        let at = round % PROXIES;
        one.push(rate(&doors[at..=at], latency, long).await?);
        four.push(rate(doors, latency, long).await?);
    }
    let (one, four) = (median(&one), median(&four));
    Ok(format!(
        "| {latency} ms | {one:.1} | {four:.1} | {:.2} |",
        four / one
    ))
}

/// Answers per second that clients get who ask again and again.
async fn rate(doors: &[SocketAddr], latency: u64, long: Duration) -> Result<f64> {
    let began = Instant::now();
    let clients = (0..CLIENTS).map(async |client| {
        let mut client = Client::new(doors[client % doors.len()], latency).await?;
        let mut answers = 0_u32;
        while began.elapsed() < long {
            client.ask().await?;
            answers += 1;
        }
        Ok(answers)
    });
    let answers: u32 = try_join_all(clients).await?.into_iter().sum();
    Ok(f64::from(answers) / began.elapsed().as_secs_f64())
}

/// One request at a time: where the permit is, and where it is not.
async fn alone(options: &Options, doors: &[SocketAddr]) -> Result<String> {
    let mut clients = try_join_all(doors.iter().map(|door| Client::new(*door, 0))).await?;
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    for turn in 0..options.alone as usize {
        let client = &mut clients[turn % PROXIES];
        elsewhere.push(client.ask().await?);
        here.push(client.ask().await?);
    }
    let row = |what: &str, values: &[f64]| {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|at| percentile(values, at));
        format!("| {what} | {p50:.2} ms | {p99:.2} ms | {most:.2} ms |\n")
    };
    Ok(format!(
        "| one request, nobody else | p50 | p99 | most |\n|---|---:|---:|---:|\n{}{}",
        row("its proxy has the permit", &here),
        row("another proxy has it, idle", &elsewhere),
    ))
}

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
    request: String,
}

impl Client {
    async fn new(door: SocketAddr, latency: u64) -> Result<Self> {
        let stream = TcpStream::connect(door).await;
        let stream = stream.while_(|| format!("connecting to {door}"))?;
        let quick = stream.set_nodelay(true);
        quick.while_(|| format!("connecting to {door}"))?;
        let path = format!("/?latency={latency}ms");
        Ok(Self {
            stream: BufReader::new(stream),
            request: http::request(&host(NAME), &path, "keep-alive"),
        })
    }

    /// Asks once; how long it took, in milliseconds.
    async fn ask(&mut self) -> Result<f64> {
        let began = Instant::now();
        let answer = timeout(ANSWER, self.exchange()).await;
        let status = answer
            .while_(|| "waiting for an answer".to_owned())?
            .while_(|| "reading an answer".to_owned())?;
        match status.contains(" 200 ") {
            true => Ok(began.elapsed().as_secs_f64() * 1000.0),
            false => Err(Error(format!("an answer with {status}"))),
        }
    }

    /// The answer's first line.
    async fn exchange(&mut self) -> std::io::Result<String> {
        self.stream.write_all(self.request.as_bytes()).await?;
        let (mut first, mut length) = (String::new(), 0);
        self.stream.read_line(&mut first).await?;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(told) = line.strip_prefix("content-length:") {
                length = told.trim().parse().map_err(std::io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(first)
    }
}
