//! Leading, following, and what happens in between.

use super::cluster::{READY, about_to_sleep, quiesced};
use super::*;

const BASE: u64 = 4 << 32;

fn roles(actions: &[Action], to: SessionId) -> Vec<Option<u32>> {
    let role = |message| match message {
        ToProxy::Role { leads } => Some(leads),
        _ => None,
    };
    sent(actions, to).into_iter().filter_map(role).collect()
}

#[test]
fn a_new_leader_ends_what_an_earlier_one_began() {
    let mut world = World::cluster(None, &[A]);
    world.sees(1, 1, &[("a", READY)]);
    let leads = world.event(Event::Lead(Some(4)));
    let (workload, epoch) = (hello(), BASE);
    let messages = sent(&leads, A);
    assert_eq!(messages[0], ToProxy::Role { leads: Some(4) });
    assert_eq!(messages[1], ToProxy::Resume { workload, epoch });

    let mut world = World::cluster(None, &[A]);
    world.sees(1, 0, &[]);
    let leads = world.event(Event::Lead(Some(4)));
    let workload = hello();
    assert!(sent(&leads, A).contains(&ToProxy::Asleep { workload, epoch }));
    assert_eq!(world.event(Event::Lead(Some(4))), [], "the same again");
}

#[test]
fn a_proxy_that_comes_later_is_told_the_same_before_synced() {
    let mut world = World::cluster(Some(4), &[A]);
    world.sees(1, 0, &[]);
    let opened = world.back(B);
    let (workload, epoch) = (hello(), BASE);
    let messages = sent(&opened, B);
    assert_eq!(
        messages[2..],
        [ToProxy::Asleep { workload, epoch }, ToProxy::Synced]
    );
}

#[test]
fn what_is_observed_only_after_the_lead_is_told_then() {
    let mut world = World::cluster(Some(4), &[A]);
    let seen = world.sees(1, 0, &[]);
    let (workload, epoch) = (hello(), BASE);
    assert!(sent(&seen, A).contains(&ToProxy::Asleep { workload, epoch }));
}

#[test]
fn epochs_begin_with_the_term() {
    let (world, epoch) = about_to_sleep(&[A]);
    assert_eq!((epoch >> 32, epoch & 0xffff_ffff), (3, 1));
    drop(world);
}

#[test]
fn quiesced_and_then_deposed_nothing_is_patched_and_nobody_told() {
    let (mut world, epoch) = about_to_sleep(&[A]);
    let deposed = world.event(Event::Lead(None));
    assert_eq!((roles(&deposed, A), resumes(&deposed, A)), (vec![None], 0));
    let answer = world.say(A, quiesced(epoch));
    assert_eq!((scales(&answer), resumes(&answer, A)), (vec![], 0));
    assert_eq!(world.phase(), "awake");
    assert_eq!(scales(&world.pass(SECOND * 60, &[(A, 0)])), []);
}

#[test]
fn a_patch_under_way_ends_without_a_word_of_the_deposed() {
    let (mut world, epoch) = about_to_sleep(&[A]);
    assert_eq!(scales(&world.say(A, quiesced(epoch))), [(0, vec!["a"])]);
    world.event(Event::Lead(None));
    let done = world.took(2, 0);
    assert!(
        !sent(&done, A)
            .iter()
            .any(|message| matches!(message, ToProxy::Asleep { .. }))
    );
    assert_eq!(world.phase(), "asleep");

    let (mut world, epoch) = about_to_sleep(&[A]);
    world.say(A, quiesced(epoch));
    world.event(Event::Lead(None));
    assert_eq!(resumes(&world.refused(), A), 0);
    assert_eq!(world.phase(), "awake");
}

#[test]
fn patched_but_not_told_asleep_the_follower_wakes_it() {
    let mut world = World::cluster(None, &[A]);
    world.sees(1, 1, &[("a", READY)]);
    assert_eq!(scales(&world.wake(A, 1)), [], "it has a replica");
    let zero = world.sees(2, 0, &[("a", ReplicaState::Terminating)]);
    assert_eq!(scales(&zero), [(1, vec![])]);
    assert_eq!(world.phase(), "waking");
}

#[test]
fn a_follower_wakes_and_raises_and_does_nothing_else() {
    let mut world = World::cluster(None, &[A]);
    world.sees(1, 0, &[]);
    assert_eq!(scales(&world.wake(A, 1)), [(1, vec![])]);
    world.took(2, 1);
    world.wake(A, 35);
    assert_eq!(scales(&world.pass(MS * 20, &[])), [(4, vec![])]);
    world.took(3, 4);
    world.sees(3, 4, &[("a", READY)]);
    assert_eq!(
        scales(&world.report(A, 50, 0, Duration::ZERO)),
        [],
        "awake: the leader's"
    );
    assert_eq!(scales(&world.pass(SECOND * 200, &[(A, 0)])), []);
    assert_eq!(world.phase(), "awake");
}

#[test]
fn a_minimum_is_the_leaders() {
    let mut always = super::cluster::deployment();
    always.scale.min = 2;
    let mut world = World::cluster_of(always, None, &[A]);
    assert_eq!(scales(&world.sees(1, 0, &[])), []);
    assert_eq!(scales(&world.event(Event::Lead(Some(1)))), [(2, vec![])]);
}

