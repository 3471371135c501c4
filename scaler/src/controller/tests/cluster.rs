//! A target whose count others change too: several scalers, other writers, blocks.

use std::sync::Arc;

use rouse_api::workload::{Probe, ProbeAction, Scalable};

use super::super::WakeCause;
use super::*;

pub(super) const READY: ReplicaState = ReplicaState::Ready;
pub(super) const STARTING: ReplicaState = ReplicaState::Starting;

pub(super) fn deployment() -> Workload {
    Workload {
        target: Target::Scalable(Scalable {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "hello".to_owned(),
        }),
        ..workload()
    }
}

pub(super) fn because(reason: &str) -> Failure {
    Failure {
        reason: reason.to_owned(),
        message: format!("it is {reason}"),
    }
}

pub(super) fn probe() -> Arc<Probe> {
    Arc::new(Probe {
        action: ProbeAction::TcpSocket { port: None },
        timeout: SECOND,
        period: SECOND,
        success_threshold: 1,
        failure_threshold: 3,
    })
}

impl World {
    /// In a cluster: leading in `term` or following, nothing observed yet, proxies that come back.
    pub(super) fn cluster(term: Option<u32>, sessions: &[SessionId]) -> Self {
        Self::cluster_of(deployment(), term, sessions)
    }

    pub(super) fn cluster_of(
        workload: Workload,
        term: Option<u32>,
        sessions: &[SessionId],
    ) -> Self {
        let mut world = Self::new(workload, &[]);
        world.event(Event::Lead(term));
        for session in sessions {
            world.back(*session);
            world.report(*session, 0, 0, SECOND * 3600);
        }
        world
    }

    /// The proxy of this session connects, and may connect again.
    pub(super) fn back(&mut self, session: SessionId) -> Vec<Action> {
        self.connect(session, member(session), SessionEnd::Silence)
    }

    pub(super) fn close(&mut self, session: SessionId) -> Vec<Action> {
        self.event(Event::SessionClosed(session))
    }

    pub(super) fn hosts(&mut self, sessions: &[SessionId]) -> Vec<Action> {
        let hosts = sessions.iter().map(|one| member(*one).host).collect();
        self.event(Event::LiveHosts(hosts))
    }

    /// The platform observes that count and these replicas, changed as said.
    pub(super) fn sees_as(
        &mut self,
        version: u64,
        replicas: u32,
        pods: &[(&str, ReplicaState)],
        change: impl FnOnce(&mut Observation),
    ) -> Vec<Action> {
        self.observe_only(pods);
        let mut observation = Observation::of(hello(), self.replicas.clone(), None);
        observation.count = Some(Count { version, replicas });
        change(&mut observation);
        self.event(Event::Observed(observation))
    }

    pub(super) fn sees(
        &mut self,
        version: u64,
        replicas: u32,
        pods: &[(&str, ReplicaState)],
    ) -> Vec<Action> {
        self.sees_as(version, replicas, pods, |_| {})
    }

    pub(super) fn took(&mut self, version: u64, replicas: u32) -> Vec<Action> {
        self.event(Event::ScaleDone(hello(), Count { version, replicas }))
    }
}

/// Leading, one replica, idle for so long that an attempt to sleep is under way; its epoch.
pub(super) fn about_to_sleep(sessions: &[SessionId]) -> (World, u64) {
    let mut world = World::cluster(Some(3), sessions);
    let seen = world.sees(1, 1, &[("a", READY)]);
    let epoch = attempt(&seen, sessions[0]);
    assert_eq!(world.phase(), "quiescing");
    (world, epoch)
}

pub(super) fn quiesced(epoch: u64) -> ToScaler {
    let workload = hello();
    ToScaler::Quiesced { workload, epoch }
}

#[test]
fn nothing_is_scaled_before_the_count_is_known() {
    let mut always = deployment();
    always.scale.min = 2;
    let mut world = World::cluster_of(always, Some(1), &[A]);
    assert_eq!(scales(&world.wake(A, 1)), []);
    assert_eq!(scales(&world.sees(7, 1, &[("a", READY)])), [(2, vec![])]);
}

#[test]
fn found_awake_it_is_awake_without_a_wake() {
    let mut world = World::cluster(Some(1), &[A]);
    world.report(A, 1, 0, Duration::ZERO);
    let seen = world.sees(7, 3, &[("a", READY), ("b", STARTING)]);
    assert_eq!(
        (world.phase(), kinds(&seen), scales(&seen)),
        ("awake", vec![], vec![])
    );
    let mut world = World::cluster(None, &[A]);
    world.sees(7, 1, &[]);
    assert_eq!(world.phase(), "waking");
    world.sees(7, 1, &[("a", READY)]);
    assert_eq!(world.phase(), "awake");
    let mut world = World::cluster(None, &[A]);
    world.sees(7, 0, &[]);
    assert_eq!(world.phase(), "asleep");
}

