//! From the moment that the woken process accepts to the moment that the client has its answer.

use std::time::Duration;

use rouse_sample::ledger::{Event, Ledger};
use serde_json::json;

use crate::error::{Error, Result, While};
use crate::http;
use crate::rouse::{Rouse, Start, resource};
use crate::setup::{self, Folder, sibling};
use crate::stats::percentile;

/// For one answer.
const ANSWER: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Wakes, one after the other, each of a workload of its own
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    wakes: u32,
}

/// One wake, in milliseconds.
struct Wake {
    /// From the process' `listen()` to the whole answer.
    after_listen: f64,
    /// From the client's request to the whole answer.
    whole: f64,
}

/// Gives the table.
pub(crate) async fn run(options: &Options) -> Result<String> {
    let folder = Folder::new("wake")?;
    let machine = setup::machine();
    let sample = sibling("rouse-sample")?.display().to_string();
    let resources: Vec<_> = (0..options.wakes)
        .map(|n| {
            let ledger = folder.path(&ledger(n)).display().to_string();
            let spec = json!({
                "target": {"process": {"command": [sample], "env": {"SAMPLE_LEDGER": ledger}}},
                "replicas": {"max": 1},
                "idleAfter": "2s",
            });
            resource(&format!("wake-{n}"), &host(n), spec)
        })
        .collect();
    let rouse = Rouse::start(&folder, &resources, Start::default()).await?;
    let measured = measure(options, &folder, rouse.port).await;
    rouse.process.stop().await;
    let wakes = measured?;
    let of = |value: fn(&Wake) -> f64| {
        let values: Vec<_> = wakes.iter().map(value).collect();
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| percentile(&values, share));
        format!("{p50:.2} ms | {p99:.2} ms | {most:.2} ms |")
    };
    Ok(format!(
        "| {} wakes | p50 | p99 | most |\n|---|---:|---:|---:|\n| port accepts -> answer | {}\n| request -> answer | {}\n\n{machine}.",
        options.wakes,
        of(|wake| wake.after_listen),
        of(|wake| wake.whole),
    ))
}

async fn measure(options: &Options, folder: &Folder, port: u16) -> Result<Vec<Wake>> {
    let mut wakes = Vec::new();
    for n in 0..options.wakes {
        let began = unix_ns();
        let answer = http::get((http::LOOPBACK, port), &host(n), "/", ANSWER).await?;
        let ended = unix_ns();
        if answer.status != 200 {
            return Err(Error(format!("wake {n}: {}", answer.text)));
        }
        let listening = listening(folder, n)?;
        let millis = |from: u64| ended.saturating_sub(from) as f64 / 1e6;
        wakes.push(Wake {
            after_listen: millis(listening),
            whole: millis(began),
        });
    }
    Ok(wakes)
}

/// When the woken process listened; it must be the only one.
fn listening(folder: &Folder, n: u32) -> Result<u64> {
    let ledger = Ledger::read(folder.path(&ledger(n))).while_(|| format!("wake {n}"))?;
    let mut times = ledger
        .records()
        .iter()
        .filter(|record| matches!(record.event, Event::Listening { .. }));
    match (times.next(), times.next()) {
        (Some(record), None) => Ok(record.unix_ns),
        _ => Err(Error(format!("wake {n}: {} starts", ledger.starts()))),
    }
}

fn ledger(n: u32) -> String {
    format!("{n}.ledger")
}

fn host(n: u32) -> String {
    format!("wake-{n}.example.com")
}

/// The clock of the ledger's stamps.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with a stamp of another process"
)]
pub(crate) fn unix_ns() -> u64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
