//! What a cluster adds: direct probing, stale addresses, sparse reports.

use std::net::SocketAddr;

use rouse_api::workload::{Probe, ProbeAction};

use super::*;

fn probe(action: ProbeAction) -> Probe {
    Probe {
        action,
        timeout: Duration::from_secs(1),
        period: Duration::from_secs(10),
        success_threshold: 1,
        failure_threshold: 3,
    }
}

/// One endpoint `a` with a probe; `here`: this proxy is to try it.
fn starts(told: EndpointState, here: bool) -> WorkloadState {
    let mut state = state(&[("a", told)]);
    state.endpoints[0].probe = Some(Arc::new(probe(ProbeAction::TcpSocket { port: None })));
    let other = MemberId {
        instance: 2,
        ..member()
    };
    state.probers = vec![other];
    if here {
        state.probers.push(member());
    }
    state
}

fn seen(core: &Core) -> EndpointState {
    core.endpoints().next().unwrap().1
}

#[test]
fn what_is_proven_takes_the_held_at_once_and_stays_ready_until_it_was_told_so() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    let mut held = waits(request(&mut core, now).1);
    core.apply(&starts(Starting, true), now);
    let [endpoint] = &core.begin_probing()[..] else {
        panic!("one is to be probed");
    };
    assert!(core.begin_probing().is_empty(), "one task for each");
    assert!(core.probe(endpoint).is_some());
    assert!(went(&mut held).is_none());
    assert!(core.prove(endpoint, now));
    assert!(went(&mut held).is_some());
    assert_eq!(core.proven(), std::slice::from_ref(&endpoint.id));
    core.apply(&starts(Starting, true), now);
    assert_eq!(seen(&core), Ready, "it crossed our word");
    assert!(core.begin_probing().is_empty());
    assert!(!core.proven().is_empty(), "so it is told again");
    core.apply(&starts(Ready, true), now);
    assert!(core.proven().is_empty());
    core.apply(&starts(Starting, true), now);
    assert_eq!(seen(&core), Starting, "it was ready, and is no more");
    waits(request(&mut core, now).1);
    assert_eq!(core.begin_probing().len(), 1);
}

#[test]
fn only_a_prober_probes_and_only_what_can_be_tried_from_here() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&starts(Starting, false), now);
    assert!(core.begin_probing().is_empty());
    let mut exec = starts(Starting, true);
    let command = vec!["true".to_owned()];
    exec.endpoints[0].probe = Some(Arc::new(probe(ProbeAction::Exec { command })));
    core.apply(&exec, now);
    assert!(core.begin_probing().is_empty(), "a command runs in the pod");
    exec.endpoints[0].probe = None;
    core.apply(&exec, now);
    assert!(core.begin_probing().is_empty(), "the platform finds out");
    core.apply(&starts(Starting, true), now);
    assert_eq!(core.begin_probing().len(), 1);
}

#[test]
fn probing_ends_when_nobody_wants_to_know() {
    let now = Instant::now();
    for end in [
        starts(Ready, true),
        starts(Draining, true),
        starts(Starting, false),
        state(&[]),
    ] {
        let mut core = core(None, 10, now);
        core.apply(&starts(Starting, true), now);
        let endpoint = core.begin_probing().remove(0);
        core.apply(&end, now);
        assert!(core.probe(&endpoint).is_none(), "{end:?}");
        core.apply(&starts(Starting, true), now);
        assert_eq!(core.begin_probing().len(), 1, "and begins again");
    }
}

#[test]
fn a_late_success_proves_nothing() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&starts(Starting, true), now);
    let endpoint = core.begin_probing().remove(0);
    core.apply(&starts(Draining, true), now);
    assert!(!core.prove(&endpoint, now));
    assert_eq!(seen(&core), Draining);
    core.apply(&state(&[]), now);
    core.apply(&starts(Starting, true), now);
    assert!(!core.prove(&endpoint, now), "that was another connection");
    assert_eq!(seen(&core), Starting);
}

