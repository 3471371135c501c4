use super::super::{WakeCause, WakeStages};
use super::*;

#[test]
fn many_wakes_start_once_at_once() {
    let mut world = World::new(workload(), &[A, B]);
    let first = world.wake(A, 1);
    assert_eq!(scales(&first), [(1, vec![])]);
    let cause = WakeCause::Held { held: 1 };
    assert_eq!(kinds(&first), [EventKind::Waking { cause, replicas: 1 }]);
    for i in 0..100 {
        world.now += MS / 10;
        let session = if i % 2 == 0 { A } else { B };
        assert_eq!(scales(&world.wake(session, 4)), []);
    }
    assert_eq!(world.phase(), "waking");
}

#[test]
fn what_is_held_raises_the_count_a_little_later_and_never_lowers_it() {
    let mut world = World::new(workload(), &[A, B]);
    world.wake(A, 1);
    world.done();
    world.wake(A, 15);
    world.wake(B, 12);
    let raised = world.pass(MS * 20, &[]);
    assert_eq!(scales(&raised), [(3, vec![])]);
    assert_eq!(scales(&world.wake(A, 9999)), [], "one count at a time");
    let again = world.done();
    assert_eq!(scales(&again), [(5, vec![])], "no more than max");
    world.done();
    assert_eq!(scales(&world.wake(A, 1)), []);
    assert_eq!(scales(&world.pass(SECOND, &[(A, 0), (B, 0)])), []);
}

#[test]
fn a_wake_is_told_with_its_stages() {
    let mut world = World::new(workload(), &[A]);
    world.wake(A, 2);
    world.done();
    world.now += MS * 3;
    let starting = world.observe(&[("a", ReplicaState::Starting)]);
    assert_eq!(
        endpoints(&starting, A),
        [("a".to_owned(), EndpointState::Starting)]
    );
    world.now += MS * 40;
    let ready = world.observe(&[("a", ReplicaState::Ready)]);
    assert_eq!(
        endpoints(&ready, A),
        [("a".to_owned(), EndpointState::Ready)]
    );
    let stages = WakeStages {
        start: MS * 4,
        ready: MS * 40,
        total: MS * 44,
        held: 2,
    };
    assert_eq!(
        kinds(&ready),
        [EventKind::Woke(stages)],
        "the request had waited 1 ms when it was told"
    );
    assert_eq!(world.phase(), "awake");
}

#[test]
fn a_workload_with_a_minimum_needs_no_request() {
    let mut always = workload();
    always.scale.min = 2;
    let mut world = World::new(always, &[]);
    assert_eq!(world.phase(), "waking");
    world.done();
    world.observe(&[("a", ReplicaState::Ready), ("b", ReplicaState::Ready)]);
    assert_eq!(scales(&world.pass(SECOND * 200, &[])), []);
}

#[test]
fn a_report_with_held_requests_wakes_as_well() {
    let mut world = World::new(workload(), &[A]);
    assert_eq!(
        scales(&world.report(A, 0, 3, Duration::ZERO)),
        [(1, vec![])]
    );
}

#[test]
fn a_failure_is_told_at_once_and_tried_again_after_a_pause() {
    let mut world = World::new(workload(), &[A]);
    world.wake(A, 1);
    world.done();
    let failed = world.fails();
    assert_eq!(states(&failed, A).pop().unwrap().failure, Some(failure()));
    assert!(matches!(
        kinds(&failed)[..],
        [EventKind::Failed { waking: true, .. }]
    ));

    world.pass(SECOND * 2, &[(A, 0)]);
    assert_eq!(scales(&world.wake(A, 1)), [], "too soon");
    world.report(A, 0, 0, Duration::ZERO);
    let over = world.pass(SECOND * 4, &[(A, 0)]);
    assert_eq!(scales(&over), [], "nobody waits");
    assert_eq!(
        states(&over, A).pop().unwrap().failure,
        None,
        "proxies hold again"
    );

    assert_eq!(scales(&world.wake(A, 1)), [(1, vec![])]);
    assert_eq!(world.phase(), "waking");
    world.done();
    world.observe(&[("b", ReplicaState::Ready)]);
    assert_eq!(world.phase(), "awake");
}

