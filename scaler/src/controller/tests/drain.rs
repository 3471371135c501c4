use super::*;

const READY: ReplicaState = ReplicaState::Ready;

fn drained(endpoint: &str) -> ToScaler {
    ToScaler::Drained {
        workload: hello(),
        endpoint: EndpointId(endpoint.into()),
    }
}

/// Three replicas with demand for one; the two youngest drain.
fn draining(sessions: &[SessionId]) -> World {
    let mut world = World::awake(sessions);
    world.report(A, 30, 0, Duration::ZERO);
    world.done();
    world.now += MS;
    world.observe(&[("a", READY), ("b", READY)]);
    world.now += MS;
    world.observe(&[("a", READY), ("b", READY), ("c", READY)]);
    let mut reports: Vec<_> = sessions.iter().map(|session| (*session, 0)).collect();
    reports[0].1 = 5;
    let quiet = world.pass(SECOND * 58, &reports);
    assert!(
        states(&quiet, A).is_empty(),
        "within the stable window: {quiet:?}"
    );
    let actions = world.pass(SECOND * 3, &reports);
    assert_eq!(scales(&actions), []);
    let told = endpoints(&actions, A);
    let expected = [
        ("a", EndpointState::Ready),
        ("b", EndpointState::Draining),
        ("c", EndpointState::Draining),
    ];
    assert_eq!(told, expected.map(|(name, state)| (name.to_owned(), state)));
    world
}

#[test]
fn goes_once_every_proxy_has_drained_it() {
    let mut world = draining(&[A, B]);
    for (session, endpoint) in [(A, "b"), (A, "c"), (B, "c"), (B, "c")] {
        assert_eq!(scales(&world.say(session, drained(endpoint))), []);
    }
    let last = world.say(B, drained("b"));
    assert_eq!(scales(&last), [(1, vec!["b", "c"])]);
    let done = world.done();
    assert!(
        states(&done, A).is_empty(),
        "it drains until it is gone: {done:?}"
    );
    let observed = world.observe(&[("a", READY), ("b", ReplicaState::Terminating)]);
    assert_eq!(
        endpoints(&observed, A),
        [("a".to_owned(), EndpointState::Ready)]
    );
}

#[test]
fn one_that_is_busy_takes_requests_again_and_an_idle_one_goes() {
    let mut world = draining(&[A]);
    world.say(A, drained("c"));
    // A long request goes on at b.
    let actions = world.pass(SECOND * 2, &[(A, 5)]);
    let told = endpoints(&actions, A);
    let expected = [
        ("a", EndpointState::Draining),
        ("b", EndpointState::Ready),
        ("c", EndpointState::Draining),
    ];
    assert_eq!(told, expected.map(|(name, state)| (name.to_owned(), state)));
    assert_eq!(
        scales(&world.say(A, drained("b"))),
        [],
        "late, for it does not drain any more"
    );
    assert_eq!(scales(&world.say(A, drained("a"))), [(1, vec!["a", "c"])]);
}

#[test]
fn when_all_are_busy_the_youngest_go_in_the_end() {
    let mut world = draining(&[A]);
    assert_eq!(scales(&world.pass(SECOND * 30, &[(A, 5)])), []);
    let actions = world.pass(SECOND * 7, &[(A, 5)]);
    assert_eq!(scales(&actions), [(1, vec!["b", "c"])]);
}

#[test]
fn demand_takes_it_back() {
    let mut world = draining(&[A]);
    world.say(A, drained("c"));
    let back = world.report(A, 30, 0, Duration::ZERO);
    assert_eq!(scales(&back), []);
    assert!(
        endpoints(&back, A)
            .iter()
            .all(|(_, state)| *state == EndpointState::Ready)
    );
    assert_eq!(
        scales(&world.say(A, drained("b"))),
        [],
        "it does not drain any more"
    );
}

#[test]
fn a_session_that_ends_has_drained() {
    let mut world = draining(&[A, B]);
    world.say(A, drained("b"));
    world.say(A, drained("c"));
    assert_eq!(
        scales(&world.event(Event::SessionClosed(B))),
        [(1, vec!["b", "c"])]
    );
}

#[test]
fn one_that_never_was_ready_goes_first_and_at_once() {
    let mut world = World::awake(&[A]);
    world.report(A, 20, 0, Duration::ZERO);
    world.done();
    world.observe(&[("stuck", ReplicaState::Starting), ("a", READY)]);
    let actions = world.pass(SECOND * 70, &[(A, 5)]);
    assert_eq!(scales(&actions), [(1, vec!["stuck"])]);
}

#[test]
fn a_changed_process_is_replaced_once_the_new_one_is_ready() {
    let mut world = World::awake(&[A]);
    let mut changed = workload();
    changed.target = Target::Process(process("other"));
    let applied = world.event(Event::Applied(vec![changed.clone()]));
    assert!(applied.contains(&Action::Apply(std::sync::Arc::new(changed))));
    assert_eq!(scales(&applied), []);
    world.report(A, 1, 0, Duration::ZERO);
    world.replicas[0].outdated = true;
    let both = world.observe(&[("a", READY), ("new", ReplicaState::Starting)]);
    assert_eq!(
        endpoints(&both, A)[0],
        ("a".to_owned(), EndpointState::Ready)
    );
    let ready = world.observe(&[("a", READY), ("new", READY)]);
    assert_eq!(
        endpoints(&ready, A)[0],
        ("a".to_owned(), EndpointState::Draining)
    );
    assert_eq!(scales(&ready), []);
    assert_eq!(scales(&world.say(A, drained("a"))), [(1, vec!["a"])]);
}
