//! The state machine with made-up time, proxies and platform.

mod apply;
mod cluster;
mod drain;
mod history;
mod lead;
mod members;
mod permits;
mod probers;
mod random;
mod shadow;
mod sleep;
mod triggers;
mod verify;
mod wake;
mod wakes;

use std::net::SocketAddr;
use std::time::Duration;

use rouse_api::link::{
    Capabilities, EndpointId, EndpointState, Failure, MemberId, Report, ToProxy, ToScaler, Wake,
    WorkloadReport, WorkloadState,
};
use rouse_api::workload::{
    Hold, Http, Process, Protocol, Scale, Target, Timeouts, Workload, WorkloadId,
};
use tokio::time::Instant;

use super::{Action, Controller, Event, EventKind, SessionEnd, SessionId};
use crate::ScalerConfig;
use crate::platform::{Count, Observation, PlatformError, Replica, ReplicaState};

const A: SessionId = SessionId(1);
const B: SessionId = SessionId(2);
const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn hello() -> WorkloadId {
    WorkloadId::new("default", "hello")
}

fn process(command: &str) -> Process {
    Process {
        command: vec![command.to_owned()],
        env: std::collections::BTreeMap::new(),
        working_dir: None,
        readiness: None,
        listens: true,
        termination_grace_period: SECOND,
    }
}

/// 0 to 5 replicas, for 10 requests each, asleep after 10 s.
fn workload() -> Workload {
    Workload {
        rank: 0,
        id: hello(),
        scale: Scale {
            on_delete: rouse_api::workload::OnDelete::default(),
            observes: false,
            verify_changes: false,
            behavior: rouse_api::workload::Behavior::default(),
            min: 0,
            max: 5,
            initial: None,
            on_wake: 1,
            idle_after: SECOND * 10,
        },
        triggers: Vec::new(),
        wakes: Vec::new(),
        http: Some(Http {
            routes: Vec::new(),
            service: None,
            readiness: rouse_api::workload::Readiness::default(),
            dial: rouse_api::workload::Dial::default(),
            tls: rouse_api::workload::Tls::default(),
            protocol: Protocol::Http1,
            concurrency_per_replica: Some(10.0),
            concurrency_limit: None,
            request_rate_per_replica: None,
            hold: Hold::default(),
            timeouts: Timeouts::default(),
            rules: Vec::new(),
            wake_requires: None,
            front: None,
            while_waking: rouse_api::workload::WhileWaking::default(),
        }),
        target: Target::Process(process("hello")),
    }
}

/// A controller with the time, what the platform was told, and what the proxies report.
#[derive(Debug)]
struct World {
    controller: Controller,
    now: Instant,
    sequence: u64,
    /// The last moment with demand.
    active: Instant,
    replicas: Vec<Replica>,
    /// What the platform was asked for last.
    asked: u32,
}

impl World {
    /// The workload is applied and these sessions are open; both are said to be idle for long.
    fn new(workload: Workload, sessions: &[SessionId]) -> Self {
        let now = Instant::now() + SECOND * 3600;
        let mut world = Self {
            controller: Controller::new(ScalerConfig::default()),
            now,
            active: now - SECOND * 3600,
            sequence: 0,
            replicas: Vec::new(),
            asked: 0,
        };
        world.event(Event::Applied(vec![workload]));
        for session in sessions {
            world.open(*session);
            world.report(*session, 0, 0, SECOND * 3600);
        }
        world
    }

    /// One replica is ready, and was asked for by a request that is answered.
    fn awake(sessions: &[SessionId]) -> Self {
        let mut world = Self::new(workload(), sessions);
        world.wake(A, 1);
        world.done();
        world.observe(&[("a", ReplicaState::Ready)]);
        for session in sessions {
            world.report(*session, 0, 0, Duration::ZERO);
        }
        world
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        let out = self.controller.handle(event, self.now);
        if let Some((asked, _)) = scales(&out).last() {
            self.asked = *asked;
        }
        out
    }

    /// A session whose end is its proxy's.
    fn open(&mut self, session: SessionId) -> Vec<Action> {
        self.connect(session, member(session), SessionEnd::Death)
    }

    fn connect(&mut self, session: SessionId, member: MemberId, end: SessionEnd) -> Vec<Action> {
        self.event(Event::SessionOpened {
            session,
            member,
            end,
            capabilities: Capabilities::ALL,
        })
    }

    /// The platform takes on what it was asked for, and nobody else changes it.
    fn done(&mut self) -> Vec<Action> {
        let (version, replicas) = (0, self.asked);
        self.event(Event::ScaleDone(hello(), Count { version, replicas }))
    }

    fn refused(&mut self) -> Vec<Action> {
        let why = PlatformError::Refused("no".to_owned());
        self.event(Event::ScaleFailed(hello(), why))
    }

    fn say(&mut self, session: SessionId, message: ToScaler) -> Vec<Action> {
        self.event(Event::Link(session, message))
    }

    fn wake(&mut self, session: SessionId, held: u32) -> Vec<Action> {
        self.active = self.now;
        let (workload, oldest) = (hello(), MS);
        self.say(
            session,
            ToScaler::Wake(Wake {
                workload,
                held,
                oldest,
                by: None,
            }),
        )
    }

