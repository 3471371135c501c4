use super::super::MOST_DECISIONS;
use super::*;

fn counts(world: &World) -> Vec<(u32, u32)> {
    let history = world.controller.history(&hello(), world.now).unwrap();
    let count = |past: &super::super::PastDecision| {
        let decision = &past.decision.decision;
        (decision.was, decision.replicas)
    };
    history.decisions.iter().map(count).collect()
}

#[test]
fn only_what_changes_is_kept_and_nothing_of_what_always_slept() {
    let mut world = World::new(workload(), &[A]);
    world.pass(SECOND * 30, &[(A, 0)]);
    assert_eq!(counts(&world), []);
    world.wake(A, 1);
    world.done();
    world.observe(&[("a", ReplicaState::Ready)]);
    world.pass(SECOND * 5, &[(A, 1)]);
    let kept = counts(&world);
    assert_eq!(kept[0], (0, 1));
    let before = kept.len();
    world.pass(SECOND * 100, &[(A, 1)]);
    assert_eq!(counts(&world).len(), before, "{:?}", counts(&world));
    let history = world.controller.history(&hello(), world.now).unwrap();
    assert!(history.decisions[0].seconds_ago >= 105.0, "{history:?}");
    assert!(
        history.decisions[0].decision.why.starts_with("1 replica: "),
        "{history:?}"
    );
    let other = WorkloadId::new("default", "other");
    assert_eq!(world.controller.history(&other, world.now), None);
}

#[test]
fn the_oldest_are_forgotten() {
    let mut world = World::awake(&[A]);
    let bounds = |min| {
        let mut changed = workload();
        changed.scale.min = min;
        changed
    };
    for i in 0..300 {
        world.event(Event::Applied(vec![bounds(1 + i % 2 * 3)]));
        world.done();
    }
    assert_eq!(counts(&world).len(), MOST_DECISIONS);
}

#[test]
fn how_long_starts_take_is_measured() {
    let mut world = World::new(workload(), &[A]);
    world.wake(A, 1);
    world.done();
    world.observe(&[("a", ReplicaState::Starting)]);
    world.now += SECOND * 4;
    world.observe(&[("a", ReplicaState::Ready)]);
    let start_time = |world: &World| {
        let status = world.controller.status(world.now);
        let decision = status.workloads[0].decision.clone().unwrap();
        decision.decision.start_time
    };
    assert_eq!(start_time(&world), Some(SECOND * 4));
    world.observe(&[("a", ReplicaState::Ready), ("b", ReplicaState::Starting)]);
    world.now += SECOND * 8;
    world.observe(&[("a", ReplicaState::Ready), ("b", ReplicaState::Ready)]);
    assert_eq!(
        start_time(&world),
        Some(SECOND * 5),
        "a quarter of the new one"
    );
    world.observe(&[("a", ReplicaState::Ready), ("b", ReplicaState::Ready)]);
    assert_eq!(start_time(&world), Some(SECOND * 5), "each is counted once");
}
