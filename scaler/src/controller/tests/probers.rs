//! Who probes, and what their word is worth.

use rouse_api::workload::Dial;

use super::cluster::{READY, STARTING, deployment, probe};
use super::*;

const C: SessionId = SessionId(3);

/// Woken by `holder`; one pod starts and can be probed.
fn starting(sessions: &[SessionId], holder: SessionId) -> (World, Vec<Action>) {
    let mut world = World::cluster(Some(1), sessions);
    world.sees(1, 0, &[]);
    world.wake(holder, 1);
    world.took(2, 1);
    let seen = sees_starting(&mut world);
    (world, seen)
}

fn sees_starting(world: &mut World) -> Vec<Action> {
    world.sees_as(2, 1, &[("a", STARTING)], |seen| {
        seen.replicas[0].probe = Some(probe());
    })
}

fn probers(actions: &[Action]) -> Vec<MemberId> {
    states(actions, A).pop().expect("a state").probers
}

fn proven(endpoint: &str) -> ToScaler {
    ToScaler::Proven {
        workload: hello(),
        endpoint: EndpointId(endpoint.into()),
    }
}

#[test]
fn two_probe_and_those_that_hold_come_first() {
    let (_, seen) = starting(&[A, B, C], C);
    assert_eq!(probers(&seen), [member(C), member(A)]);
    let told = states(&seen, A).pop().unwrap();
    assert_eq!(told.endpoints[0].probe, Some(probe()));
}

#[test]
fn they_stay_until_they_are_lost_or_have_no_result() {
    let (mut world, _) = starting(&[A, B, C], C);
    assert!(states(&world.wake(B, 50), A).is_empty(), "stable");
    assert_eq!(probers(&world.close(C)), [member(A), member(B)]);
    let later = world.pass(SECOND, &[(A, 0), (B, 0)]);
    assert!(states(&later, A).is_empty(), "there are no others");

    let (mut world, _) = starting(&[A, B, C], C);
    let later = world.pass(SECOND, &[(A, 0), (B, 0), (C, 0)]);
    assert_eq!(probers(&later)[0], member(B));
}

#[test]
fn proven_is_ready_for_all_until_the_platform_has_its_own_word() {
    let (mut world, _) = starting(&[A, B], A);
    world.now += MS * 30;
    let ready = world.say(A, proven("a"));
    assert_eq!(
        endpoints(&ready, B),
        [("a".to_owned(), EndpointState::Ready)]
    );
    assert_eq!(probers(&ready), []);
    assert!(matches!(&kinds(&ready)[..], [EventKind::Woke(stages)] if stages.ready == MS * 30));
    assert!(
        states(&sees_starting(&mut world), A).is_empty(),
        "not ready yet, says the platform"
    );
    let agreed = world.sees(2, 1, &[("a", READY)]);
    assert!(states(&agreed, A).is_empty());
    let lost = world.sees(2, 1, &[("a", STARTING)]);
    assert_eq!(
        endpoints(&lost, A),
        [("a".to_owned(), EndpointState::Starting)]
    );
}

#[test]
fn proven_before_it_is_seen_it_is_ready_at_once() {
    let mut world = World::cluster(None, &[A]);
    world.sees(1, 1, &[]);
    world.say(A, proven("a"));
    let seen = sees_starting(&mut world);
    assert_eq!(
        endpoints(&seen, A),
        [("a".to_owned(), EndpointState::Ready)]
    );
}

#[test]
fn what_only_the_platform_can_find_out_is_not_proven() {
    let mut world = World::cluster(None, &[A]);
    world.sees(1, 1, &[("a", STARTING)]);
    assert_eq!(world.say(A, proven("a")), []);
    assert_eq!(world.phase(), "waking");
}

#[test]
fn what_is_remembered_is_bounded() {
    let (mut world, _) = starting(&[A], A);
    for i in 0..10_000 {
        world.say(A, proven(&format!("no-{i}")));
    }
    assert_eq!(world.phase(), "waking");
    world.now += SECOND * 11;
    sees_starting(&mut world);
    world.say(A, proven("a"));
    assert_eq!(world.phase(), "awake", "the rest is forgotten");
}

#[test]
fn through_a_service_it_is_one_endpoint_that_is_proven_once_a_pod_is_ready() {
    let mut through = deployment();
    if let Some(http) = &mut through.http {
        http.dial = Dial::Service;
    }
    let address = SocketAddr::from(([10, 96, 0, 7], 80));
    let mut world = World::cluster_of(through, Some(1), &[A]);
    let sees = |world: &mut World, version, count, pods: &[(&str, ReplicaState)]| {
        world.sees_as(version, count, pods, |seen| seen.service = Some(address))
    };
    sees(&mut world, 1, 0, &[]);
    world.wake(A, 1);
    world.took(2, 1);
    let seen = sees(&mut world, 2, 1, &[("a", STARTING)]);
    assert_eq!(
        endpoints(&seen, A),
        [("service/a".to_owned(), EndpointState::Starting)]
    );
    world.say(A, proven("service/a"));
    assert_eq!(world.phase(), "waking", "no pod is ready");
    let ready = sees(&mut world, 2, 1, &[("a", READY)]);
    let told = states(&ready, A).pop().unwrap();
    assert_eq!(
        (told.endpoints[0].state, told.endpoints[0].address),
        (EndpointState::Starting, address)
    );
    assert!(told.endpoints[0].probe.is_some() && told.probers == [member(A)]);
    let through = world.say(A, proven("service/a"));
    assert_eq!(
        endpoints(&through, A),
        [("service/a".to_owned(), EndpointState::Ready)]
    );
    assert_eq!(world.phase(), "awake");
    let replaced = sees(&mut world, 2, 1, &[("b", READY)]);
    assert!(
        states(&replaced, A).is_empty(),
        "the same endpoint: {replaced:?}"
    );
    let gone = sees(&mut world, 3, 0, &[]);
    assert_eq!(endpoints(&gone, A), []);
    world.wake(A, 1);
    world.took(4, 1);
    let again = sees(&mut world, 4, 1, &[("c", STARTING)]);
    assert_eq!(
        endpoints(&again, A),
        [("service/c".to_owned(), EndpointState::Starting)]
    );
}