#[test]
fn an_older_count_changes_nothing() {
    let mut world = World::cluster(Some(1), &[A]);
    world.sees(7, 0, &[]);
    assert_eq!(scales(&world.wake(A, 1)), [(1, vec![])]);
    world.took(9, 1);
    let late = world.sees(7, 0, &[]);
    assert_eq!((world.phase(), scales(&late)), ("waking", vec![]));
    let late = world.sees(8, 0, &[]);
    assert_eq!((world.phase(), scales(&late)), ("waking", vec![]));
}

#[test]
fn a_higher_count_that_is_there_stays() {
    let mut world = World::cluster(Some(1), &[A]);
    world.sees(7, 0, &[]);
    world.wake(A, 1);
    assert_eq!(scales(&world.took(9, 4)), []);
    assert_eq!(world.controller.status(world.now).workloads[0].wanted, 4);
}

#[test]
fn a_count_seen_while_scaling_stands_when_it_ends() {
    let mut world = World::cluster(Some(1), &[A]);
    world.sees(7, 0, &[]);
    world.wake(A, 1);
    world.sees(12, 4, &[]);
    world.took(9, 1);
    assert_eq!(world.controller.status(world.now).workloads[0].wanted, 4);
}

#[test]
fn a_count_that_was_changed_meanwhile_is_looked_at_anew() {
    let mut world = World::cluster(Some(1), &[A]);
    world.report(A, 1, 0, Duration::ZERO);
    world.sees(7, 1, &[("a", READY)]);
    assert_eq!(
        scales(&world.report(A, 31, 0, Duration::ZERO)),
        [(4, vec![])]
    );
    let changed = PlatformError::Changed(Count {
        version: 9,
        replicas: 2,
    });
    let again = world.event(Event::ScaleFailed(hello(), changed));
    assert!(
        matches!(
            &again[0],
            Action::Scale {
                from: 2,
                replicas: 4,
                ..
            }
        ),
        "{again:?}"
    );
    let same = PlatformError::Changed(Count {
        version: 9,
        replicas: 2,
    });
    let refused = world.event(Event::ScaleFailed(hello(), same));
    assert_eq!(scales(&refused), [], "not again and again");
    assert_eq!(scales(&world.pass(SECOND, &[(A, 31)])), [(4, vec![])]);
}

#[test]
fn a_count_above_max_goes_down_through_drain() {
    let mut world = World::cluster(Some(1), &[A]);
    let pods: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .map(|name| (name, READY))
        .into();
    world.report(A, 50, 0, Duration::ZERO);
    let actions = world.sees(7, 6, &pods);
    assert_eq!(scales(&actions), []);
    let told = endpoints(&actions, A);
    let draining: Vec<_> = told
        .iter()
        .filter(|one| one.1 == EndpointState::Draining)
        .collect();
    assert_eq!(draining.len(), 1, "{told:?}");
    let (workload, endpoint) = (hello(), EndpointId((*draining[0].0).into()));
    let drained = world.say(A, ToScaler::Drained { workload, endpoint });
    assert_eq!(scales(&drained)[0].0, 5);
}

#[test]
fn victims_that_the_platform_did_not_choose_stay() {
    let mut world = World::cluster(Some(1), &[A]);
    world.report(A, 10, 0, Duration::ZERO);
    world.sees(7, 2, &[("a", READY), ("b", READY)]);
    let actions = world.pass(SECOND * 62, &[(A, 10)]);
    let told = endpoints(&actions, A);
    let victim = &told
        .iter()
        .find(|one| one.1 == EndpointState::Draining)
        .unwrap()
        .0;
    let endpoint = EndpointId((**victim).into());
    let workload = hello();
    assert_eq!(
        scales(&world.say(A, ToScaler::Drained { workload, endpoint })).len(),
        1
    );
    world.took(8, 1);
    world.sees(9, 1, &[(victim, READY)]);
    let actions = world.pass(SECOND * 2, &[(A, 10)]);
    assert_eq!(
        endpoints(&actions, A),
        [(victim.clone(), EndpointState::Ready)]
    );
}

