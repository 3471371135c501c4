//! The same with many idle workloads beside, and while many more are being taken in.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use futures_util::StreamExt;
use futures_util::stream;

use super::cold;
use super::fixture::{Bed, until};
use crate::error::Result;
use crate::http;

/// CPU is taken over this long without a request.
const IDLE: Duration = Duration::from_secs(20);
const AT_ONCE: usize = 32;

pub(super) async fn table(bed: &Bed, counts: &[u32], wakes: u32) -> Result<String> {
    let mut text = String::from(
        "| idle workloads | taken in | cold, bare p50 | Rouse p50 | Rouse p90 | proxy RSS | scaler RSS | proxy CPU | scaler CPU |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let (mut made, mut stages) = (0, String::new());
    for count in counts {
        let took = take_in(bed, made, *count).await?;
        let new = count.saturating_sub(made);
        made = made.max(*count);
        settled(bed, made).await?;
        let (proxy, scaler) = usage(bed).await?;
        let turns = cold::turns(bed, &format!("beside{count}"), wakes, &[]).await?;
        let ((bare, rouse), (_, rouse90)) = (turns.whole(0.5), turns.whole(0.9));
        let _ = writeln!(stages, "\nBeside {made}:\n\n{}", turns.stages());
        let _ = writeln!(
            text,
            "| {count} | {:.0}/s | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} MiB | {:.1} MiB | {:.2}% | {:.2}% |",
            f64::from(new) / took,
            bare,
            rouse,
            rouse90,
            proxy.memory,
            scaler.memory,
            proxy.cpu,
            scaler.cpu,
        );
    }
    text.push_str(&meanwhile(bed, made, wakes).await?);
    text.push_str(&stages);
    Ok(text)
}

/// Cold requests while that many ScaledWorkloads are made for Deployments that are there.
const TAKEN_IN: u32 = 1000;

/// So fast.
const PER_SECOND: u32 = 100;

/// The same while [`TAKEN_IN`] more are taken in, again and again until all are measured.
async fn meanwhile(bed: &Bed, made: u32, wakes: u32) -> Result<String> {
    let names: Vec<_> = (made..made + TAKEN_IN)
        .map(|n| format!("idle-{n}"))
        .collect();
    deployed(bed, &names).await?;
    let busy = async {
        loop {
            let mut pace = interval(Duration::from_secs(1) / PER_SECOND);
            for name in &names {
                pace.tick().await;
                bed.scaled(name, "5m").await?;
            }
            for name in names.chunks(PER_SECOND as usize) {
                bed.unscale(name).await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
    };
    let turns = tokio::select! {
        turns = cold::turns(bed, "meanwhile", wakes, &[]) => turns?,
        stopped = busy => {
            let stopped: Result<std::convert::Infallible> = stopped;
            match stopped? {}
        }
    };
    let ((bare, rouse), (_, rouse90)) = (turns.whole(0.5), turns.whole(0.9));
    Ok(format!(
        "\nWhile {TAKEN_IN} more are made, {PER_SECOND} a second, and deleted, over and over: cold, bare p50 {bare:.1} ms, Rouse p50 {rouse:.1} ms, p90 {rouse90:.1} ms.\n\n{}",
        turns.stages()
    ))
}

/// Waits until each object has a status: then what is idle is idle.
async fn settled(bed: &Bed, made: u32) -> Result<()> {
    until("every object has its status", async || {
        Ok(bed.told().await? >= made as usize)
    })
    .await
}

async fn deployed(bed: &Bed, names: &[String]) -> Result<()> {
    let deploy = stream::iter(names)
        .map(|name| bed.deploy(name, &[]))
        .buffer_unordered(AT_ONCE);
    deploy.collect::<Vec<_>>().await.into_iter().collect()
}

async fn specified(bed: &Bed, names: &[String]) -> Result<()> {
    let scaled = stream::iter(names)
        .map(|name| bed.scaled(name, "5m"))
        .buffer_unordered(AT_ONCE);
    scaled.collect::<Vec<_>>().await.into_iter().collect()
}

/// Makes the workloads and waits until the proxy has the last; in seconds, from the first ScaledWorkload to the last route.
async fn take_in(bed: &Bed, from: u32, to: u32) -> Result<f64> {
    let names: Vec<_> = (from..to).map(|n| format!("idle-{n}")).collect();
    deployed(bed, &names).await?;
    let began = Instant::now();
    specified(bed, &names).await?;
    if let Some(last) = names.last() {
        let admin = std::net::SocketAddr::new(bed.proxy.ip(), 9090);
        until("the last is routed", async || {
            let status = http::get(admin, "admin", "/status", Duration::from_secs(20)).await?;
            Ok(status.text.contains(&format!("/{last}\"")))
        })
        .await?;
    }
    Ok(began.elapsed().as_secs_f64())
}

struct Usage {
    /// MiB resident.
    memory: f64,
    /// Percent of a core while nothing is asked of it.
    cpu: f64,
}

/// Of one proxy and of the busier scaler.
async fn usage(bed: &Bed) -> Result<(Usage, Usage)> {
    let mut processes = Vec::new();
    for (name, container) in [("rouse-proxy", "proxy"), ("rouse-scaler", "scaler")] {
        let members = bed.members(name).await?;
        let pids: Vec<_> = members
            .iter()
            .filter_map(|member| bed.pid(member, container))
            .collect();
        processes.push(pids);
    }
    let before: Vec<Vec<f64>> = processes
        .iter()
        .map(|pids| pids.iter().map(|pid| cpu(*pid)).collect())
        .collect();
    sleep(IDLE).await;
    let of = |at: usize| {
        let used = processes[at]
            .iter()
            .zip(&before[at])
            .map(|(pid, before)| Usage {
                memory: memory(*pid),
                cpu: (cpu(*pid) - before) / IDLE.as_secs_f64() * 100.0,
            });
        used.max_by(|a, b| a.cpu.total_cmp(&b.cpu))
            .unwrap_or(Usage {
                memory: 0.0,
                cpu: 0.0,
            })
    };
    Ok((of(0), of(1)))
}

/// `VmRSS` in MiB.
fn memory(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

/// User and system time in seconds; the kernel counts in hundredths.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or_default()
    };
    (ticks(11) + ticks(12)) / 100.0
}