    fn report(
        &mut self,
        session: SessionId,
        in_flight: u32,
        held: u32,
        idle_for: Duration,
    ) -> Vec<Action> {
        self.sequence += 1;
        self.active = self.active.max(self.now - idle_for);
        let report = WorkloadReport {
            workload: hello(),
            in_flight_seconds: f64::from(in_flight),
            held_seconds: f64::from(held),
            requests: u64::from(in_flight),
            in_flight,
            held,
            idle_for,
        };
        let (sequence, length, workloads) = (self.sequence, SECOND, vec![report]);
        self.say(
            session,
            ToScaler::Report(Report {
                whole: false,
                sequence,
                length,
                workloads,
            }),
        )
    }

    /// The platform observes these replicas; those it knows keep their times.
    fn observe(&mut self, replicas: &[(&str, ReplicaState)]) -> Vec<Action> {
        self.observe_only(replicas);
        self.observed(None)
    }

    fn observe_only(&mut self, replicas: &[(&str, ReplicaState)]) {
        let known = std::mem::take(&mut self.replicas);
        for (name, state) in replicas {
            let id = EndpointId((*name).into());
            let old = known.iter().find(|replica| replica.id == id);
            let ready_since = old.and_then(|replica| replica.ready_since);
            self.replicas.push(Replica {
                probe: old.and_then(|replica| replica.probe.clone()),
                address: SocketAddr::from(([127, 0, 0, 1], 9000)),
                outdated: old.is_some_and(|replica| replica.outdated),
                started: old.map_or(self.now, |replica| replica.started),
                ready_since: ready_since.or((*state == ReplicaState::Ready).then_some(self.now)),
                state: *state,
                id,
                service_account: None,
            });
        }
    }

    fn observed(&mut self, failure: Option<Failure>) -> Vec<Action> {
        let (workload, replicas) = (hello(), self.replicas.clone());
        self.event(Event::Observed(Observation::of(
            workload, replicas, failure,
        )))
    }

    fn fails(&mut self) -> Vec<Action> {
        self.replicas.clear();
        self.observed(Some(failure()))
    }

    /// Time passes, with ticks when they are due and a report of every session each second.
    fn pass(&mut self, time: Duration, reports: &[(SessionId, u32)]) -> Vec<Action> {
        let end = self.now + time;
        let mut next_report = self.now + SECOND;
        let mut out = Vec::new();
        loop {
            let due = self.controller.next_deadline().filter(|at| *at > self.now);
            let next = due.map_or(next_report, |at| at.min(next_report));
            if next > end {
                self.now = end;
                return out;
            }
            self.now = next;
            if next == next_report {
                next_report += SECOND;
                for (session, in_flight) in reports {
                    let idle = if *in_flight > 0 {
                        Duration::ZERO
                    } else {
                        self.now - self.active
                    };
                    out.extend(self.report(*session, *in_flight, 0, idle));
                }
            }
            out.extend(self.event(Event::Tick));
        }
    }

    fn phase(&self) -> &'static str {
        self.controller.status(self.now).workloads[0].phase
    }
}

/// Each session here has a proxy of its own, on a host of its own.
fn member(session: SessionId) -> MemberId {
    MemberId {
        host: format!("host-{}", session.0).into(),
        instance: session.0,
    }
}

fn failure() -> Failure {
    Failure {
        reason: "CrashLoopBackOff".to_owned(),
        message: "it exited with status 1".to_owned(),
    }
}

fn scales(actions: &[Action]) -> Vec<(u32, Vec<&str>)> {
    let mut all = Vec::new();
    for action in actions {
        if let Action::Scale {
            replicas, victims, ..
        } = action
        {
            all.push((*replicas, victims.iter().map(|id| &*id.0).collect()));
        }
    }
    all
}

fn sent(actions: &[Action], to: SessionId) -> Vec<ToProxy> {
    let message = |action: &Action| match action {
        Action::Send(session, message) if *session == to => Some(message.clone()),
        _ => None,
    };
    actions.iter().filter_map(message).collect()
}

fn states(actions: &[Action], to: SessionId) -> Vec<WorkloadState> {
    let state = |message| match message {
        ToProxy::State(state) => Some(state),
        _ => None,
    };
    sent(actions, to).into_iter().filter_map(state).collect()
}

/// Names and states of the endpoints told last.
fn endpoints(actions: &[Action], to: SessionId) -> Vec<(String, EndpointState)> {
    let last = states(actions, to).pop().expect("a state is told");
    last.endpoints
        .iter()
        .map(|endpoint| (endpoint.id.0.to_string(), endpoint.state))
        .collect()
}

fn kinds(actions: &[Action]) -> Vec<EventKind> {
    let kind = |action: &Action| match action {
        Action::Emit(event) => Some(event.kind.clone()),
        _ => None,
    };
    actions.iter().filter_map(kind).collect()
}

/// The epoch of the one attempt to sleep among these, asked of this session.
fn attempt(actions: &[Action], to: SessionId) -> u64 {
    let epochs: Vec<u64> = sent(actions, to)
        .into_iter()
        .filter_map(|message| match message {
            ToProxy::Quiesce { epoch, .. } => Some(epoch),
            _ => None,
        })
        .collect();
    assert_eq!(epochs.len(), 1, "{actions:?}");
    epochs[0]
}

fn resumes(actions: &[Action], to: SessionId) -> usize {
    sent(actions, to)
        .iter()
        .filter(|message| matches!(message, ToProxy::Resume { .. }))
        .count()
}
