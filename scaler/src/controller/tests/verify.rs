//! `verifyChanges`: a template that was changed while asleep is started once.

use super::cluster::{READY, STARTING, because, deployment};
use super::*;
use crate::controller::WakeCause;
use crate::platform::{Revision, Verified};

const NONE: [(&str, ReplicaState); 0] = [];

fn verifying(term: Option<u32>) -> World {
    let mut workload = deployment();
    workload.scale.verify_changes = true;
    World::cluster_of(workload, term, &[A])
}

fn revision(name: &str) -> Option<Revision> {
    let (name, whole) = (name.into(), true);
    Some(Revision { name, whole })
}

fn verified(name: &str) -> Option<Verified> {
    let (revision, failure) = (name.into(), None);
    Some(Verified { revision, failure })
}

impl World {
    /// A count and pods of a target whose template is this one; the first is on record as tried.
    fn sees_of(&mut self, name: &str, version: u64, pods: &[(&str, ReplicaState)]) -> Vec<Action> {
        let replicas = u32::try_from(pods.len()).unwrap();
        self.sees_as(version, replicas, pods, |seen| {
            seen.revision = revision(name);
            seen.verified = verified("1");
        })
    }

    fn tried(&self) -> (Option<String>, bool) {
        let status = self.controller.status(self.now);
        let verify = status.workloads[0].verify.clone().expect("it verifies");
        (verify.tried, verify.failure.is_some())
    }
}

/// A new template is being started.
fn trying() -> World {
    let mut world = verifying(Some(1));
    assert_eq!(scales(&world.sees_of("1", 1, &NONE)), []);
    let changed = world.sees_of("2", 2, &NONE);
    assert_eq!(scales(&changed), [(1, vec![])]);
    let cause = WakeCause::Verify;
    assert!(kinds(&changed).contains(&EventKind::Waking { cause, replicas: 1 }));
    world.took(3, 1);
    world
}

#[test]
fn it_is_started_and_goes_back_to_sleep_at_once() {
    let mut world = trying();
    world.sees_of("2", 4, &[("a", STARTING)]);
    world.pass(SECOND * 3, &[(A, 0)]);
    assert_eq!(world.phase(), "waking");
    // This one has just come, and can't tell for how long it was idle.
    world.back(B);
    let (whole, sequence, length, workloads) = (true, 1, MS, Vec::new());
    let nothing = Report {
        whole,
        sequence,
        length,
        workloads,
    };
    world.say(B, ToScaler::Report(nothing));
    let ready = world.sees_of("2", 5, &[("a", READY)]);
    assert_eq!(world.tried(), (Some("2".to_owned()), false));
    attempt(&ready, A);
}

#[test]
fn asked_for_meanwhile_it_stays_for_as_long_as_any_other() {
    let mut world = trying();
    world.sees_of("2", 4, &[("a", STARTING)]);
    world.pass(SECOND, &[(A, 0)]);
    world.wake(A, 1);
    world.sees_of("2", 5, &[("a", READY)]);
    world.report(A, 0, 0, Duration::ZERO);
    let asks = |actions: &[Action]| {
        let quiesce = |message: &ToProxy| matches!(message, ToProxy::Quiesce { .. });
        sent(actions, A).iter().any(quiesce)
    };
    assert!(!asks(&world.pass(SECOND * 9, &[(A, 0)])));
    let after = world.pass(SECOND * 2, &[(A, 0)]);
    assert!(
        asks(&after),
        "{:?}",
        world.controller.status(world.now).workloads[0]
    );
}

#[test]
fn one_that_fails_is_not_tried_again_and_goes_back_to_sleep() {
    let mut world = trying();
    let failed = world.sees_as(4, 1, &[("a", STARTING)], |seen| {
        seen.revision = revision("2");
        seen.failure = Some(because("ImagePullBackOff"));
    });
    assert_eq!(world.tried(), (Some("2".to_owned()), true));
    let epoch = attempt(&failed, A);
    assert_eq!(
        scales(&world.say(A, super::cluster::quiesced(epoch))),
        [(0, vec!["a"])]
    );
    world.took(5, 0);
    world.sees_of("2", 6, &NONE);
    assert_eq!(
        scales(&world.pass(SECOND * 700, &[(A, 0)])),
        [],
        "once is enough"
    );
    assert_eq!(
        scales(&world.sees_of("3", 7, &NONE)),
        [(1, vec![])],
        "another may do better"
    );
}

