//! A scaler and its links at a size that no machine here has: its real controller with many workloads and proxies, by the reports that
//! so much traffic makes.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::{
    Capabilities, EndpointId, MemberId, Report, ToProxy, ToScaler, WorkloadReport,
};
use rouse_api::workload::{Hold, Http, Scalable, Scale, Target, Workload, WorkloadId};
use rouse_link::size;
use rouse_scaler::controller::{Action, Controller, Event, SessionId};
use rouse_scaler::platform::{Count, Observation, Replica, ReplicaState};
use rouse_scaler::{ScalerConfig, SessionEnd};
use tokio::time::Instant;

use crate::error::{Error, Result, While};
use crate::setup;
use crate::stats::median;

const SECOND: Duration = Duration::from_secs(1);
/// How long a request takes.
const SERVICE: f64 = 0.05;
/// Requests per second of a replica.
const PER_REPLICA: f64 = 200.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Workloads
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    workloads: u32,
    /// Those among them that have requests
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    hot: u32,
    /// Proxies
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    proxies: u32,
    /// Requests per second, all together
    #[arg(long, default_value_t = 1_000_000)]
    rate: u32,
    /// How many of the proxies have requests for a hot workload
    #[arg(long, value_delimiter = ',', default_value = "4,20,200")]
    spread: Vec<u32>,
    /// Seconds that are measured, after the windows are full
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// One row and nothing else
    #[arg(long, hide = true)]
    row: bool,
}

/// Gives the tables. Each row is measured in a process of its own: memory that another had would be counted.
pub(crate) fn run(options: &Options) -> Result<String> {
    if options.row {
        return Ok(row(options));
    }
    let machine = setup::machine();
    let mut text = String::from(
        "| hot workloads at | scaler's memory | of it per workload | CPU per second: reports | decisions | all, of a core | reports | a proxy's |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for spread in &options.spread {
        let _ = write!(text, "{}", child(options, *spread)?);
    }
    Ok(format!("{text}\n{machine}."))
}

fn child(options: &Options, spread: u32) -> Result<String> {
    let numbers = [
        ("--workloads", options.workloads),
        ("--hot", options.hot),
        ("--proxies", options.proxies),
        ("--rate", options.rate),
        ("--seconds", options.seconds),
        ("--spread", spread),
    ];
    let program = std::env::current_exe().while_(|| "finding this program".to_owned())?;
    let mut command = Command::new(program);
    command.args(["paper", "--row"]).stderr(Stdio::inherit());
    for (name, number) in numbers {
        command.arg(name).arg(number.to_string());
    }
    let output = command.output().while_(|| "measuring a row".to_owned())?;
    let text = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
    match output.status.success() && !text.is_empty() {
        true => Ok(format!("{text}\n")),
        false => Err(Error(format!("measuring a row: {}", output.status))),
    }
}

fn row(options: &Options) -> String {
    let spread = options.spread.first().copied().unwrap_or(1);
    let mut paper = Paper::new(options, spread.clamp(1, options.proxies));
    let (told, megabytes, took) = paper.fill(options.proxies);
    eprintln!(
        "a proxy that connects is told {told} messages beside the routes, {megabytes:.1} MB, made in {took:.0} ms"
    );
    paper.row(options.seconds)
}

struct Paper {
    controller: Controller,
    names: Vec<WorkloadId>,
    hot: usize,
    spread: u32,
    proxies: u32,
    /// Of one hot workload at one proxy, per second.
    requests: f64,
    now: Instant,
    second: u64,
    /// MiB before there was anything.
    before: f64,
}

impl Paper {
    fn new(options: &Options, spread: u32) -> Self {
        let hot = options.hot.min(options.workloads);
        let config = ScalerConfig::default();
        Self {
            before: memory(),
            controller: Controller::new(config),
            names: (0..options.workloads).map(name).collect(),
            hot: hot as usize,
            spread,
            proxies: options.proxies,
            requests: f64::from(options.rate) / f64::from(hot) / f64::from(spread),
            now: Instant::now(),
            second: 0,
        }
    }

    /// Everything there, and a window's worth of reports; says what a proxy is told as it connects.
    fn fill(&mut self, proxies: u32) -> (usize, f64, f64) {
        let rate = self.requests * f64::from(self.spread);
        let replicas = (rate / PER_REPLICA).ceil().max(1.0) as u32;
        let all = self.names.iter().map(|id| workload(id.clone()));
        let all: Vec<Workload> = all.collect();
        self.controller.handle(Event::Applied(all), self.now);
        for no in 0..self.names.len() {
            let count = if no < self.hot { replicas } else { 0 };
            let seen = observation(&self.names[no], no, count, self.now);
            self.controller.handle(Event::Observed(seen), self.now);
        }
        let mut told = (0, 0, Duration::ZERO);
        for no in 0..u64::from(proxies) {
            let opened = Event::SessionOpened {
                session: SessionId(no),
                member: MemberId {
                    host: format!("proxy-{no:04}").into(),
                    instance: no,
                },
                end: SessionEnd::Silence,
                capabilities: Capabilities::ALL,
            };
            let began = Instant::now();
            let actions = self.controller.handle(opened, self.now);
            told.2 = began.elapsed();
            if no == 0 {
                let sent = actions.iter().filter_map(|action| match action {
                    Action::Send(_, message) if !matches!(message, ToProxy::Routes(_)) => {
                        Some(size::from_scaler(message))
                    }
                    _ => None,
                });
                for bytes in sent {
                    told.0 += 1;
                    told.1 += bytes;
                }
            }
        }
        for _ in 0..60 {
            self.pass();
        }
        let (messages, bytes, took) = told;
        (messages, bytes as f64 / 1e6, took.as_secs_f64() * 1e3)
    }

