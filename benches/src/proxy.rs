//! Rouse, nginx and Envoy in turns: each alone on one core, the load and the upstream on another.

mod envoy;
mod load;
mod nginx;

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use crate::child::Running;
use crate::error::{Error, Result};
use crate::http;
use crate::rouse::{Rouse, Start, resource};
use crate::setup::{self, Folder, free_ports};
use crate::stats::median;

use load::Round;

/// Unmeasured, before the first round of each proxy.
const WARM_UP: Duration = Duration::from_secs(2);
/// From a start to the first 200.
const START: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Proxies to measure
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "rouse,nginx,envoy"
    )]
    proxies: Vec<Kind>,
    /// Times each proxy is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Length of a measurement
    #[arg(long, default_value_t = 8, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Connections of the load generator
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
    /// Hosts that each proxy routes
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    routes: u32,
    /// Core of the proxy that is measured
    #[arg(long, default_value_t = 0)]
    proxy_core: usize,
    /// Core of the load generator and the upstream
    #[arg(long, default_value_t = 1)]
    load_core: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Rouse,
    Nginx,
    Envoy,
}

impl Options {
    /// The host in the middle of the table: the one that is asked for.
    fn host(&self) -> String {
        host(self.routes / 2)
    }
}

fn host(n: u32) -> String {
    format!("host-{n}.example.com")
}

/// A proxy that runs, and what was measured of it.
struct Contestant {
    kind: Kind,
    version: String,
    process: Running,
    port: u16,
    rounds: Vec<Round>,
}

/// Gives the table.
pub(crate) async fn run(options: &Options) -> Result<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if options.proxy_core == options.load_core || options.proxy_core.max(options.load_core) >= cores
    {
        return Err(Error(format!(
            "the proxy and the load need a core each; there are {cores}"
        )));
    }
    let folder = Folder::new("proxy")?;
    let machine = setup::machine();
    let [upstream_port] = free_ports()?;
    let upstream = nginx::upstream(&folder, upstream_port, options.load_core)?;
    http::until_ok(upstream_port, "upstream", "/", START).await?;
    let mut contestants = Vec::new();
    for kind in &options.proxies {
        let contestant = start(*kind, options, &folder, upstream_port).await?;
        http::until_ok(contestant.port, &options.host(), "/", START).await?;
        contestants.push(contestant);
    }
    let measured = measure(options, &mut contestants).await;
    let table = measured.map(|()| table(options, &contestants, &machine));
    for contestant in contestants {
        contestant.process.stop().await;
    }
    upstream.stop().await;
    table
}

async fn start(
    kind: Kind,
    options: &Options,
    folder: &Folder,
    upstream: u16,
) -> Result<Contestant> {
    let (program, flag, process, port) = match kind {
        Kind::Rouse => {
            let rouse = start_rouse(options, folder).await?;
            (
                setup::sibling("rouse")?,
                "--version",
                rouse.process,
                rouse.port,
            )
        }
        Kind::Nginx => {
            let [port] = free_ports()?;
            let process = nginx::proxy(folder, port, upstream, options)?;
            (setup::installed("nginx")?, "-v", process, port)
        }
        Kind::Envoy => {
            let [port] = free_ports()?;
            let process = envoy::proxy(folder, port, upstream, options)?;
            (setup::envoy()?, "--version", process, port)
        }
    };
    let version = setup::version(&program, flag).await;
    Ok(Contestant {
        kind,
        version,
        process,
        port,
        rounds: Vec::new(),
    })
}

/// One workload per host: one is awake, with the same upstream as the others; the rest sleep.
async fn start_rouse(options: &Options, folder: &Folder) -> Result<Rouse> {
    let awake = nginx::upstream_command(folder, options.load_core)?;
    let resources = (0..options.routes).map(|n| {
        let (min, command) = if n == options.routes / 2 { (1, awake.clone()) } else { (0, vec!["false".to_owned()]) };
        let spec = json!({"target": {"process": {"command": command}}, "replicas": {"min": min, "max": 1}});
        resource(&format!("host-{n}"), &host(n), spec)
    });
    Rouse::start(
        folder,
        &resources.collect::<Vec<_>>(),
        Start {
            core: Some(options.proxy_core),
            flags: Vec::new(),
        },
    )
    .await
}

/// In turns, forwards and backwards, so that what changes over time hits all alike.
async fn measure(options: &Options, contestants: &mut [Contestant]) -> Result<()> {
    for contestant in contestants.iter() {
        load::run(options, contestant.port, WARM_UP).await?;
    }
    for round in 0..options.rounds {
        let mut order: Vec<_> = contestants.iter_mut().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for contestant in order {
            let before = contestant.process.cpu_seconds()?;
            let mut measured = load::run(
                options,
                contestant.port,
                Duration::from_secs(options.seconds),
            )
            .await?;
            let used = contestant.process.cpu_seconds()? - before;
            measured.cpu_micros = used * 1e6 / measured.requests;
            eprintln!("round {}: {:?}: {measured}", round + 1, contestant.kind);
            contestant.rounds.push(measured);
        }
    }
    Ok(())
}

fn table(options: &Options, contestants: &[Contestant], machine: &str) -> String {
    let of = |contestant: &Contestant, value: fn(&Round) -> f64| {
        median(&contestant.rounds.iter().map(value).collect::<Vec<_>>())
    };
    let nginx = contestants
        .iter()
        .find(|contestant| contestant.kind == Kind::Nginx);
    let base = nginx.map(|nginx| of(nginx, |round| round.cpu_micros));
    let mut table = String::from(
        "| proxy | CPU per request | to nginx | requests/s | p50 | p99 |\n|---|---:|---:|---:|---:|---:|\n",
    );
    for contestant in contestants {
        let cpu = of(contestant, |round| round.cpu_micros);
        let ratio = base.map_or("-".to_owned(), |base| format!("{:.2}", cpu / base));
        let (rate, p50, p99) = (
            of(contestant, |r| r.per_second),
            of(contestant, |r| r.p50_ms),
            of(contestant, |r| r.p99_ms),
        );
        let kind = format!("{:?}", contestant.kind);
        let _ = writeln!(
            table,
            "| {kind} | {cpu:.1} µs | {ratio} | {rate:.0} | {p50:.2} ms | {p99:.2} ms |"
        );
    }
    let _ = write!(
        table,
        "\nMedians of {} rounds of {} s in turns; {} connections, {} routes. {machine}.\nVersions:",
        options.rounds, options.seconds, options.connections, options.routes,
    );
    for contestant in contestants {
        let _ = write!(table, " {};", contestant.version);
    }
    table
}
