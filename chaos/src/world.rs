//! Everything that is simulated, and the order in which it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use rouse_api::link::MemberId;
use rouse_scaler::controller::SessionId;
use tokio::time::Instant;

use crate::Options;
use crate::api::{Api, Request};
use crate::bug::Bug;
use crate::check::Check;
use crate::net::{Conn, Side};
use crate::plan::Plan;
use crate::pods::Pods;
use crate::proxy::Proxy;
use crate::replica::Flights;
use crate::scaler::Scaler;
use crate::time::Nanos;
use crate::trace::{Outcome, Trace};

/// Which of the scalers or proxies, and which run of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) no: usize,
    pub(crate) run: u32,
}

/// What happens at some moment.
#[derive(Debug)]
pub(crate) enum Event {
    /// A proxy's tasks look whether time has passed.
    Poll(Run),
    /// The same, because something is held.
    Pace(Run),
    /// A proxy's link looks whether time has passed.
    LinkTick(Run),
    /// A proxy dials a scaler.
    Dial(Run, usize),
    /// A message arrives, unless something is in its way.
    Deliver(usize, Side),
    /// One side has heard nothing of the other for too long, if that is still so.
    Silence(usize, Side),
    /// A scaler's controller looks whether time has passed.
    Tick(Run),
    /// A scaler's shell is told its role.
    Lead(Run, Option<u32>),
    /// A scaler's candidacy goes on.
    Campaign(Run),
    /// A change of a count goes on.
    Scale(Run, u64),
    /// A request arrives at the API server.
    Ask(Request),
    /// Its answer arrives.
    Answer(Request),
    /// Nobody waits for it any more.
    GiveUp(Request),
    /// A watch brings something.
    Watch(Run, crate::api::Stream),
    /// A watch has listed everything.
    Listed(Run),
    /// The controllers of the cluster look at a workload.
    Reconcile(usize),
    /// A pod goes on.
    Pod(u64),
    /// A request arrives at a replica.
    AtReplica(u64),
    /// A request's answer arrives at its proxy.
    AtProxy(u64),
    /// A proxy tries a replica.
    Try(Run, u64),
    /// Requests arrive.
    Burst(usize),
    /// One request arrives at some proxy.
    Arrive(usize),
    /// A process starts.
    Start(Process),
    /// A fault begins.
    Fault,
    /// One partition ends.
    Mend(u64),
    /// All faults end.
    Heal,
    /// Which hosts live is said again.
    Hosts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    Proxy(usize),
    Scaler(usize),
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) bug: Option<Bug>,
    pub(crate) rng: Rng,
    pub(crate) base: Instant,
    pub(crate) now: Nanos,
    queue: BTreeMap<(Nanos, u64), Event>,
    next: u64,
    pub(crate) trace: Trace,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) scalers: Vec<Scaler>,
    pub(crate) conns: BTreeMap<usize, Conn>,
    pub(crate) next_conn: usize,
    pub(crate) api: Api,
    pub(crate) pods: Pods,
    pub(crate) flights: Flights,
    pub(crate) check: Check,
    /// Partitions: between these two, or a scaler and the API server.
    pub(crate) cuts: BTreeMap<u64, Cut>,
    pub(crate) healed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Link { proxy: usize, scaler: usize },
    Api { scaler: usize },
}

impl World {
    pub(crate) fn new(options: Options) -> Self {
        let mut rng = Rng::with_seed(options.seed ^ 0x5eed_c4a0_5000);
        let plan = Plan::draw(&mut rng);
        let base = Instant::now();
        let workloads = plan.workloads.len();
        let mut world = Self {
            proxies: (0..plan.proxies).map(|_| Proxy::new(&mut rng)).collect(),
            scalers: (0..plan.scalers)
                .map(|no| Scaler::new(no, base, &plan, &mut rng))
                .collect(),
            bug: options.bug,
            rng,
            base,
            now: 0,
            queue: BTreeMap::new(),
            next: 0,
            trace: Trace::new(options.trace),
            conns: BTreeMap::new(),
            next_conn: 0,
            api: Api::new(workloads),
            pods: Pods::default(),
            flights: Flights::default(),
            check: Check::default(),
            cuts: BTreeMap::new(),
            healed: false,
            plan,
        };
        let text = format!("{:?}", world.plan);
        world.say(&|| text.clone());
        world.begin();
        world
    }

    fn begin(&mut self) {
        for no in 0..self.plan.scalers {
            let at = self.rng.u64(0..200 * crate::time::MS);
            self.at(at, Event::Start(Process::Scaler(no)));
        }
        for no in 0..self.plan.proxies {
            let at = self.rng.u64(0..500 * crate::time::MS);
            self.at(at, Event::Start(Process::Proxy(no)));
        }
        for workload in 0..self.plan.workloads.len() {
            let at = self.rng.u64(0..self.plan.gap);
            self.at(at, Event::Burst(workload));
            if self.rng.bool() {
                let replicas = self.rng.u32(0..3);
                self.api.begin(workload, replicas);
                self.at(1, Event::Reconcile(workload));
            }
        }
        let first = self.rng.u64(0..3 * crate::time::SECOND);
        self.at(first, Event::Fault);
        self.at(self.plan.heal, Event::Heal);
        // Every minute; only the last time matters.
        self.at(self.plan.rest + 5 * crate::time::SECOND, Event::Hosts);
    }