#[test]
fn a_stop_by_hand_is_respected_while_requests_are_in_flight() {
    let mut world = World::cluster(Some(1), &[A]);
    world.report(A, 3, 0, Duration::ZERO);
    world.sees(7, 1, &[("a", READY)]);
    let stop = |seen: &mut Observation| seen.blocked = Some(because("StoppedByHand"));
    let stopped = world.sees_as(8, 0, &[("a", ReplicaState::Terminating)], stop);
    assert_eq!((scales(&stopped), world.phase()), (vec![], "StoppedByHand"));
    let told = states(&stopped, A).pop().unwrap();
    assert_eq!(
        (told.endpoints, told.failure),
        (vec![], Some(because("StoppedByHand")))
    );
    assert_eq!(scales(&world.wake(A, 5)), []);
    assert_eq!(scales(&world.pass(SECOND * 30, &[(A, 3)])), []);
    world.wake(A, 5);
    let free = world.sees(9, 0, &[]);
    assert_eq!(scales(&free), [(1, vec![])], "by itself");
    assert_eq!(states(&free, A).pop().unwrap().failure, None);
}

#[test]
fn a_pause_ends_an_attempt_to_sleep_and_stops_wakes() {
    let (mut world, epoch) = about_to_sleep(&[A]);
    let pause = |seen: &mut Observation| seen.blocked = Some(because("Paused"));
    let paused = world.sees_as(1, 1, &[("a", READY)], pause);
    assert_eq!((resumes(&paused, A), world.phase()), (1, "Paused"));
    assert!(
        states(&paused, A)
            .iter()
            .all(|state| state.failure.is_none()),
        "it serves"
    );
    assert_eq!(scales(&world.say(A, quiesced(epoch))), []);
    assert_eq!(scales(&world.pass(SECOND * 60, &[(A, 0)])), []);
    let gone = world.sees_as(1, 1, &[], pause);
    assert_eq!(
        states(&gone, A).pop().unwrap().failure,
        Some(because("Paused"))
    );
    let free = world.sees(1, 1, &[("a", READY)]);
    assert!(attempt(&free, A) > epoch);
}

#[test]
fn another_autoscaler_rules_above_zero() {
    let mut world = World::cluster(Some(1), &[A]);
    let governed = |seen: &mut Observation| seen.governed = Some(3);
    world.sees_as(7, 0, &[], governed);
    assert_eq!(scales(&world.wake(A, 1)), [(3, vec![])]);
    world.took(8, 3);
    world.wake(A, 900);
    assert_eq!(scales(&world.pass(SECOND, &[])), [], "no raise");
    world.sees_as(8, 3, &[("a", READY)], governed);
    assert_eq!(scales(&world.report(A, 900, 0, Duration::ZERO)), []);
    world.sees_as(9, 7, &[("a", READY)], governed);
    assert_eq!(scales(&world.pass(SECOND * 70, &[(A, 1)])), [], "nor down");
    let idle = world.pass(SECOND * 11, &[(A, 0)]);
    let epoch = attempt(&idle, A);
    assert_eq!(scales(&world.say(A, quiesced(epoch))), [(0, vec!["a"])]);
}

#[test]
fn a_removed_target_is_left_as_it_is() {
    let mut world = World::cluster(Some(1), &[A]);
    world.report(A, 1, 0, Duration::ZERO);
    world.sees(7, 1, &[("a", READY)]);
    let removed = world.event(Event::Applied(Vec::new()));
    assert_eq!(scales(&removed), []);
    assert_eq!(
        endpoints(&removed, A),
        [("a".to_owned(), EndpointState::Draining)]
    );
    assert!(removed.contains(&Action::Forget(hello())));
    assert_eq!(world.controller.next_deadline(), None);
}

#[test]
fn a_count_raised_elsewhere_is_a_wake_of_nobody_here() {
    let mut world = World::cluster(Some(1), &[A]);
    world.sees(7, 0, &[]);
    let raised = world.sees(8, 2, &[]);
    assert_eq!((world.phase(), scales(&raised)), ("waking", vec![]));
    let ready = world.sees(8, 2, &[("a", READY)]);
    assert_eq!(kinds(&ready), [], "counted by whom it is due to");
    let status = world
        .controller
        .workload_status(&hello(), world.now)
        .unwrap();
    assert_eq!(status.last_wake.unwrap().cause, WakeCause::Elsewhere);
    assert_eq!(status.last_cause.unwrap().cause, WakeCause::Elsewhere);
}

#[test]
fn a_final_failure_of_a_cluster_stands_until_it_is_seen_to_be_over() {
    let mut world = World::cluster(Some(1), &[A]);
    world.sees(7, 0, &[]);
    world.wake(A, 1);
    world.took(8, 1);
    world.report(A, 0, 0, Duration::ZERO);
    let fail = |seen: &mut Observation| seen.failure = Some(failure());
    let failed = world.sees_as(8, 1, &[], fail);
    assert_eq!(states(&failed, A).pop().unwrap().failure, Some(failure()));
    let later = world.pass(SECOND * 8, &[(A, 0)]);
    assert!(states(&later, A).is_empty(), "still told: {later:?}");
    assert_eq!(scales(&world.wake(A, 1)), []);
    let ready = world.sees(8, 1, &[("a", READY)]);
    assert_eq!(states(&ready, A).pop().unwrap().failure, None);
    assert_eq!(world.phase(), "awake");
}