    /// A second: every proxy reports, then what is due is decided. CPU seconds of both, and the reports' bytes.
    fn pass(&mut self) -> (f64, f64, usize) {
        self.second += 1;
        let reports: Vec<(SessionId, ToScaler)> =
            (0..self.proxies).map(|no| self.report(no)).collect();
        let bytes = reports
            .iter()
            .map(|(_, report)| size::from_proxy(report))
            .sum();
        self.now += SECOND;
        let before = cpu();
        for (session, report) in reports {
            self.controller
                .handle(Event::Link(session, report), self.now);
        }
        let between = cpu();
        while self
            .controller
            .next_deadline()
            .is_some_and(|due| due <= self.now)
        {
            self.controller.handle(Event::Tick, self.now);
        }
        (between - before, cpu() - between, bytes)
    }

    /// What this proxy has had: some of the hot workloads, by turns so that they rise and fall.
    fn report(&self, proxy: u32) -> (SessionId, ToScaler) {
        let step = self.proxies / self.spread;
        let mine = |no: &usize| (*no as u32 + proxy).is_multiple_of(step.max(1));
        let workloads = (0..self.hot).filter(mine).map(|no| {
            let swing = 0.8 + 0.4 * ((no as u64 + self.second) % 10) as f64 / 9.0;
            let requests = self.requests * swing;
            WorkloadReport {
                workload: self.names[no].clone(),
                in_flight_seconds: requests * SERVICE,
                held_seconds: 0.0,
                requests: requests.round() as u64,
                in_flight: (requests * SERVICE).round() as u32,
                held: 0,
                idle_for: Duration::ZERO,
            }
        });
        let report = Report {
            whole: self.second == 1,
            sequence: self.second,
            length: SECOND,
            workloads: workloads.collect(),
        };
        (SessionId(proxy.into()), ToScaler::Report(report))
    }

    fn row(&mut self, seconds: u32) -> String {
        let (mut reports, mut decisions, mut bytes) = (Vec::new(), Vec::new(), 0);
        for _ in 0..seconds {
            let (one, other, sent) = self.pass();
            reports.push(one);
            decisions.push(other);
            bytes = sent;
        }
        let (reports, decisions) = (median(&reports), median(&decisions));
        let used = memory() - self.before;
        format!(
            "| {} of {} | {used:.0} MiB | {:.1} KiB | {:.0} ms | {:.0} ms | {:.0}% | {:.1} MB/s | {:.0} kB/s |",
            self.spread,
            self.proxies,
            used * 1024.0 / self.names.len() as f64,
            reports * 1e3,
            decisions * 1e3,
            (reports + decisions) * 100.0,
            bytes as f64 / 1e6,
            bytes as f64 / 1e3 / f64::from(self.proxies),
        )
    }
}

fn name(no: u32) -> WorkloadId {
    WorkloadId::new(&format!("team-{}", no % 100), &format!("service-{no}"))
}

fn workload(id: WorkloadId) -> Workload {
    Workload {
        scale: Scale {
            max: 100,
            ..Scale::default()
        },
        http: Some(Http {
            concurrency_per_replica: Some(PER_REPLICA * SERVICE),
            hold: Hold::default(),
            ..Http::new(Vec::new())
        }),
        target: Target::Scalable(Scalable {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: id.to_string(),
        }),
        rank: 0,
        triggers: Vec::new(),
        wakes: Vec::new(),
        id,
    }
}

fn observation(id: &WorkloadId, no: usize, count: u32, now: Instant) -> Observation {
    let replicas = (0..count).map(|replica| {
        let [_, high, low, _] = (no as u32).to_be_bytes();
        Replica {
            id: EndpointId(Arc::from(format!("{id}-{replica}-7f6c9b5d4-x2x9z"))),
            address: SocketAddr::from(([10, high, low, replica as u8], 8080)),
            state: ReplicaState::Ready,
            started: now,
            ready_since: Some(now),
            service_account: None,
            outdated: false,
            probe: None,
        }
    });
    let mut seen = Observation::of(id.clone(), replicas.collect(), None);
    seen.count = Some(Count {
        version: 1,
        replicas: count,
    });
    seen
}

/// Resident, in MiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

/// Of this process, in seconds.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
