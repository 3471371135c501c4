//! `mode: observe`: nothing is scaled, and what would have been is told.

use jiff::Timestamp;

use super::cluster::{READY, STARTING, deployment};
use super::*;
use crate::controller::WouldHaveStatus;
use crate::platform::WouldHave;

const ONE: [(&str, ReplicaState); 1] = [("a", READY)];

fn begin() -> Timestamp {
    "2026-01-31T09:30:00Z".parse().unwrap()
}

fn observed(term: Option<u32>) -> World {
    let mut observed = deployment();
    observed.scale.observes = true;
    let mut world = World::cluster_of(observed, term, &[A]);
    world.event(Event::Clock(begin()));
    world
}

fn would(world: &World) -> WouldHaveStatus {
    let status = world.controller.status(world.now);
    let would = status.workloads[0].would_have.clone();
    would.expect("it is observed")
}

/// Nothing was asked of the platform, and nobody was asked to let it sleep.
fn changes_nothing(actions: &[Action]) {
    let asks = |action: &Action| {
        let quiesces = matches!(action, Action::Send(_, ToProxy::Quiesce { .. }));
        quiesces || matches!(action, Action::Scale { .. })
    };
    assert!(!actions.iter().any(asks), "{actions:?}");
}

#[test]
fn it_would_sleep_wake_and_sleep_again_and_nothing_is_done() {
    let mut world = observed(Some(1));
    let mut all = world.sees(1, 3, &ONE);
    assert_eq!(
        (would(&world).replicas, would(&world).sleeps),
        (0, 1),
        "idle for long"
    );
    assert!(matches!(&kinds(&all)[..], [EventKind::WouldSleep { .. }]));
    all.extend(world.pass(SECOND * 100, &[(A, 0)]));
    let told = would(&world);
    assert!(
        (told.saved_replica_seconds - 300.0).abs() < 1e-6,
        "{told:?}"
    );

    // Over before anybody could see it in flight.
    world.active = world.now;
    let answered = world.report(A, 0, 0, MS * 10);
    assert!(matches!(
        &kinds(&answered)[..],
        [EventKind::WouldWake { .. }]
    ));
    assert_eq!((would(&world).replicas, would(&world).wakes), (1, 1));
    all.extend(answered);
    all.extend(world.pass(SECOND * 11, &[(A, 0)]));
    assert_eq!((would(&world).replicas, would(&world).sleeps), (0, 2));
    all.extend(world.pass(SECOND * 100, &[(A, 0)]));
    assert_eq!(
        (would(&world).sleeps, would(&world).wakes),
        (2, 1),
        "once each"
    );
    assert_eq!(world.phase(), "awake");
    changes_nothing(&all);
}

#[test]
fn demand_would_scale_it() {
    let mut world = observed(Some(1));
    let mut all = world.sees(1, 1, &ONE);
    all.extend(world.pass(SECOND * 90, &[(A, 25)]));
    let told = would(&world);
    assert_eq!((told.replicas, told.wakes), (3, 1));
    assert!(
        told.saved_replica_seconds < -100.0,
        "it would have had more: {told:?}"
    );
    changes_nothing(&all);
}

#[test]
fn with_no_replicas_requests_are_told_at_once_and_while_some_start_they_wait() {
    let mut world = observed(Some(1));
    world.sees(1, 0, &[]);
    let failure = |world: &World| world.controller.status(world.now).workloads[0].phase;
    let asked = world.wake(A, 1);
    changes_nothing(&asked);
    assert_eq!(failure(&world), "asleep");
    let level = world.back(B);
    let told = states(&level, B).pop().unwrap().failure.unwrap();
    assert_eq!(told.reason, "Observed");
    let starts = world.sees(2, 1, &[("a", STARTING)]);
    assert_eq!(states(&starts, A).pop().unwrap().failure, None);
}

#[test]
fn the_leader_keeps_the_sums_and_the_next_goes_on_with_what_is_on_record() {
    let mut follower = observed(None);
    follower.sees(1, 2, &ONE);
    assert_eq!(
        follower.controller.status(follower.now).workloads[0].would_have,
        None
    );

    let record = WouldHave {
        since: begin(),
        sleeps: 7,
        wakes: 6,
        saved_replica_seconds: 3600.0,
    };
    follower.sees_as(2, 2, &ONE, |seen| seen.would_have = Some(record));
    follower.event(Event::Lead(Some(2)));
    let told = would(&follower);
    assert_eq!((told.sleeps, told.wakes, told.since), (8, 6, begin()));
    assert!((told.saved_replica_seconds - 3600.0).abs() < 1e-6);
}

#[test]
fn active_from_now_on_it_is_scaled() {
    let mut world = observed(Some(1));
    changes_nothing(&world.sees(1, 1, &ONE));
    let active = world.event(Event::Applied(vec![deployment()]));
    attempt(&active, A);
    assert_eq!(world.phase(), "quiescing");
    assert_eq!(
        world.controller.status(world.now).workloads[0].would_have,
        None
    );
}
