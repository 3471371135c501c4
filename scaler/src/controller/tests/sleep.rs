use super::*;

/// An attempt to sleep is under way; its epoch.
fn quiescing(sessions: &[SessionId]) -> (World, u64) {
    let mut world = World::awake(sessions);
    let reports: Vec<_> = sessions.iter().map(|session| (*session, 0)).collect();
    let actions = world.pass(SECOND * 9, &reports);
    assert!(
        !actions
            .iter()
            .any(|action| matches!(action, Action::Send(_, ToProxy::Quiesce { .. }))),
        "too soon"
    );
    let actions = world.pass(SECOND * 3 / 2, &reports);
    let epoch = attempt(&actions, sessions[0]);
    assert_eq!(scales(&actions), []);
    assert_eq!(world.phase(), "quiescing");
    (world, epoch)
}

fn quiesced(epoch: u64) -> ToScaler {
    let workload = hello();
    ToScaler::Quiesced { workload, epoch }
}

#[test]
fn sleeps_once_every_proxy_has_confirmed() {
    let (mut world, epoch) = quiescing(&[A, B]);
    assert_eq!(scales(&world.say(A, quiesced(epoch))), []);
    assert_eq!(scales(&world.say(A, quiesced(epoch))), [], "repeated");
    assert_eq!(
        scales(&world.say(B, quiesced(epoch + 7))),
        [],
        "another attempt"
    );
    let stopped = world.say(B, quiesced(epoch));
    assert_eq!(scales(&stopped), [(0, vec!["a"])]);
    assert_eq!(endpoints(&stopped, A), [], "before the replica stops");
    let slept = world.done();
    let workload = hello();
    assert_eq!(sent(&slept, A), [ToProxy::Asleep { workload, epoch }]);
    assert!(
        matches!(&kinds(&slept)[..], [EventKind::Slept { why }] if why.contains("no demand for 10"))
    );
    assert_eq!(world.phase(), "asleep");
}

#[test]
fn a_wake_ends_the_attempt_for_everybody() {
    let (mut world, epoch) = quiescing(&[A, B]);
    world.say(A, quiesced(epoch));
    let woken = world.wake(B, 1);
    assert_eq!((resumes(&woken, A), resumes(&woken, B)), (1, 1));
    assert_eq!(scales(&woken), []);
    let late = world.say(B, quiesced(epoch));
    assert_eq!(scales(&late), []);
    assert_eq!(
        (resumes(&late, A), resumes(&late, B)),
        (0, 1),
        "it may still hold for an attempt that is off"
    );
    assert_eq!(world.phase(), "awake");
}

#[test]
fn a_wake_while_the_platform_stops_starts_anew() {
    let (mut world, epoch) = quiescing(&[A]);
    world.say(A, quiesced(epoch));
    assert_eq!(scales(&world.wake(A, 1)), [], "one count at a time");
    let slept = world.done();
    assert!(sent(&slept, A).contains(&ToProxy::Asleep {
        workload: hello(),
        epoch
    }));
    assert_eq!(scales(&slept), [(1, vec![])]);
    assert_eq!(world.phase(), "waking");
}

#[test]
fn busy_ends_the_attempt_and_the_next_waits() {
    let (mut world, epoch) = quiescing(&[A, B]);
    world.say(A, quiesced(epoch));
    let workload = hello();
    let busy = world.say(B, ToScaler::Busy { workload, epoch });
    assert_eq!((resumes(&busy, A), scales(&busy)), (1, vec![]));
    let quiet = world.pass(SECOND * 9, &[(A, 0), (B, 0)]);
    assert!(
        !quiet
            .iter()
            .any(|action| matches!(action, Action::Send(_, ToProxy::Quiesce { .. })))
    );
    let again = world.pass(SECOND * 2, &[(A, 0), (B, 0)]);
    assert!(attempt(&again, A) > epoch);
}

#[test]
fn no_answer_in_time_ends_the_attempt() {
    let (mut world, epoch) = quiescing(&[A, B]);
    world.say(A, quiesced(epoch));
    let actions = world.pass(SECOND * 2, &[(A, 0), (B, 0)]);
    assert_eq!(
        (resumes(&actions, A), resumes(&actions, B), scales(&actions)),
        (1, 1, vec![])
    );
    assert!(
        matches!(&kinds(&actions)[..], [EventKind::StayedAwake { why }] if why.contains("1 of 2"))
    );
}

#[test]
fn a_session_that_ends_is_no_longer_waited_for() {
    let (mut world, epoch) = quiescing(&[A, B]);
    world.say(A, quiesced(epoch));
    let closed = world.event(Event::SessionClosed(B));
    assert_eq!(scales(&closed), [(0, vec!["a"])]);
}

#[test]
fn without_any_session_nothing_sleeps() {
    let (mut world, _) = quiescing(&[A]);
    assert_eq!(scales(&world.event(Event::SessionClosed(A))), []);
    assert_eq!(scales(&world.pass(SECOND * 100, &[])), []);
    assert_eq!(world.phase(), "awake");
}

#[test]
fn a_new_session_ends_the_attempt() {
    let (mut world, epoch) = quiescing(&[A]);
    let opened = world.open(B);
    assert_eq!(resumes(&opened, A), 1);
    assert_eq!(scales(&world.say(A, quiesced(epoch))), []);
}

#[test]
fn a_silent_member_blocks_sleep() {
    let mut world = World::awake(&[A, B]);
    let actions = world.pass(SECOND * 60, &[(A, 0)]);
    assert!(sent(&actions, A).is_empty(), "{actions:?}");
    let gone = world.event(Event::SessionClosed(B));
    assert!(attempt(&gone, A) > 0);
}

#[test]
fn a_refused_zero_resumes() {
    let (mut world, epoch) = quiescing(&[A]);
    world.say(A, quiesced(epoch));
    let refused = world.refused();
    assert_eq!(resumes(&refused, A), 1);
    assert_eq!(
        endpoints(&refused, A),
        [("a".to_owned(), EndpointState::Ready)]
    );
    assert_eq!(world.phase(), "awake");
}

#[test]
fn a_session_that_opens_while_the_platform_stops_gets_no_endpoint() {
    let (mut world, epoch) = quiescing(&[A]);
    world.say(A, quiesced(epoch));
    let opened = world.open(B);
    assert_eq!(states(&opened, B), [], "nothing to tell");
}
