//! Permits over sessions, leaders and deaths.

use std::num::NonZeroU32;

use rouse_api::link::{Account, Given, Granted, Owned, OwnedOf};

use super::cluster::{READY, deployment};
use super::*;

/// What each session is given, by its sum.
fn given(out: &[Action]) -> Vec<(SessionId, u64)> {
    let sent = out.iter().filter_map(|action| match action {
        Action::Send(session, ToProxy::Permits(Granted { given, .. })) => {
            let given: &Vec<Given> = given;
            given.first().map(|given| (*session, given.granted))
        }
        _ => None,
    });
    sent.collect()
}

impl World {
    /// The session tells that it owns so many of `a`, and wants more; `whole`: it is its first word to the leader.
    fn owns(
        &mut self,
        session: SessionId,
        term: u32,
        owned: u32,
        wanted: u32,
        whole: bool,
    ) -> Vec<Action> {
        self.sequence += 1;
        let sequence = self.sequence;
        let account = Account {
            endpoint: EndpointId("a".into()),
            number: u64::from(term),
            owned,
            granted: 0,
        };
        let part = OwnedOf {
            workload: hello(),
            sequence,
            whole,
            wanted,
            oldest: MS,
            returned: 0,
            accounts: vec![account],
        };
        self.say(
            session,
            ToScaler::Permits(Owned {
                term,
                sequence,
                whole,
                workloads: vec![part],
            }),
        )
    }
}

/// One replica `a`, one request at a time, led in term 3.
fn limited(sessions: &[SessionId]) -> World {
    let mut workload = deployment();
    workload.http.as_mut().unwrap().concurrency_limit = NonZeroU32::new(1);
    let mut world = World::cluster_of(workload, Some(3), &[]);
    world.hosts(sessions);
    for session in sessions {
        world.back(*session);
    }
    world.sees(1, 1, &[("a", READY)]);
    world
}

#[test]
fn nothing_is_given_before_everybody_has_told() {
    let mut world = limited(&[A, B]);
    assert_eq!(given(&world.owns(A, 3, 0, 1, true)), []);
    assert_eq!(
        given(&world.owns(B, 2, 0, 0, true)),
        [],
        "said to another leader"
    );
    assert_eq!(given(&world.owns(B, 3, 0, 0, true)), [(A, 1)]);
    // It is owned, also while its owner is silent.
    world.close(A);
    assert_eq!(given(&world.owns(B, 3, 0, 1, false)), []);
    assert_eq!(
        given(&world.hosts(&[B])),
        [(B, 1)],
        "until it is proven dead"
    );
}

#[test]
fn a_new_leader_waits_for_those_that_have_not_connected() {
    let mut world = limited(&[A, B]);
    world.event(Event::Lead(None));
    world.hosts(&[A, B, SessionId(3)]);
    world.event(Event::Lead(Some(4)));
    assert_eq!(given(&world.owns(A, 4, 0, 1, true)), []);
    assert_eq!(
        given(&world.owns(B, 4, 0, 0, true)),
        [],
        "the third may own it"
    );
    world.back(SessionId(3));
    assert_eq!(
        given(&world.owns(SessionId(3), 4, 1, 0, true)),
        [],
        "and does"
    );
    // One that began later owns nothing: nobody waits for it.
    world.hosts(&[A, B, SessionId(4)]);
    assert_eq!(given(&world.close(SessionId(3))), [(A, 1)]);
}

#[test]
fn what_a_proxy_owns_outlives_the_workload() {
    let mut world = limited(&[A, B]);
    let workload = world.controller.entries[&hello()].workload.clone();
    world.owns(A, 3, 1, 0, true);
    world.owns(B, 3, 0, 0, true);
    world.event(Event::Applied(Vec::new()));
    assert!(world.controller.entries.is_empty());
    world.event(Event::Applied(vec![(*workload).clone()]));
    world.sees(2, 1, &[("a", READY)]);
    assert_eq!(
        given(&world.owns(B, 3, 0, 1, true)),
        [],
        "one request is still there"
    );
    assert_eq!(given(&world.owns(A, 3, 0, 0, true)), [(B, 1)]);
}

#[test]
fn one_that_knows_no_permits_is_told_no_endpoint() {
    let mut world = limited(&[A]);
    world.owns(A, 3, 0, 1, true);
    let opened = world.event(Event::SessionOpened {
        session: B,
        member: member(B),
        end: SessionEnd::Silence,
        capabilities: Capabilities::default(),
    });
    let state = |actions: &[Action], to| {
        let mut all = sent(actions, to).into_iter();
        all.find_map(|message| match message {
            ToProxy::State(state) => Some(state),
            _ => None,
        })
    };
    let told = state(&opened, B).unwrap();
    assert!(told.endpoints.is_empty());
    assert_eq!(told.failure.unwrap().reason, "ProxyOutdated");
    // And nobody waits for its word.
    world.owns(A, 3, 0, 0, false);
    assert_eq!(given(&world.owns(A, 3, 0, 1, false)), []);
    let back = world.back(SessionId(3));
    assert_eq!(state(&back, SessionId(3)).unwrap().endpoints.len(), 1);
}

#[test]
fn without_a_limit_nothing_is_kept() {
    let mut world = World::cluster(Some(3), &[A]);
    world.sees(1, 1, &[("a", READY)]);
    assert_eq!(given(&world.owns(A, 3, 0, 1, true)), []);
    assert!(world.controller.ledgers.is_empty());
}

#[test]
fn a_limit_that_is_new_waits_until_all_have_heard_of_it() {
    let mut world = World::cluster(Some(3), &[A, B]);
    world.sees(1, 1, &[("a", READY)]);
    for session in [A, B] {
        world.say(
            session,
            ToScaler::Permits(Owned {
                term: 3,
                sequence: 1,
                whole: true,
                workloads: Vec::new(),
            }),
        );
    }
    let mut workload = deployment();
    workload.http.as_mut().unwrap().concurrency_limit = NonZeroU32::new(1);
    world.event(Event::Applied(vec![workload]));
    assert_eq!(given(&world.owns(A, 3, 0, 1, false)), []);
    assert_eq!(given(&world.owns(B, 3, 0, 0, false)), [(A, 1)]);
}
