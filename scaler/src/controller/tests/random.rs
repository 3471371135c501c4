//! Any order of events: what must never happen does not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::cluster::{READY, STARTING, because, deployment};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Pass(u16),
    Lead(Option<u32>),
    Connect {
        member: u8,
        instance: u8,
    },
    Close(u8),
    Hosts(u8),
    Leave(u8),
    Report {
        member: u8,
        in_flight: u8,
        held: u8,
        idle: u8,
        listed: bool,
        whole: bool,
    },
    Wake(u8),
    /// Answers what it was asked last.
    Answer {
        member: u8,
        busy: bool,
    },
    Drain(u8),
    Proven(u8),
    See {
        ahead: bool,
        count: u8,
        ready: u8,
        blocked: bool,
    },
    /// Everybody reports to be idle for long.
    Calm,
    /// Everybody answers.
    Answers,
    Done {
        other: Option<u8>,
    },
    Refuse,
}

fn any_step() -> impl Strategy<Value = Step> {
    let member = || 0..3_u8;
    prop_oneof![
        4 => (1..4000_u16).prop_map(Step::Pass),
        1 => prop::option::of(1..9_u32).prop_map(Step::Lead),
        2 => (member(), 0..2_u8).prop_map(|(member, instance)| Step::Connect { member, instance }),
        1 => member().prop_map(Step::Close),
        1 => (0..8_u8).prop_map(Step::Hosts),
        1 => member().prop_map(Step::Leave),
        8 => (member(), 0..40_u8, 0..4_u8, 0..30_u8, any::<bool>(), any::<bool>()).prop_map(
            |(member, in_flight, held, idle, listed, whole)| Step::Report {
                member, in_flight: in_flight.saturating_sub(20), held: held.saturating_sub(2), idle, listed, whole,
            }
        ),
        1 => member().prop_map(Step::Wake),
        6 => (member(), prop::bool::weighted(0.1)).prop_map(|(member, busy)| Step::Answer { member, busy }),
        4 => member().prop_map(Step::Drain),
        1 => (0..6_u8).prop_map(Step::Proven),
        4 => (any::<bool>(), 0..8_u8, 0..8_u8, prop::bool::weighted(0.1))
            .prop_map(|(ahead, count, ready, blocked)| Step::See { ahead, count, ready, blocked }),
        6 => prop::option::weighted(0.1, 0..8_u8).prop_map(|other| Step::Done { other }),
        3 => Just(Step::Calm),
        3 => Just(Step::Answers),
        1 => Just(Step::Refuse),
    ]
}

/// What a watcher from outside knows.
#[derive(Debug)]
struct Watcher {
    world: World,
    leads: Option<u32>,
    blocked: bool,
    version: u64,
    next_session: u64,
    /// Each proxy's session, when it reported on it last, and its sequence.
    sessions: BTreeMap<u8, (SessionId, Option<Instant>)>,
    /// Not connected, and not proven dead.
    lost: BTreeSet<u8>,
    instances: BTreeMap<u8, u8>,
    live: Option<BTreeSet<u8>>,
    /// Members whose host was said to live at some time.
    seen: BTreeSet<u8>,
    left: BTreeSet<u8>,
    /// Each proxy's question that it has not been told the end of: asked, and answered with yes.
    asked: BTreeMap<u8, u64>,
    /// The last attempt that has begun; who connects in its midst is told of it, too.
    begun: u64,
    quiesced: BTreeMap<u8, u64>,
    /// Endpoints that drain, since when, and who has drained them.
    draining: BTreeMap<String, (Instant, BTreeSet<u8>)>,
    scaling: Option<(u32, u32)>,
}

impl Watcher {
    fn new() -> Self {
        let mut world = World::new(deployment(), &[]);
        world.event(Event::Lead(None));
        Self {
            world,
            leads: None,
            blocked: false,
            version: 0,
            next_session: 0,
            sessions: BTreeMap::new(),
            lost: BTreeSet::new(),
            instances: BTreeMap::new(),
            live: None,
            seen: BTreeSet::new(),
            left: BTreeSet::new(),
            asked: BTreeMap::new(),
            begun: 0,
            quiesced: BTreeMap::new(),
            draining: BTreeMap::new(),
            scaling: None,
        }
    }

    fn id(member: u8, instance: u8) -> MemberId {
        let (host, instance) = (format!("host-{member}").into(), instance.into());
        MemberId { host, instance }
    }

    fn somebody_is_missing(&self) -> bool {
        let silent = |at: &Option<Instant>| {
            at.is_none_or(|at| self.world.now - at > crate::demand::SILENT_AFTER)
        };
        let nobody = self.sessions.is_empty();
        let expected = self
            .live
            .iter()
            .flatten()
            .any(|member| !self.sessions.contains_key(member) && !self.left.contains(member));
        nobody
            || expected
            || !self.lost.is_empty()
            || self.sessions.values().any(|(_, at)| silent(at))
    }

