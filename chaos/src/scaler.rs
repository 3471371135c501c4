//! Scalers: the real controller and election, with a shell that nothing waits in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use rouse_api::link::{Capabilities, EndpointId, MemberId, Term, ToScaler};
use rouse_api::workload::{Probe, ProbeAction};
use rouse_kubernetes::chaos::{Ask, Candidate, Next, Said};
use rouse_kubernetes::lease::Timing;
use rouse_scaler::controller::{Action, Controller, Event as Input, SessionId};
use rouse_scaler::platform::{Count, Observation, Replica, ReplicaState};
use rouse_scaler::{ScalerConfig, SessionEnd};
use tokio::time::Instant;

use crate::api::{News, Stream, What};
use crate::bug::Bug;
use crate::plan::Plan;
use crate::pods::{Seen, service};
use crate::scale::Changing;
use crate::time::{Clock, MS, Nanos, nanos};
use crate::world::{Cut, Event, Hosts, Run, Seated, Sessions, World};

pub(crate) struct Scaler {
    pub(crate) run: u32,
    pub(crate) up: bool,
    pub(crate) still: Nanos,
    pub(crate) clock: Clock,
    controller: Controller,
    pub(crate) candidate: Candidate,
    /// The highest term that proxies know.
    known: Term,
    /// As the election said it last.
    published: Option<Term>,
    /// As the controller was told.
    pub(crate) leads: Option<Term>,
    /// Changes with each role.
    pub(crate) role: u64,
    pub(crate) listens: bool,
    pub(crate) listed: bool,
    sessions: Sessions,
    next_session: u64,
    pub(crate) streams: BTreeMap<Stream, (VecDeque<News>, Nanos)>,
    pub(crate) counts: Vec<Option<Count>>,
    pods: Vec<Vec<Seen>>,
    /// When each pod was seen first, and ready first.
    times: BTreeMap<u64, (Instant, Option<Instant>)>,
    tick_at: Option<Nanos>,
    pub(crate) changes: BTreeMap<u64, Changing>,
    /// When this run last heard a report of each proxy's run.
    pub(crate) reports: BTreeMap<Arc<str>, Nanos>,
}

impl Scaler {
    pub(crate) fn new(no: usize, base: Instant, plan: &Plan, rng: &mut Rng) -> Self {
        let ahead = rng.i64(-plan.skew..=plan.skew);
        Self {
            run: 0,
            up: false,
            still: 0,
            clock: Clock::new(base, ahead),
            controller: Controller::new(config()),
            candidate: Candidate::new(&format!("s{no}"), Timing::default()),
            known: 0,
            published: None,
            leads: None,
            role: 0,
            listens: false,
            listed: false,
            sessions: Sessions::new(),
            next_session: 0,
            streams: BTreeMap::new(),
            counts: Vec::new(),
            pods: Vec::new(),
            times: BTreeMap::new(),
            tick_at: None,
            changes: BTreeMap::new(),
            reports: BTreeMap::new(),
        }
    }

    pub(crate) fn is(&self, run: u32) -> bool {
        self.up && self.run == run
    }
}

fn config() -> ScalerConfig {
    ScalerConfig {
        leads: None,
        ..ScalerConfig::default()
    }
}

impl World {
    pub(crate) fn local(&self, scaler: usize) -> Instant {
        self.scalers[scaler].clock.at(self.now)
    }

    pub(crate) fn start_scaler(&mut self, no: usize) {
        let workloads = self.plan.workloads.len();
        let scaler = &mut self.scalers[no];
        let (run, clock) = (scaler.run + 1, scaler.clock);
        let identity = format!("s{no}-{run}");
        *scaler = Scaler {
            run,
            clock,
            up: true,
            controller: Controller::new(config()),
            candidate: Candidate::new(&identity, Timing::default()),
            sessions: Sessions::new(),
            streams: BTreeMap::new(),
            counts: vec![None; workloads],
            pods: vec![Vec::new(); workloads],
            times: BTreeMap::new(),
            changes: BTreeMap::new(),
            reports: BTreeMap::new(),
            still: 0,
            known: 0,
            published: None,
            leads: None,
            role: 0,
            listens: false,
            listed: false,
            next_session: 0,
            tick_at: None,
        };
        let delay = self.rng.u64(5 * MS..300 * MS);
        self.after(delay, Event::Listed(Run { no, run }));
    }

