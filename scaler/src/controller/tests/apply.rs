use super::*;

fn routes(actions: &[Action]) -> Vec<(u64, usize)> {
    let routes = |message| match message {
        ToProxy::Routes(routes) => Some((routes.version, routes.workloads.len())),
        _ => None,
    };
    sent(actions, A).into_iter().filter_map(routes).collect()
}

#[test]
fn a_session_gets_routes_and_then_every_state() {
    let mut world = World::awake(&[A]);
    let opened = world.open(B);
    let messages = sent(&opened, B);
    assert_eq!(messages[0], ToProxy::Role { leads: Some(0) });
    assert!(
        matches!(&messages[1], ToProxy::Routes(routes) if routes.version == 1 && routes.workloads.len() == 1)
    );
    assert!(matches!(&messages[2], ToProxy::State(state) if state.endpoints.len() == 1));
    assert_eq!(messages[3], ToProxy::Synced);
    assert_eq!(messages.len(), 4);
}

#[test]
fn the_same_set_again_does_nothing() {
    let mut world = World::awake(&[A]);
    assert_eq!(world.event(Event::Applied(vec![workload()])), []);
}

#[test]
fn changed_numbers_restart_nothing() {
    let mut world = World::awake(&[A]);
    let mut more = workload();
    more.scale.max = 7;
    more.scale.min = 3;
    let applied = world.event(Event::Applied(vec![more]));
    assert!(
        !applied
            .iter()
            .any(|action| matches!(action, Action::Apply(_)))
    );
    assert_eq!(
        (scales(&applied), routes(&applied)),
        (vec![(3, vec![])], vec![])
    );
}

#[test]
fn a_removed_workload_loses_its_routes_then_drains_then_goes() {
    let mut world = World::awake(&[A]);
    let removed = world.event(Event::Applied(Vec::new()));
    assert_eq!(routes(&removed), [(2, 0)]);
    assert!(matches!(sent(&removed, A)[0], ToProxy::Routes(_)));
    assert_eq!(
        endpoints(&removed, A),
        [("a".to_owned(), EndpointState::Draining)]
    );
    assert_eq!(scales(&removed), []);
    let (workload, endpoint) = (hello(), EndpointId("a".into()));
    let drained = world.say(A, ToScaler::Drained { workload, endpoint });
    assert_eq!(scales(&drained), [(0, vec!["a"])]);
    let gone = world.done();
    assert_eq!(endpoints(&gone, A), []);
    assert!(gone.contains(&Action::Forget(hello())));
    assert_eq!(kinds(&gone), [EventKind::Removed]);
    assert_eq!(world.controller.status(world.now).workloads, []);
    assert_eq!(world.controller.next_deadline(), None);
}

#[test]
fn removed_while_asleep_it_goes_at_once() {
    let mut world = World::new(workload(), &[A]);
    let gone = world.event(Event::Applied(Vec::new()));
    assert!(gone.contains(&Action::Forget(hello())));
}

#[test]
fn removed_while_waking_it_stops_after_the_scale_under_way() {
    let mut world = World::new(workload(), &[A]);
    world.wake(A, 1);
    world.observe(&[("a", ReplicaState::Starting)]);
    assert_eq!(scales(&world.event(Event::Applied(Vec::new()))), []);
    let next = world.done();
    assert_eq!(
        scales(&next),
        [(0, vec!["a"])],
        "it was never used: nothing to drain"
    );
    assert!(world.done().contains(&Action::Forget(hello())));
    assert_eq!(world.observe(&[]), [], "late");
}

#[test]
fn removed_and_back_before_it_is_gone_it_goes_on() {
    let mut world = World::awake(&[A]);
    world.event(Event::Applied(Vec::new()));
    let back = world.event(Event::Applied(vec![workload()]));
    assert_eq!(
        endpoints(&back, A),
        [("a".to_owned(), EndpointState::Ready)]
    );
    assert_eq!(scales(&back), []);
    assert_eq!(world.phase(), "awake");
}

#[test]
fn what_is_unknown_is_ignored() {
    let mut world = World::new(workload(), &[A]);
    world.event(Event::Applied(Vec::new()));
    assert_eq!(world.wake(A, 1), []);
    assert_eq!(world.wake(SessionId(77), 1), []);
    assert_eq!(world.done(), []);
}