    /// To its end, or to the first violation.
    pub(crate) async fn run(mut self) -> Outcome {
        while let Some(((at, _), event)) = self.queue.pop_first() {
            if at > self.plan.end || self.trace.outcome.violation.is_some() {
                break;
            }
            if at > self.now {
                let target = self.base + Duration::from_nanos(at);
                tokio::time::advance(target - Instant::now()).await;
                self.now = at;
            }
            self.trace.outcome.events += 1;
            self.trace.mix(at);
            self.handle(event);
        }
        if self.trace.outcome.violation.is_none() {
            self.look_at_the_end();
        }
        self.trace.outcome
    }

    pub(crate) fn at(&mut self, at: Nanos, event: Event) {
        self.next += 1;
        self.queue.insert((at.max(self.now), self.next), event);
    }

    pub(crate) fn after(&mut self, delay: Nanos, event: Event) {
        self.at(self.now.saturating_add(delay), event);
    }

    pub(crate) fn say(&mut self, what: &dyn Fn() -> String) {
        self.trace.say(self.now, what);
    }

    /// If `process` stands still, until when it does, or a moment later: what waits for it is taken in any order.
    fn still(&mut self, process: Process) -> Option<Nanos> {
        let until = match process {
            Process::Proxy(no) => self.proxies[no].still,
            Process::Scaler(no) => self.scalers[no].still,
        };
        (until > self.now).then(|| until + self.rng.u64(0..2 * crate::time::MS))
    }

    /// Whose process must run for it.
    fn of(&self, event: &Event) -> Option<(Process, Option<u32>)> {
        Some(match event {
            Event::Poll(run) | Event::Pace(run) | Event::LinkTick(run) => {
                (Process::Proxy(run.no), Some(run.run))
            }
            Event::Dial(run, _) | Event::Try(run, _) => (Process::Proxy(run.no), Some(run.run)),
            Event::Tick(run) | Event::Lead(run, _) | Event::Campaign(run) => {
                (Process::Scaler(run.no), Some(run.run))
            }
            Event::Scale(run, _) | Event::Watch(run, _) | Event::Listed(run) => {
                (Process::Scaler(run.no), Some(run.run))
            }
            Event::Answer(request) | Event::GiveUp(request) => {
                (Process::Scaler(request.by.no), Some(request.by.run))
            }
            Event::Deliver(conn, side) | Event::Silence(conn, side) => {
                let conn = self.conns.get(conn)?;
                match side {
                    Side::Proxy => (Process::Proxy(conn.proxy.no), None),
                    Side::Scaler => (Process::Scaler(conn.scaler.no), None),
                }
            }
            Event::AtProxy(flight) => (Process::Proxy(self.flights.proxy(*flight)?.no), None),
            _ => return None,
        })
    }

    fn handle(&mut self, event: Event) {
        if let Some((process, run)) = self.of(&event) {
            let (up, now) = match process {
                Process::Proxy(no) => (self.proxies[no].up(), self.proxies[no].run),
                Process::Scaler(no) => (self.scalers[no].up, self.scalers[no].run),
            };
            if run.is_some_and(|run| !up || run != now) {
                return;
            }
            if let Some(until) = self.still(process).filter(|_| up) {
                return self.at(until, event);
            }
        }
        match event {
            Event::Poll(run) => self.polled(run),
            Event::Pace(run) => self.paced(run),
            Event::LinkTick(run) => self.link_tick(run),
            Event::Dial(run, scaler) => self.dial(run, scaler),
            Event::Deliver(conn, side) => self.deliver(conn, side),
            Event::Silence(conn, side) => self.silence(conn, side),
            Event::Tick(run) => self.tick(run),
            Event::Lead(run, term) => self.lead(run, term),
            Event::Campaign(run) => self.campaign(run),
            Event::Scale(run, change) => self.scale(run, change),
            Event::Ask(request) => self.ask(request),
            Event::Answer(request) => self.answer(request),
            Event::GiveUp(request) => self.give_up(request),
            Event::Watch(run, stream) => self.watch(run, stream),
            Event::Listed(run) => self.listed(run),
            Event::Reconcile(workload) => self.reconcile(workload),
            Event::Pod(pod) => self.pod(pod),
            Event::AtReplica(flight) => self.at_replica(flight),
            Event::AtProxy(flight) => self.at_proxy(flight),
            Event::Try(run, no) => self.try_replica(run, no),
            Event::Burst(workload) => self.burst(workload),
            Event::Arrive(workload) => self.arrive(workload),
            Event::Start(process) => self.start(process),
            Event::Fault => self.fault(),
            Event::Mend(cut) => {
                self.cuts.remove(&cut);
            }
            Event::Heal => self.heal(),
            Event::Hosts => self.hosts_changed(None),
        }
    }

    pub(crate) fn workload(&self, id: &rouse_api::workload::WorkloadId) -> usize {
        let found = self.plan.workloads.iter().position(|one| one.id == *id);
        found.unwrap_or_default()
    }

    pub(crate) fn between(&mut self, (from, to): (Nanos, Nanos)) -> Nanos {
        self.rng.u64(from..=to)
    }

    pub(crate) fn is_cut(&self, cut: Cut) -> bool {
        self.cuts.values().any(|one| *one == cut)
    }
}

/// Who is behind a session.
#[derive(Debug, Clone)]
pub(crate) struct Seated {
    pub(crate) conn: usize,
    pub(crate) member: MemberId,
}

pub(crate) type Sessions = BTreeMap<SessionId, Seated>;
pub(crate) type Hosts = BTreeSet<std::sync::Arc<str>>;