#[test]
fn a_task_that_sees_the_end_late_goes_on_when_it_is_wanted_again() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&starts(Starting, true), now);
    let endpoint = core.begin_probing().remove(0);
    core.apply(&starts(Starting, false), now);
    core.apply(&starts(Starting, true), now);
    assert!(core.begin_probing().is_empty(), "it still runs");
    assert!(core.probe(&endpoint).is_some());
}

#[test]
fn unlinked_it_dials_the_service_and_probes_nothing() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&state(&[("a", Ready)]), now);
    let dial = |core: &mut Core| match request(core, now).1 {
        Admission::Go(grant) => grant.dial,
        other => panic!("{other:?}"),
    };
    core.set_unlinked(true, now);
    assert_eq!(dial(&mut core), Dial::Own, "no other address is known");
    let service = SocketAddr::from(([10, 0, 0, 1], 80));
    let mut told = state(&[("a", Ready)]);
    told.service = Some(service);
    core.apply(&told, now);
    assert_eq!(dial(&mut core), Dial::Service(service));
    core.apply(&starts(Starting, true), now);
    assert!(core.begin_probing().is_empty());
    core.set_unlinked(false, now);
    assert_eq!(core.begin_probing().len(), 1);
    core.apply(&told, now);
    assert_eq!(dial(&mut core), Dial::Own);
}

#[test]
fn unlinked_a_limited_workload_waits_for_a_connection_or_the_link() {
    let now = Instant::now();
    let mut core = core(Some(1), 10, now);
    let mut told = state(&[("a", Ready)]);
    told.service = Some(SocketAddr::from(([10, 0, 0, 1], 80)));
    apply(&mut core, &told, now);
    core.set_unlinked(true, now);
    let mut held = waits(request(&mut core, now).1);
    core.pace(now);
    assert!(went(&mut held).is_none());
    core.set_unlinked(false, now);
    assert!(went(&mut held).is_some());
}

#[test]
fn unlinked_an_attempt_to_sleep_is_off() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&state(&[("a", Ready)]), now);
    assert_eq!(core.quiesce(1, Duration::ZERO, now), Quiet::Now);
    let mut held = waits(request(&mut core, now).1);
    core.set_unlinked(true, now);
    assert!(went(&mut held).is_some(), "its replica may well be there");
}

#[test]
fn what_was_set_aside_gets_another_chance_by_another_address() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    let mut told = state(&[("a", Ready)]);
    told.service = Some(SocketAddr::from(([10, 0, 0, 1], 80)));
    core.apply(&told, now);
    let slot = goes(request(&mut core, now).1);
    assert!(core.fail(slot, true));
    let mut held = waits(request(&mut core, now).1);
    core.set_unlinked(true, now);
    let slot = went(&mut held).unwrap();
    assert!(core.fail(slot, true));
    let mut held = waits(request(&mut core, now).1);
    core.set_unlinked(false, now);
    assert!(went(&mut held).is_some());
}

#[derive(Debug, Clone)]
enum Act {
    Request,
    Release(prop::sample::Index),
    Ready,
    Look,
    WholeLook,
    Pass(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Request),
        4 => any::<prop::sample::Index>().prop_map(Act::Release),
        1 => Just(Act::Ready),
        6 => Just(Act::Look),
        1 => Just(Act::WholeLook),
        3 => (0..3000_u16).prop_map(Act::Pass),
    ]
}

const LINGER: Duration = Duration::from_secs(2);

