//! Finding the workload of a request in tables of several sizes.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::{RoutedWorkload, Routes};
use rouse_api::workload::{
    Hold, HostPattern, Http, PathPrefix, Protocol, Route, Timeouts, WorkloadId,
};
use rouse_proxy::route::RouteTable;
use tokio::time::Instant;

use crate::error::{Result, While};
use crate::setup;
use crate::stats::median;

const SIZES: [usize; 3] = [10, 1_000, 10_000];
/// Lookups between two looks at the clock.
const BATCH: usize = 10_000;
/// Visits every request of a table in an order that caches can't guess: a prime, so of no common factor with a size.
const STRIDE: usize = 7_919;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Time for each size
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
}

/// Gives the table.
pub(crate) fn run(options: &Options) -> Result<String> {
    let mut text = String::from("| routes | ns per match |\n|---:|---:|\n");
    let machine = setup::machine();
    for size in SIZES {
        let nanos = measure(size, Duration::from_secs(options.seconds))?;
        let _ = writeln!(text, "| {size} | {nanos:.0} |");
    }
    let _ = write!(text, "\n{machine}.");
    Ok(text)
}

fn measure(size: usize, time: Duration) -> Result<f64> {
    let table = RouteTable::new(&routes(size)?);
    let requests: Vec<_> = (0..size).map(request).collect();
    let headers = ::http::HeaderMap::new();
    for (n, (host, path)) in requests.iter().enumerate() {
        let found = table.find(host, path, &headers);
        (found == Some(n))
            .then_some(())
            .while_(|| format!("{host}{path} leads to {found:?}, not to {n}"))?;
    }
    let (mut batches, mut at) = (Vec::new(), 0);
    let began = Instant::now();
    while began.elapsed() < time {
        let batch = Instant::now();
        for _ in 0..BATCH {
            at = (at + STRIDE) % size;
            let (host, path) = &requests[at];
            black_box(table.find(black_box(host), black_box(path), &headers));
        }
        batches.push(batch.elapsed().as_nanos() as f64 / BATCH as f64);
    }
    Ok(median(&batches))
}

/// In turns: an exact host, a wildcard, a path prefix under a host that all of those share.
fn routes(size: usize) -> Result<Routes> {
    let workloads = (0..size).map(|n| {
        let (host, path) = match n % 3 {
            0 => (format!("host-{n}.example.com"), "/".to_owned()),
            1 => (format!("*.wild-{n}.example.com"), "/".to_owned()),
            _ => ("shared.example.com".to_owned(), format!("/service-{n}/v1")),
        };
        let route = Route {
            hosts: vec![HostPattern::parse(&host).while_(|| host.clone())?],
            path_prefixes: vec![PathPrefix::parse(&path).while_(|| path.clone())?],
            headers: Vec::new(),
        };
        Ok(RoutedWorkload {
            rank: 0,
            id: WorkloadId::new("default", &format!("w-{n}")),
            http: Arc::new(http_of(route)),
        })
    });
    Ok(Routes {
        version: 1,
        workloads: workloads.collect::<Result<_>>()?,
    })
}

fn http_of(route: Route) -> Http {
    Http {
        routes: vec![route],
        service: None,
        readiness: rouse_api::workload::Readiness::default(),
        dial: rouse_api::workload::Dial::default(),
        tls: rouse_api::workload::Tls::default(),
        protocol: Protocol::default(),
        concurrency_per_replica: None,
        concurrency_limit: None,
        request_rate_per_replica: None,
        hold: Hold::default(),
        timeouts: Timeouts::default(),
        rules: Vec::new(),
        wake_requires: None,
        front: None,
        while_waking: rouse_api::workload::WhileWaking::default(),
    }
}

/// Host and path that lead to workload `n`.
fn request(n: usize) -> (String, String) {
    match n % 3 {
        0 => (format!("host-{n}.example.com"), "/index.html".to_owned()),
        1 => (
            format!("api.wild-{n}.example.com"),
            "/index.html".to_owned(),
        ),
        _ => (
            "shared.example.com".to_owned(),
            format!("/service-{n}/v1/items/5"),
        ),
    }
}