    fn step(&mut self, step: &Step) {
        let each = |member| match step {
            Step::Calm => Some(Step::Report {
                member,
                in_flight: 0,
                held: 0,
                idle: 60,
                listed: true,
                whole: true,
            }),
            Step::Answers => Some(Step::Answer {
                member,
                busy: false,
            }),
            _ => None,
        };
        for step in (0..3).filter_map(each) {
            self.step(&step);
        }
        let out = self.perform(step);
        self.look(&out);
    }

    fn perform(&mut self, step: &Step) -> Vec<Action> {
        let say = |this: &mut Self, member: &u8, message| match this.sessions.get(member) {
            Some((session, _)) => this.world.say(*session, message),
            None => Vec::new(),
        };
        match step {
            Step::Pass(millis) => {
                self.world.now += MS * u32::from(*millis);
                self.world.event(Event::Tick)
            }
            Step::Lead(term) => {
                self.leads = *term;
                self.asked.clear();
                self.quiesced.clear();
                self.draining.clear();
                self.world.event(Event::Lead(*term))
            }
            Step::Connect { member, instance } => {
                self.left.remove(member);
                let known = self.lost.contains(member) || self.sessions.contains_key(member);
                let same = known && self.instances.get(member) == Some(instance);
                if !same {
                    self.seen.remove(member);
                }
                if self.live.as_ref().is_some_and(|live| live.contains(member)) {
                    self.seen.insert(*member);
                }
                self.instances.insert(*member, *instance);
                self.next_session += 1;
                let session = SessionId(self.next_session);
                self.lost.remove(member);
                self.quiesced.remove(member);
                self.asked.remove(member);
                self.sessions.insert(*member, (session, None));
                let id = Self::id(*member, *instance);
                self.world.connect(session, id, SessionEnd::Silence)
            }
            Step::Close(member) => match self.sessions.remove(member) {
                Some((session, _)) => {
                    self.lost.insert(*member);
                    let live = self.live.as_ref();
                    if self.seen.contains(member) && live.is_some_and(|live| !live.contains(member))
                    {
                        self.lost.remove(member);
                    }
                    self.world.close(session)
                }
                None => Vec::new(),
            },
            Step::Hosts(bits) => {
                let live: BTreeSet<u8> = (0..3).filter(|no| bits & (1 << no) != 0).collect();
                self.lost.retain(|member| live.contains(member));
                self.left.retain(|member| live.contains(member));
                let connected = self.sessions.keys().filter(|member| live.contains(member));
                self.seen.extend(connected.chain(&self.lost).copied());
                let hosts = live
                    .iter()
                    .map(|member| Self::id(*member, 0).host)
                    .collect();
                self.live = Some(live);
                self.world.event(Event::LiveHosts(hosts))
            }
            Step::Leave(member) => {
                let out = say(self, member, ToScaler::Leaving);
                if self.sessions.remove(member).is_some() {
                    self.seen.remove(member);
                    self.left.insert(*member);
                }
                out
            }
            Step::Report {
                member,
                in_flight,
                held,
                idle,
                listed,
                whole,
            } => {
                let now = self.world.now;
                if let Some((_, at)) = self.sessions.get_mut(member) {
                    *at = Some(now);
                }
                self.world.sequence += 1;
                let part = WorkloadReport {
                    workload: hello(),
                    in_flight_seconds: f64::from(*in_flight),
                    held_seconds: f64::from(*held),
                    requests: u64::from(*in_flight),
                    in_flight: u32::from(*in_flight),
                    held: u32::from(*held),
                    idle_for: SECOND * u32::from(*idle),
                };
                let report = Report {
                    sequence: self.world.sequence,
                    length: SECOND,
                    whole: *whole,
                    workloads: listed.then_some(part).into_iter().collect(),
                };
                say(self, member, ToScaler::Report(report))
            }
            Step::Wake(member) => {
                let (workload, held, oldest) = (hello(), 1, MS);
                say(
                    self,
                    member,
                    ToScaler::Wake(Wake {
                        workload,
                        held,
                        oldest,
                        by: None,
                    }),
                )
            }
            Step::Answer { member, busy } => {
                let Some(epoch) = self.asked.get(member).copied() else {
                    return Vec::new();
                };
                let workload = hello();
                if *busy {
                    return say(self, member, ToScaler::Busy { workload, epoch });
                }
                self.quiesced.insert(*member, epoch);
                say(self, member, ToScaler::Quiesced { workload, epoch })
            }
            Step::Drain(member) => {
                let mut out = Vec::new();
                let names: Vec<String> = self.draining.keys().cloned().collect();
                for name in names {
                    if let Some((_, by)) = self.draining.get_mut(&name) {
                        by.insert(*member);
                    }
                    let (workload, endpoint) = (hello(), EndpointId(name.into()));
                    out.extend(say(self, member, ToScaler::Drained { workload, endpoint }));
                }
                out
            }
            Step::Proven(pod) => {
                let (workload, endpoint) = (hello(), EndpointId(format!("pod-{pod}").into()));
                say(self, &0, ToScaler::Proven { workload, endpoint })
            }
            Step::See {
                ahead,
                count,
                ready,
                blocked,
            } => {
                self.version += u64::from(*ahead);
                self.blocked = *blocked;
                let names: Vec<String> = (0..*count).map(|pod| format!("pod-{pod}")).collect();
                let pods: Vec<_> = (0..*count)
                    .map(|pod| {
                        (
                            &*names[usize::from(pod)],
                            if pod < *ready { READY } else { STARTING },
                        )
                    })
                    .collect();
                let version = self.version;
                self.world
                    .sees_as(version, u32::from(*count), &pods, |seen| {
                        seen.blocked = blocked.then(|| because("Paused"));
                    })
            }
            Step::Done { other } => match self.scaling.take() {
                Some((_, to)) => {
                    self.version += 1;
                    let count = other.map_or(to, u32::from);
                    self.world.took(self.version, count)
                }
                None => Vec::new(),
            },
            Step::Calm | Step::Answers => Vec::new(),
            Step::Refuse => match self.scaling.take() {
                Some(_) => self.world.refused(),
                None => Vec::new(),
            },
        }
    }