proptest! {
    /// What the reader of sparse reports believes is true at each report, nothing is told twice, and one entry of zeros ends it.
    #[test]
    fn every_change_in_demand_is_told(acts in prop::collection::vec(act(), 1..200)) {
        let mut now = Instant::now();
        let mut core = core(None, 1000, now);
        let (mut running, mut held) = (Vec::new(), Vec::new());
        let (mut arrived, mut told) = (0_u64, 0_u64);
        let mut looked_at = false;
        let mut believed = (0, 0);
        let mut zero_told = true;
        for act in acts {
            match act {
                Act::Request => {
                    arrived += 1;
                    match request(&mut core, now).1 {
                        Admission::Go(grant) => running.push(grant.slot),
                        Admission::Wait(verdict) => held.push(verdict),
                        other => panic!("{other:?}"),
                    }
                    looked_at |= core.begin_look();
                }
                Act::Release(at) if !running.is_empty() => core.release(running.swap_remove(at.index(running.len())), true, now).map_or((), drop),
                Act::Ready => {
                    core.apply(&state(&[("a", Ready)]), now);
                }
                Act::Look | Act::WholeLook => {
                    let whole = matches!(act, Act::WholeLook);
                    looked_at |= whole && core.begin_look();
                    let entry = if looked_at {
                        let look = core.look(whole, LINGER, now);
                        looked_at = look.again;
                        look.entry
                    } else {
                        None
                    };
                    let real = (core.in_flight(), u32::try_from(core.held()).unwrap());
                    if let Some(entry) = &entry {
                        believed = (entry.in_flight, entry.held);
                        told += entry.requests;
                        let zero = believed == (0, 0) && entry.requests == 0 && entry.in_flight_seconds + entry.held_seconds == 0.0;
                        prop_assert!(whole || !(zero && zero_told), "zeros once");
                        zero_told = zero;
                    }
                    prop_assert!(entry.is_some() || zero_told, "the end is told");
                    prop_assert!(!whole || entry.is_some() == (arrived > 0));
                    prop_assert_eq!(believed, real);
                    prop_assert_eq!(told, arrived);
                }
                Act::Pass(millis) => now += Duration::from_millis(millis.into()),
                Act::Release(_) => {}
            }
            held.retain_mut(|verdict| match went(verdict) {
                Some(slot) => {
                    running.push(slot);
                    false
                }
                None => true,
            });
        }
    }
}

#[test]
fn a_workload_at_rest_is_left_alone_when_its_connections_are_old() {
    let start = Instant::now();
    let mut core = core(None, 10, start);
    core.apply(&state(&[("a", Ready)]), start);
    let slot = goes(request(&mut core, start).1);
    assert!(core.begin_look());
    assert!(!core.begin_look(), "the reporter has it");
    core.release(slot, true, start);
    let at = |millis| start + Duration::from_millis(millis);
    let mut look = |millis| {
        let look = core.look(false, LINGER, at(millis));
        (look.entry.is_some(), look.again)
    };
    assert_eq!(look(1), (true, true));
    assert_eq!(look(500), (true, true), "the end");
    assert_eq!(look(1000), (false, true), "connections");
    assert_eq!(look(2000), (false, false));
    assert!(core.begin_look(), "it registers anew");
}

#[test]
fn a_proven_endpoint_is_looked_at_until_it_is_told_ready() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&starts(Starting, true), now);
    let endpoint = core.begin_probing().remove(0);
    core.prove(&endpoint, now);
    assert!(core.begin_look());
    let later = now + LINGER * 10;
    assert!(core.look(false, LINGER, later).again);
    core.apply(&starts(Ready, true), later);
    assert!(!core.look(false, LINGER, later).again);
}

#[test]
fn a_workload_without_a_request_is_looked_at_once() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    assert!(core.begin_look());
    let look = core.look(true, LINGER, now);
    assert!(look.entry.is_none() && !look.again);
}

#[test]
fn one_that_was_removed_is_not_reported_once_its_last_request_has_ended() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&state(&[("a", Ready)]), now);
    let slot = goes(request(&mut core, now).1);
    core.begin_look();
    core.remove(now);
    let look = core.look(false, LINGER, now);
    assert_eq!((look.entry.unwrap().in_flight, look.again), (1, true));
    core.release(slot, true, now);
    let look = core.look(false, LINGER, now);
    assert!(look.entry.is_none() && !look.again);
}