    /// The whole cluster is known: now proxies are taken, and the lease is stood for.
    pub(crate) fn listed(&mut self, run: Run) {
        if self.is_cut(Cut::Api { scaler: run.no }) {
            return self.after(100 * MS, Event::Listed(run));
        }
        self.scalers[run.no].listed = true;
        self.input(run, Input::Applied(self.plan.workloads.clone()));
        let hosts = self.api.hosts();
        self.live_hosts(run, hosts);
        for workload in 0..self.plan.workloads.len() {
            let scaler = &mut self.scalers[run.no];
            scaler.counts[workload] = Some(self.api.counts[workload]);
            scaler.pods[workload] = self.pods.seen(workload);
            self.observe(run, workload);
        }
        self.scalers[run.no].listens = true;
        self.at(self.now, Event::Campaign(run));
    }

    /// What each scaler thinks of each workload, to be read.
    pub(crate) fn tell_status(&mut self) {
        for no in 0..self.scalers.len() {
            for workload in 0..self.plan.workloads.len() {
                let (id, now) = (&self.plan.workloads[workload].id, self.local(no));
                let status = self.scalers[no].controller.workload_status(id, now);
                self.say(&|| format!("s{no}: {status:?}"));
            }
        }
    }

    fn live_hosts(&mut self, run: Run, hosts: Hosts) {
        if self.bug != Some(Bug::HostsAreUnknown) {
            self.input(run, Input::LiveHosts(hosts));
        }
    }

    /// A watch has brought something.
    pub(crate) fn news(&mut self, run: Run, news: News) {
        match news {
            News::Count(workload, count) => {
                self.counted(run, workload, count);
                self.observe(run, workload);
            }
            News::Pods(workload, pods) => {
                self.scalers[run.no].pods[workload] = pods;
                self.observe(run, workload);
            }
            News::Hosts(hosts) => self.live_hosts(run, hosts),
        }
    }

    /// The newest count is the one that is known.
    pub(crate) fn counted(&mut self, run: Run, workload: usize, count: Count) {
        let known = &mut self.scalers[run.no].counts[workload];
        if known.is_none_or(|known| known.version < count.version) {
            *known = Some(count);
        }
    }

    fn observe(&mut self, run: Run, workload: usize) {
        let now = self.local(run.no);
        let scaler = &mut self.scalers[run.no];
        let mut replicas = Vec::new();
        for seen in &scaler.pods[workload] {
            let times = scaler.times.entry(seen.no).or_insert((now, None));
            if seen.ready {
                times.1.get_or_insert(now);
            }
            replicas.push(replica(seen, *times));
        }
        let id = self.plan.workloads[workload].id.clone();
        let mut observation = Observation::of(id, replicas, None);
        observation.count = scaler.counts[workload];
        observation.service = Some(service(workload));
        self.input(run, Input::Observed(observation));
    }

    /// The controller takes an event, and what it says is done.
    pub(crate) fn input(&mut self, run: Run, input: Input) {
        let now = self.local(run.no);
        let actions = self.scalers[run.no].controller.handle(input, now);
        let mut pump = Vec::new();
        for action in actions {
            match action {
                Action::Send(session, message) => {
                    let seated = self.scalers[run.no].sessions.get(&session);
                    if let Some(seated) = seated {
                        self.trace.mix(5);
                        if let Some(conn) = self.conns.get(&seated.conn) {
                            conn.seat.put(message);
                        }
                        pump.push(seated.conn);
                    }
                }
                Action::Close(session) => {
                    if let Some(seated) = self.scalers[run.no].sessions.remove(&session) {
                        self.close_scaler(seated.conn);
                    }
                }
                Action::Scale {
                    workload,
                    from,
                    replicas,
                    ..
                } => {
                    let workload = self.workload(&workload);
                    self.begin_change(run, workload, from, replicas);
                }
                Action::Emit(event) => self.say(&|| format!("s{}: {event}", run.no)),
                Action::Apply(_) | Action::Forget(_) | Action::Count { .. } => {}
                Action::Changed(_) => {}
            }
        }
        pump.sort_unstable();
        pump.dedup();
        pump.into_iter().for_each(|conn| self.pump(conn));
        self.plan_tick(run);
    }

    fn plan_tick(&mut self, run: Run) {
        let scaler = &self.scalers[run.no];
        let Some(deadline) = scaler.controller.next_deadline() else {
            return;
        };
        let at = scaler.clock.when(deadline).max(self.now);
        if scaler.tick_at.is_none_or(|planned| at < planned) {
            self.scalers[run.no].tick_at = Some(at);
            self.at(at, Event::Tick(run));
        }
    }