#[test]
fn woken_by_a_follower_and_then_by_the_leader_it_is_woken_once() {
    let (mut leader, mut follower) = (World::cluster(Some(1), &[A]), World::cluster(None, &[A]));
    leader.sees(1, 0, &[]);
    follower.sees(1, 0, &[]);
    assert_eq!(scales(&follower.wake(A, 1)), [(1, vec![])]);
    follower.took(2, 1);
    let late = leader.wake(A, 1);
    assert!(
        matches!(
            &late[0],
            Action::Scale {
                from: 0,
                replicas: 1,
                ..
            }
        ),
        "only raises: {late:?}"
    );
    assert_eq!(scales(&leader.sees(2, 1, &[])), []);
    assert_eq!(scales(&leader.took(2, 1)), []);
    assert_eq!(leader.phase(), "waking");
    assert_eq!(scales(&follower.sees(2, 1, &[])), []);
}

#[test]
fn woken_by_a_follower_between_the_patch_and_its_answer_it_stays_awake() {
    let (mut world, epoch) = about_to_sleep(&[A]);
    world.say(A, quiesced(epoch));
    world.sees(9, 1, &[("a", READY)]);
    let done = world.took(8, 0);
    let workload = hello();
    assert!(
        sent(&done, A).contains(&ToProxy::Asleep { workload, epoch }),
        "nobody is left quiesced"
    );
    assert_eq!(
        endpoints(&done, A),
        [("a".to_owned(), EndpointState::Draining)],
        "it may be going"
    );
    assert_eq!(world.phase(), "waking");
    let kept = world.pass(SECOND * 2, &[(A, 0)]);
    assert_eq!(
        endpoints(&kept, A)[0].1,
        EndpointState::Ready,
        "the platform kept it"
    );
}

#[test]
fn set_to_zero_by_another_while_quiescing_nobody_is_left_quiesced() {
    let (mut world, epoch) = about_to_sleep(&[A]);
    let zero = world.sees(2, 0, &[]);
    let workload = hello();
    assert!(sent(&zero, A).contains(&ToProxy::Asleep { workload, epoch }));
    assert_eq!(scales(&world.say(A, quiesced(epoch))), []);
    assert_eq!(world.phase(), "asleep");
}

#[test]
fn a_new_leader_lowers_nothing_before_every_live_host_has_reported() {
    let mut world = World::cluster(None, &[A]);
    world.hosts(&[A, B]);
    world.sees(1, 3, &[("a", READY), ("b", READY), ("c", READY)]);
    world.event(Event::Lead(Some(1)));
    let quiet = world.pass(SECOND * 120, &[(A, 0)]);
    assert_eq!(scales(&quiet), []);
    assert!(
        !sent(&quiet, A)
            .iter()
            .any(|one| matches!(one, ToProxy::Quiesce { .. }))
    );
    world.back(B);
    assert_eq!(
        scales(&world.pass(SECOND, &[(A, 0)])),
        [],
        "connected is not reported"
    );
    let heard = world.pass(SECOND * 12, &[(A, 0), (B, 0)]);
    assert!(attempt(&heard, A) > 0);
}

#[test]
fn leading_again_in_a_later_term_old_attempts_end_in_the_new_one() {
    let (mut world, _) = about_to_sleep(&[A]);
    let again = world.event(Event::Lead(Some(4)));
    let (workload, epoch) = (hello(), BASE);
    assert!(sent(&again, A).contains(&ToProxy::Resume { workload, epoch }));
    let epoch = attempt(&again, A);
    assert_eq!(epoch, BASE + 1, "asked anew");
    assert_eq!(scales(&world.say(A, quiesced(epoch))), [(0, vec!["a"])]);
    world.event(Event::Lead(Some(5)));
    let done = world.took(2, 0);
    let (workload, epoch) = (hello(), 5 << 32);
    assert!(sent(&done, A).contains(&ToProxy::Asleep { workload, epoch }));
}

/// Found by the simulation: another scaler had put it to sleep and woken it again, and the end of the old replica was not seen yet.
#[test]
fn what_was_there_at_zero_gets_nothing_more_when_the_count_rises_again() {
    let mut world = World::cluster(None, &[A]);
    world.sees(1, 1, &[("old", READY)]);
    world.sees(2, 0, &[("old", READY)]);
    let risen = world.sees(3, 1, &[("old", READY)]);
    let draining = [("old".to_owned(), EndpointState::Draining)];
    assert_eq!(endpoints(&risen, A), draining);
    // Nobody has acted on the zero: it is still there long after, and stays.
    world.now += SECOND * 2;
    let later = world.event(Event::Tick);
    let ready = [("old".to_owned(), EndpointState::Ready)];
    assert_eq!(endpoints(&later, A), ready);
}

/// Found by the simulation: the zero took long to be written, and the count was raised at once to as many as there had been.
#[test]
fn victims_are_taken_for_kept_only_when_the_count_has_fitted_for_a_while() {
    let mut world = World::cluster(None, &[A]);
    world.sees(1, 1, &[("old", READY)]);
    world.sees(2, 0, &[("old", READY)]);
    world.now += SECOND * 3;
    world.event(Event::Tick);
    let risen = world.sees(3, 1, &[("old", READY)]);
    let draining = [("old".to_owned(), EndpointState::Draining)];
    assert_eq!(endpoints(&risen, A), draining);
}
