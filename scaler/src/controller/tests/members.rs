//! Who is a member, who is missing, and what proves one dead.

use super::cluster::{READY, about_to_sleep, quiesced};
use super::*;

const C: SessionId = SessionId(3);

fn counts(world: &World) -> (u32, u32) {
    let demand = world.controller.status(world.now).workloads[0]
        .decision
        .clone();
    let demand = demand.unwrap().decision.demand;
    (demand.members, demand.missing)
}

#[test]
fn a_closed_session_is_not_a_death() {
    let mut world = World::cluster(Some(1), &[A, B]);
    world.report(B, 4, 0, Duration::ZERO);
    world.sees(1, 1, &[("a", READY)]);
    world.close(B);
    assert_eq!(counts(&world), (2, 1));
    let status = world
        .controller
        .workload_status(&hello(), world.now)
        .unwrap();
    assert_eq!(status.in_flight, 4, "as it said last");
    let quiet = world.pass(SECOND * 100, &[(A, 0)]);
    assert!(
        !sent(&quiet, A)
            .iter()
            .any(|one| matches!(one, ToProxy::Quiesce { .. }))
    );
}

#[test]
fn lost_in_the_middle_of_quiesce_ends_the_attempt_and_back_it_is_told_so() {
    let (mut world, epoch) = about_to_sleep(&[A, B]);
    world.say(B, quiesced(epoch));
    let lost = world.close(B);
    assert_eq!((resumes(&lost, A), scales(&lost)), (1, vec![]));
    assert_eq!(scales(&world.say(A, quiesced(epoch))), []);
    let back = world.connect(C, member(B), SessionEnd::Silence);
    let resume = sent(&back, C)
        .into_iter()
        .find_map(|message| match message {
            ToProxy::Resume { epoch, .. } => Some(epoch),
            _ => None,
        });
    assert!(resume.unwrap() >= epoch, "it was quiesced: {back:?}");
    assert_eq!(counts(&world), (2, 1), "the same member, not heard yet");
}

#[test]
fn dead_between_quiesce_and_quiesced_it_is_not_waited_for() {
    let (mut world, epoch) = about_to_sleep(&[A, B]);
    world.hosts(&[A, B]);
    world.say(A, quiesced(epoch));
    // Its pod is gone before its connection is.
    assert_eq!(
        scales(&world.hosts(&[A])),
        [],
        "a connection is a sign of life"
    );
    assert_eq!(scales(&world.close(B)), [(0, vec!["a"])]);
}

#[test]
fn leaving_between_quiesce_and_quiesced_it_is_not_waited_for() {
    let (mut world, epoch) = about_to_sleep(&[A, B]);
    world.hosts(&[A, B]);
    world.say(A, quiesced(epoch));
    assert_eq!(scales(&world.say(B, ToScaler::Leaving)), [(0, vec!["a"])]);
    assert_eq!(counts(&world), (1, 0), "its host is expected no more");
    assert_eq!(world.say(B, quiesced(epoch)), [], "it is no member");
    world.close(B);
    let restarted = MemberId {
        instance: 99,
        ..member(B)
    };
    world.connect(C, restarted, SessionEnd::Silence);
    assert_eq!(counts(&world), (2, 1));
    world.say(C, ToScaler::Leaving);
    world.hosts(&[A]);
    world.hosts(&[A, B]);
    assert_eq!(counts(&world), (2, 1), "a host of that name again");
}

#[test]
fn another_instance_on_its_host_proves_a_proxy_dead() {
    let mut world = World::cluster(Some(1), &[A, B]);
    world.report(B, 4, 0, Duration::ZERO);
    world.sees(1, 1, &[("a", READY)]);
    let restarted = MemberId {
        instance: 99,
        ..member(B)
    };
    let opened = world.connect(C, restarted, SessionEnd::Silence);
    assert!(opened.contains(&Action::Close(B)));
    assert_eq!(counts(&world), (2, 1));
    let status = world
        .controller
        .workload_status(&hello(), world.now)
        .unwrap();
    assert_eq!(status.in_flight, 0);
    assert_eq!(
        world.report(B, 9, 0, Duration::ZERO),
        [],
        "nobody listens to the dead"
    );
}

#[test]
fn the_same_proxy_again_takes_the_place_of_its_own_session() {
    let mut world = World::cluster(Some(1), &[A]);
    world.sees(1, 1, &[("a", READY)]);
    let opened = world.connect(C, member(A), SessionEnd::Silence);
    assert!(opened.contains(&Action::Close(A)));
    assert_eq!(counts(&world), (1, 1));
    assert_eq!(world.close(A), [], "late");
    world.sequence = 0;
    world.report(C, 0, 0, SECOND * 3600);
    assert_eq!(counts(&world), (1, 0), "its reports count from anew");
}

#[test]
fn a_host_that_was_never_said_to_live_blocks_until_it_is_said_again() {
    let mut world = World::cluster(Some(1), &[A]);
    world.hosts(&[A]);
    world.back(B);
    world.report(B, 0, 0, SECOND * 3600);
    world.hosts(&[A]);
    world.sees(1, 1, &[("a", READY)]);
    assert_eq!(counts(&world), (2, 0), "connected");
    world.close(B);
    assert_eq!(counts(&world), (2, 1), "what was said may be older than it");
    world.hosts(&[A]);
    assert_eq!(counts(&world), (1, 0));
}

#[test]
fn a_whole_report_says_that_the_rest_is_nothing() {
    let mut world = World::cluster(Some(1), &[A]);
    world.report(A, 4, 1, Duration::ZERO);
    world.sees(1, 1, &[("a", READY)]);
    for (whole, left) in [(false, 5), (true, 0)] {
        world.sequence += 1;
        let (sequence, length, workloads) = (world.sequence, SECOND, Vec::new());
        let report = Report {
            whole,
            sequence,
            length,
            workloads,
        };
        world.say(A, ToScaler::Report(report));
        let status = world
            .controller
            .workload_status(&hello(), world.now)
            .unwrap();
        assert_eq!(status.in_flight + status.held, left);
    }
}

#[test]
fn too_many_members_are_refused() {
    let mut world = World::cluster(Some(1), &[]);
    let most = u64::try_from(super::super::MAX_MEMBERS).unwrap();
    for i in 0..most {
        world.back(SessionId(i));
    }
    let refused = SessionId(most);
    assert_eq!(world.back(refused), [Action::Close(refused)]);
}
