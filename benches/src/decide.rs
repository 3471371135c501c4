//! One look at one workload: its demand over all proxies, and the decision.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use rouse_api::link::WorkloadReport;
use rouse_api::workload::{Behavior, WorkloadId};
use rouse_scaler::decide::{Policy, State, decide};
use rouse_scaler::demand::{Demand, MemberNo, Roster};
use tokio::time::Instant;

use crate::error::{Result, While};
use crate::setup;
use crate::stats::median;

/// Workloads that are looked at in turn: more than fit the fast caches.
const WORKLOADS: usize = 10_000;
/// Proxies that the busy ones have requests at.
const PROXIES: [u64; 4] = [1, 2, 4, 16];
const SECOND: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Times that every workload is looked at
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    ticks: u32,
}

struct Entry {
    demand: Demand,
    state: State,
}

/// Gives the table.
pub(crate) fn run(options: &Options) -> Result<String> {
    let mut text = String::from(
        "| workloads | proxies | demand, µs | decide, µs | both, µs |\n|---|---:|---:|---:|---:|\n",
    );
    let machine = setup::machine();
    let mut row = |name: &str, proxies: u64, busy: bool| {
        let (demand, decide) = measure(options.ticks, proxies, busy)?;
        let both = demand + decide;
        let _ = writeln!(
            text,
            "| {name} | {proxies} | {demand:.2} | {decide:.2} | {both:.2} |"
        );
        Ok(())
    };
    row("idle", 1, false)?;
    for proxies in PROXIES {
        row("busy", proxies, true)?;
    }
    let _ = write!(text, "\n{machine}.");
    Ok(text)
}

fn policy() -> Policy {
    Policy {
        requests: true,
        min: 0,
        max: 100,
        on_wake: 1,
        idle_after: Duration::from_secs(300),
        concurrency: Some(10.0),
        limit: Some(20.0),
        request_rate: Some(100.0),
        behavior: Behavior {
            scale_down_delay: Duration::from_secs(30),
            ..Behavior::default()
        },
    }
}

/// Microseconds per workload and tick, for the windows and for the decision; medians over ticks.
fn measure(ticks: u32, proxies: u64, busy: bool) -> Result<(f64, f64)> {
    let policy = policy();
    let start = Instant::now();
    let (mut roster, mut entries) = filled(&policy.behavior, proxies, busy, start);
    let (mut of_demand, mut of_decide) = (Vec::new(), Vec::new());
    let mut now = start + policy.behavior.stable_window;
    let mut awake = 0_usize;
    for tick in 1..=ticks {
        now += SECOND;
        report(&mut roster, &mut entries, proxies, busy, (61 + tick, now));
        let began = Instant::now();
        let snapshots: Vec<_> = entries
            .iter()
            .map(|entry| entry.demand.snapshot(&roster, now))
            .collect();
        of_demand.push(micros(began));
        let began = Instant::now();
        for (entry, snapshot) in entries.iter_mut().zip(&snapshots) {
            let (decision, mut state) = decide(&policy, snapshot, &[], &entry.state, now);
            state.capacity.ready = state.replicas;
            entry.state = state;
            awake += usize::from(black_box(decision).replicas > 0);
        }
        of_decide.push(micros(began));
    }
    // Busy ones are awake, but for those whose first look falls into a moment without a request.
    let all = WORKLOADS * ticks as usize;
    let plausible = if busy {
        awake > all / 10 * 9
    } else {
        awake == 0
    };
    plausible
        .then_some(())
        .while_(|| format!("{awake} of {all} decisions for replicas"))?;
    Ok((median(&of_demand), median(&of_decide)))
}

fn micros(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e6 / WORKLOADS as f64
}

/// A stable window's worth of reports.
fn filled(behavior: &Behavior, proxies: u64, busy: bool, start: Instant) -> (Roster, Vec<Entry>) {
    let mut roster = Roster::new(behavior.stable_window);
    for proxy in 0..proxies {
        roster.join(MemberNo(proxy), start);
    }
    let entry = || Entry {
        demand: Demand::new(behavior.stable_window, behavior.panic_window, start),
        state: State::default(),
    };
    let mut entries: Vec<_> = std::iter::repeat_with(entry).take(WORKLOADS).collect();
    for second in 1..=60 {
        let at = (second, start + SECOND * second);
        report(&mut roster, &mut entries, proxies, busy, at);
    }
    (roster, entries)
}

/// A second of every proxy.
fn report(
    roster: &mut Roster,
    entries: &mut [Entry],
    proxies: u64,
    busy: bool,
    (second, now): (u32, Instant),
) {
    for proxy in (0..proxies).map(MemberNo) {
        let Some(bucket) = roster.report(proxy, second.into(), SECOND, now) else {
            continue;
        };
        if !busy {
            continue;
        }
        for (n, entry) in entries.iter_mut().enumerate() {
            // Falls and rises, each workload in its own phase.
            let in_flight = (u32::try_from(n).unwrap_or(0) + second) % 40;
            let part = WorkloadReport {
                workload: WorkloadId::new("default", "w"),
                in_flight_seconds: f64::from(in_flight),
                held_seconds: 0.0,
                requests: u64::from(in_flight) * 3,
                in_flight,
                held: 0,
                idle_for: Duration::ZERO,
            };
            entry.demand.report(proxy, bucket, &part, now);
        }
    }
}