    /// Before the look: what was known when the scaler acted.
    fn look(&mut self, out: &[Action]) {
        for action in out {
            match action {
                Action::Scale {
                    from,
                    replicas,
                    victims,
                    ..
                } => {
                    assert!(
                        self.scaling.replace((*from, *replicas)).is_none(),
                        "one at a time"
                    );
                    assert!(!self.blocked, "blocked, and scaled: {action:?}");
                    if replicas < from {
                        self.may_lower(*replicas, victims);
                    }
                }
                Action::Send(session, message) => self.hear(*session, message),
                _ => {}
            }
        }
    }

    fn may_lower(&self, to: u32, victims: &[EndpointId]) {
        assert!(self.leads.is_some(), "a follower lowers");
        assert!(
            !self.somebody_is_missing(),
            "lowered while somebody is missing: {self:?}"
        );
        if to == 0 {
            for member in self.sessions.keys() {
                let (asked, told) = (self.asked.get(member), self.quiesced.get(member));
                assert!(
                    asked.is_some() && asked == told,
                    "{member} has not quiesced: {self:?}"
                );
            }
            return;
        }
        for victim in victims {
            let Some((since, by)) = self.draining.get(&*victim.0) else {
                continue;
            };
            let over = self.world.now - *since >= ScalerConfig::default().drain_timeout;
            let all = self.sessions.keys().all(|member| by.contains(member));
            let used = self
                .world
                .replicas
                .iter()
                .any(|one| one.id == *victim && one.ready_since.is_some());
            assert!(over || all || !used, "{victim:?} has not drained: {self:?}");
        }
    }

    fn hear(&mut self, session: SessionId, message: &ToProxy) {
        let member = self
            .sessions
            .iter()
            .find(|(_, (id, _))| *id == session)
            .map(|(no, _)| *no);
        let Some(member) = member else { return };
        match message {
            ToProxy::Quiesce { epoch, .. } => {
                assert!(self.leads.is_some(), "a follower quiesces");
                assert!(
                    *epoch == self.begun || !self.somebody_is_missing(),
                    "begun while somebody is missing: {self:?}"
                );
                assert_eq!(
                    *epoch >> 32,
                    u64::from(self.leads.unwrap()).max(*epoch >> 32)
                );
                self.begun = self.begun.max(*epoch);
                self.quiesced.remove(&member);
                self.asked.insert(member, *epoch);
            }
            ToProxy::Resume { .. } | ToProxy::Asleep { .. } => {
                assert!(self.leads.is_some(), "a follower commands");
                self.asked.remove(&member);
                self.quiesced.remove(&member);
            }
            ToProxy::State(state) => {
                let now = self.world.now;
                let mut old = std::mem::take(&mut self.draining);
                for endpoint in &state.endpoints {
                    if endpoint.state == EndpointState::Draining {
                        let name = endpoint.id.0.to_string();
                        let known = old.remove(&name).unwrap_or_else(|| (now, BTreeSet::new()));
                        self.draining.insert(name, known);
                    }
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_goes_down_that_must_not(steps in prop::collection::vec(any_step(), 1..150)) {
        let mut watcher = Watcher::new();
        for step in &steps {
            watcher.step(step);
        }
    }
}