    pub(crate) fn tick(&mut self, run: Run) {
        let scaler = &mut self.scalers[run.no];
        if scaler.tick_at.is_none_or(|planned| planned > self.now) {
            return;
        }
        scaler.tick_at = None;
        self.input(run, Input::Tick);
    }

    pub(crate) fn open_session(
        &mut self,
        run: Run,
        conn: usize,
        member: MemberId,
        term: Option<Term>,
    ) {
        let scaler = &mut self.scalers[run.no];
        scaler.known = scaler.known.max(term.unwrap_or(0));
        scaler.next_session += 1;
        let session = SessionId(scaler.next_session);
        let seated = Seated {
            conn,
            member: member.clone(),
        };
        scaler.sessions.insert(session, seated);
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.session = Some(session);
        }
        let end = match self.bug {
            Some(Bug::SilenceIsDeath) => SessionEnd::Death,
            _ => SessionEnd::Silence,
        };
        let opened = Input::SessionOpened {
            session,
            member,
            end,
            capabilities: Capabilities::ALL,
        };
        self.input(run, opened);
    }

    pub(crate) fn close_session(&mut self, run: Run, session: SessionId) {
        if self.scalers[run.no].sessions.remove(&session).is_some() {
            self.input(run, Input::SessionClosed(session));
        }
    }

    pub(crate) fn heard_by_scaler(&mut self, run: Run, session: SessionId, message: ToScaler) {
        let scaler = &mut self.scalers[run.no];
        let Some(seated) = scaler.sessions.get(&session) else {
            return;
        };
        if matches!(message, ToScaler::Report(_)) {
            scaler.reports.insert(seated.member.host.clone(), self.now);
        }
        self.input(run, Input::Link(session, message));
    }

    pub(crate) fn campaign(&mut self, run: Run) {
        let now = self.local(run.no);
        let scaler = &mut self.scalers[run.no];
        scaler.candidate.know(scaler.known);
        let next = scaler.candidate.step(now);
        let term = scaler.candidate.term(now);
        let changed = std::mem::replace(&mut scaler.published, term) != term;
        if changed {
            self.say(&|| format!("s{} is elected: {term:?}", run.no));
            let delay = self.rng.u64(0..MS);
            self.after(delay, Event::Lead(run, term));
        }
        match next {
            Next::Wait(until) => {
                let at = self.scalers[run.no].clock.when(until);
                self.at(at, Event::Campaign(run));
            }
            Next::Ask(ask) => {
                let deadline = self.scalers[run.no].candidate.deadline(now);
                let limit = nanos(deadline.saturating_duration_since(now));
                self.request(run, What::Lease { ask, sent: now }, limit);
            }
        }
    }

    pub(crate) fn lease_answered(&mut self, run: Run, ask: &Ask, said: Said, sent: Instant) {
        let (now, chance) = (self.local(run.no), self.rng.f64());
        let candidate = &mut self.scalers[run.no].candidate;
        candidate.answered(ask, said, sent, now, chance);
        self.campaign(run);
    }

    pub(crate) fn lead(&mut self, run: Run, term: Option<Term>) {
        if term.is_none() && self.bug == Some(Bug::DeafToItsEnd) {
            return;
        }
        self.say(&|| format!("s{} leads: {term:?}", run.no));
        self.trace.mix(6);
        let scaler = &mut self.scalers[run.no];
        scaler.leads = term;
        scaler.role += 1;
        let lowering = scaler.changes.iter().filter(|(_, one)| one.lowers());
        let lowering: Vec<u64> = lowering.map(|(no, _)| *no).collect();
        for change in lowering {
            self.at(self.now, Event::Scale(run, change));
        }
        if let Some(term) = term {
            self.check_led(run, term);
        }
        self.input(run, Input::Lead(term));
    }
}

fn replica(seen: &Seen, (started, ready_since): (Instant, Option<Instant>)) -> Replica {
    let state = match (seen.terminating, seen.ready) {
        (true, _) => ReplicaState::Terminating,
        (false, true) => ReplicaState::Ready,
        (false, false) => ReplicaState::Starting,
    };
    Replica {
        id: EndpointId(format!("pod-{}", seen.no).into()),
        address: seen.address,
        state,
        outdated: false,
        started,
        ready_since,
        service_account: None,
        probe: Some(Arc::new(Probe {
            action: ProbeAction::TcpSocket { port: None },
            timeout: Duration::from_secs(1),
            period: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 3,
        })),
    }
}