#[test]
fn a_failed_minimum_is_tried_again_without_a_request() {
    let mut always = workload();
    always.scale.min = 1;
    let mut world = World::new(always, &[A]);
    world.done();
    world.fails();
    assert_eq!(scales(&world.pass(SECOND * 29, &[(A, 0)])), []);
    assert_eq!(scales(&world.pass(SECOND * 2, &[(A, 0)])), [(1, vec![])]);
}

#[test]
fn a_failure_beside_a_ready_replica_is_none() {
    let mut world = World::awake(&[A]);
    let actions = world.observed(Some(failure()));
    assert_eq!(kinds(&actions), []);
    assert_eq!(world.phase(), "awake");
}

#[test]
fn a_refused_scale_is_tried_again() {
    let mut world = World::new(workload(), &[A]);
    world.wake(A, 1);
    let refused = world.refused();
    assert_eq!(scales(&refused), []);
    let again = world.pass(SECOND, &[]);
    assert_eq!(scales(&again), [(1, vec![])]);
}

#[test]
fn a_wake_nobody_waits_for_any_more_ends_in_sleep() {
    let mut world = World::new(workload(), &[A]);
    world.wake(A, 1);
    world.done();
    world.observe(&[("a", ReplicaState::Starting)]);
    world.report(A, 0, 0, Duration::ZERO);
    let actions = world.pass(SECOND * 11, &[(A, 0)]);
    let (workload, epoch) = (hello(), attempt(&actions, A));
    let stopped = world.say(A, ToScaler::Quiesced { workload, epoch });
    assert_eq!(scales(&stopped), [(0, vec!["a"])]);
    assert!(matches!(
        kinds(&stopped)[..],
        [EventKind::WakeAbandoned { .. }]
    ));
}

#[test]
fn demand_scales_up_at_once() {
    let mut world = World::awake(&[A]);
    assert_eq!(
        scales(&world.report(A, 31, 0, Duration::ZERO)),
        [(4, vec![])]
    );
}

#[test]
fn a_missing_node_is_waited_for_and_not_multiplied() {
    let mut world = World::awake(&[A]);
    let mut large = workload();
    large.scale.max = 50;
    world.event(Event::Applied(vec![large]));
    for _ in 0..70 {
        world.now += SECOND;
        world.report(A, 5, 0, Duration::ZERO);
    }
    // Twice what one is there for, and what it can't take is held; the others' pods are Pending, for no node has room.
    let mut asked = Vec::new();
    for second in 0..600 {
        world.now += SECOND;
        let actions = world.report(A, 10, 20 + second / 10, Duration::ZERO);
        let scaled = scales(&actions);
        if !scaled.is_empty() {
            asked.extend(scaled.into_iter().map(|(to, _)| to));
            world.done();
        }
        let mut pending = Observation::of(hello(), world.replicas.clone(), None);
        pending.progress = Some(Failure {
            reason: "Unschedulable".to_owned(),
            message: "a node is being added".to_owned(),
        });
        asked.extend(
            scales(&world.event(Event::Observed(pending)))
                .into_iter()
                .map(|(to, _)| to),
        );
    }
    assert!(
        !asked.is_empty() && asked.iter().all(|to| *to <= 4),
        "{asked:?}"
    );
    assert!(
        asked.is_sorted(),
        "somebody waits, and the panic's end takes nothing away: {asked:?}"
    );
    // The nodes are there: what was asked for comes up, and is not too much.
    world.observe(&[
        ("a", ReplicaState::Ready),
        ("b", ReplicaState::Ready),
        ("c", ReplicaState::Ready),
        ("d", ReplicaState::Ready),
        ("e", ReplicaState::Ready),
    ]);
    let actions = world.report(A, 10, 0, Duration::ZERO);
    assert!(
        scales(&actions).iter().all(|(to, _)| *to <= 5),
        "{actions:?}"
    );
}