#[test]
fn what_sleeping_saves_is_counted() {
    let mut world = World::cluster(Some(1), &[A]);
    world.sees(7, 3, &[("a", READY)]);
    world.report(A, 0, 0, SECOND);
    world.sees(8, 0, &[]);
    world.now += SECOND * 50;
    let saved =
        |world: &World| world.controller.status(world.now).workloads[0].saved_replica_seconds;
    assert!((saved(&world) - 150.0).abs() < 1e-9);
    world.sees(9, 1, &[("a", READY)]);
    world.now += SECOND * 50;
    assert!((saved(&world) - 150.0).abs() < 1e-9);
}

#[test]
fn what_is_settled_is_not_looked_at() {
    let mut world = World::cluster(Some(1), &[A]);
    world.sees(7, 0, &[]);
    assert_eq!(world.controller.next_deadline(), None, "asleep");
    world.report(A, 2, 0, Duration::ZERO);
    world.sees(8, 1, &[("a", READY)]);
    assert_eq!(
        world.controller.next_deadline(),
        None,
        "its reports come by themselves"
    );
    world.report(A, 0, 0, Duration::ZERO);
    assert_eq!(
        world.controller.next_deadline(),
        Some(world.now + SECOND * 10),
        "idle by then"
    );
    world.event(Event::Lead(None));
    assert_eq!(
        world.controller.next_deadline(),
        None,
        "a follower lets it be"
    );
}

#[test]
fn what_comes_of_a_scale_of_the_target_before_is_nothing() {
    for done in [true, false] {
        let (mut world, epoch) = about_to_sleep(&[A]);
        assert_eq!(scales(&world.say(A, quiesced(epoch))), [(0, vec!["a"])]);
        let mut other = deployment();
        other.target = Target::Scalable(Scalable {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "other".to_owned(),
        });
        world.event(Event::Applied(vec![other]));
        world.sees(5, 2, &[("b", READY)]);
        // Newer than what was seen of the other, and of no concern to it.
        let ended = if done {
            world.took(9, 0)
        } else {
            let (version, replicas) = (9, 0);
            let changed = PlatformError::Changed(Count { version, replicas });
            world.event(Event::ScaleFailed(hello(), changed))
        };
        assert_eq!(resumes(&ended, A), 1, "nobody is left quiesced");
        let ready = ("b".to_owned(), EndpointState::Ready);
        assert_eq!(endpoints(&ended, A), [ready]);
        let status = world.controller.workload_status(&hello(), world.now);
        assert_eq!(status.unwrap().wanted, 2);
    }
}

#[test]
fn thousands_that_fall_idle_together_take_turns() {
    const MOST: usize = super::super::sleep::MOST_AT_ONCE;
    let mut world = World::cluster(Some(1), &[A]);
    let named = |n: usize| WorkloadId::new("default", &format!("w{n:03}"));
    let all = (0..MOST + 2).map(|n| Workload {
        id: named(n),
        ..deployment()
    });
    world.event(Event::Applied(all.collect()));
    let quiesces = |actions: &[Action]| -> Vec<(WorkloadId, u64)> {
        let one = |message| match message {
            ToProxy::Quiesce {
                workload, epoch, ..
            } => Some((workload, epoch)),
            _ => None,
        };
        sent(actions, A).into_iter().filter_map(one).collect()
    };
    for n in 0..MOST + 2 {
        let mut observation = Observation::of(named(n), Vec::new(), None);
        let (version, replicas) = (1, 1);
        observation.count = Some(Count { version, replicas });
        world.event(Event::Observed(observation));
    }
    world.now += SECOND * 20;
    world.report(A, 0, 0, SECOND * 3600);
    let asked = quiesces(&world.event(Event::Tick));
    assert_eq!(asked.len(), MOST);
    let (workload, epoch) = asked[0].clone();
    world.say(A, ToScaler::Quiesced { workload, epoch });
    let (version, replicas) = (2, 0);
    let done = Event::ScaleDone(asked[0].0.clone(), Count { version, replicas });
    world.event(done);
    world.now += SECOND;
    world.report(A, 0, 0, SECOND * 3600);
    let next = quiesces(&world.event(Event::Tick));
    assert_eq!(next.len(), 1, "one has made room");
}