#[test]
fn one_that_never_gets_ready_is_given_up() {
    let mut world = trying();
    world.sees_of("2", 4, &[("a", STARTING)]);
    world.pass(SECOND * 590, &[(A, 0)]);
    assert_eq!(world.tried(), (Some("1".to_owned()), false));
    let ended = world.pass(SECOND * 15, &[(A, 0)]);
    assert_eq!(world.tried(), (Some("2".to_owned()), true));
    attempt(&ended, A);
}

#[test]
fn what_serves_needs_no_trial() {
    let mut world = verifying(Some(1));
    world.report(A, 1, 0, Duration::ZERO);
    world.sees_of("1", 1, &[("a", READY)]);
    // The old one is ready still.
    world.sees_as(2, 1, &[("a", READY), ("b", STARTING)], |seen| {
        seen.revision = revision("2").map(|one| Revision {
            whole: false,
            ..one
        });
    });
    assert_eq!(world.tried(), (Some("1".to_owned()), false));
    let ready = world.sees_of("2", 3, &[("b", READY)]);
    assert_eq!(world.tried(), (Some("2".to_owned()), false));
    assert_eq!(scales(&ready), []);
}

#[test]
fn who_does_not_lead_tries_nothing_and_the_next_leader_knows_what_was_tried() {
    let mut follower = verifying(None);
    assert_eq!(scales(&follower.sees_of("2", 1, &NONE)), []);
    assert_eq!(scales(&follower.pass(SECOND * 5, &[(A, 0)])), []);
    follower.sees_as(2, 0, &NONE, |seen| {
        seen.revision = revision("2");
        seen.verified = verified("2");
    });
    assert_eq!(scales(&follower.event(Event::Lead(Some(2)))), []);
    assert_eq!(scales(&follower.pass(SECOND * 5, &[(A, 0)])), []);
}

#[test]
fn a_template_whose_controller_has_not_looked_yet_is_not_judged() {
    let mut world = trying();
    let seen = world.sees_as(4, 1, &[("a", READY)], |_| {});
    assert_eq!(world.tried(), (Some("1".to_owned()), false));
    assert_eq!(scales(&seen), [], "and the trial goes on");
    world.sees_of("2", 5, &[("a", READY)]);
    assert_eq!(world.tried(), (Some("2".to_owned()), false));
}

#[test]
fn nothing_goes_down_while_replicas_are_being_replaced() {
    let pods = ["a", "b", "c", "d", "e", "f", "g"].map(|name| (name, READY));
    let mut world = World::cluster(Some(1), &[A]);
    world.report(A, 20, 0, Duration::ZERO);
    let rolling = |seen: &mut Observation| {
        let whole = false;
        seen.revision = revision("2").map(|one| Revision { whole, ..one });
    };
    let drains = |actions: &[Action]| {
        let all = states(actions, A)
            .into_iter()
            .flat_map(|state| state.endpoints);
        all.filter(|one| one.state == EndpointState::Draining)
            .count()
    };
    let mut all = world.sees_as(1, 7, &pods, rolling);
    all.extend(world.pass(SECOND * 90, &[(A, 20)]));
    assert_eq!(
        (scales(&all), drains(&all)),
        (vec![], 0),
        "though two would do"
    );
    let after = world.sees_as(2, 7, &pods, |seen| seen.revision = revision("2"));
    assert_eq!(drains(&after), 4, "down to half of them");
}

#[test]
fn another_target_has_no_past() {
    let mut world = trying();
    let mut other = deployment();
    other.scale.verify_changes = true;
    if let Target::Scalable(target) = &mut other.target {
        target.name = "other".to_owned();
    }
    world.event(Event::Applied(vec![other]));
    let status = world.controller.status(world.now);
    assert_eq!(status.workloads[0].verify, None);
}
