//! Memory of requests that wait for a replica.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::error::{Error, Result, While};
use crate::http;
use crate::rouse::{Rouse, Start, resource};
use crate::setup::{self, Folder, sibling};

const HOST: &str = "held.example.com";
/// Until memory is read, so that what was accepted is also counted.
const SETTLE: Duration = Duration::from_secs(3);
/// To set all requests off.
const CONNECT: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Requests held at once; each needs an open file here and one in Rouse
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=19_000))]
    requests: u32,
}

/// Gives the table.
pub(crate) async fn run(options: &Options) -> Result<String> {
    let folder = Folder::new("hold")?;
    let machine = setup::machine();
    let sample = sibling("rouse-sample")?.display().to_string();
    let spec = json!({
        "target": {"process": {"command": [sample, "--start-delay", "1h"]}},
        "replicas": {"max": 1},
        "http": {"hold": {"timeout": "10m", "maxRequests": options.requests, "maxBytes": "1Gi"}},
    });
    let start = Start {
        core: None,
        flags: vec![
            "--max-held-requests".to_owned(),
            options.requests.to_string(),
            "--header-timeout".to_owned(),
            "60s".to_owned(),
        ],
    };
    let rouse = Rouse::start(&folder, &[resource("held", HOST, spec)], start).await?;
    let measured = measure(options, &rouse).await;
    rouse.process.stop().await;
    let (connected, held) = measured?;
    Ok(format!(
        "| requests held | KiB each | of it: the open connection |\n|---:|---:|---:|\n| {} | {held:.1} | {connected:.1} |\n\n{machine}.",
        options.requests
    ))
}

/// KiB for each: connections without a request, then with one that is held.
async fn measure(options: &Options, rouse: &Rouse) -> Result<(f64, f64)> {
    let before = rouse.process.resident_kib()?;
    let mut connections = timeout(CONNECT, connect(options.requests, rouse.port))
        .await
        .while_(|| "connecting takes too long".to_owned())??;
    sleep(SETTLE).await;
    let connected = rouse.process.resident_kib()?;
    let request = http::request(HOST, "/", "keep-alive");
    for connection in &mut connections {
        connection
            .write_all(request.as_bytes())
            .await
            .while_(|| "sending a request".to_owned())?;
    }
    sleep(SETTLE).await;
    let held = rouse.process.resident_kib()?;
    for connection in &mut connections {
        none_answered(connection).await?;
    }
    let each = |kib: u64| kib.saturating_sub(before) as f64 / f64::from(options.requests);
    says_held(options, rouse).await?;
    Ok((each(connected), each(held)))
}

async fn connect(count: u32, port: u16) -> Result<Vec<TcpStream>> {
    let mut connections = Vec::new();
    for n in 0..count {
        let connection = TcpStream::connect(("127.0.0.1", port)).await;
        connections
            .push(connection.while_(|| format!("connection {} of {count} (ulimit -n?)", n + 1))?);
    }
    Ok(connections)
}

/// Fails when there is something to read: an answer or the end of the connection.
async fn none_answered(connection: &mut TcpStream) -> Result<()> {
    let mut start = [0; 200];
    match timeout(Duration::from_micros(1), connection.read(&mut start)).await {
        Err(_) => Ok(()),
        Ok(read) => {
            let length = read.while_(|| "a connection broke".to_owned())?;
            Err(Error(format!(
                "not held but answered: {}",
                String::from_utf8_lossy(&start[..length])
            )))
        }
    }
}

/// Rouse's own count must agree.
async fn says_held(options: &Options, rouse: &Rouse) -> Result<()> {
    let metrics = http::get(
        (http::LOOPBACK, rouse.admin),
        "localhost",
        "/metrics",
        Duration::from_secs(10),
    )
    .await?;
    let held = metrics
        .text
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains("held"));
    let expected = options.requests.to_string();
    let counts: Vec<_> = held.collect();
    let agrees = counts
        .iter()
        .any(|line| line.rsplit(' ').next() == Some(&expected));
    agrees
        .then_some(())
        .while_(|| format!("/metrics does not say that {expected} are held: {counts:?}"))
}
