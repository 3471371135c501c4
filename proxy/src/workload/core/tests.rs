use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rouse_api::link::{Endpoint as Told, EndpointId, EndpointState, Failure, WorkloadState};
use rouse_api::workload::{Hold, Http, Protocol, Timeouts, WorkloadId};

use super::*;

mod cluster;
mod manner;
mod permits;

fn http(limit: Option<u32>, max_held: u32) -> Http {
    Http {
        routes: Vec::new(),
        service: None,
        readiness: rouse_api::workload::Readiness::default(),
        dial: rouse_api::workload::Dial::default(),
        tls: rouse_api::workload::Tls::default(),
        protocol: Protocol::Http1,
        concurrency_per_replica: None,
        concurrency_limit: limit.and_then(NonZeroU32::new),
        request_rate_per_replica: None,
        hold: Hold {
            max_requests: max_held,
            ..Hold::default()
        },
        timeouts: Timeouts::default(),
        rules: Vec::new(),
        wake_requires: None,
        front: None,
        while_waking: rouse_api::workload::WhileWaking::default(),
    }
}

fn member() -> MemberId {
    MemberId {
        host: "here".into(),
        instance: 1,
    }
}

fn core(limit: Option<u32>, max_held: u32, now: Instant) -> Core {
    Core::new(
        WorkloadId::new("default", "w"),
        member(),
        &http(limit, max_held),
        1024,
        Numbers::default(),
        now,
    )
}

/// As it is for the only proxy: the leader gives all permits of these endpoints.
fn apply(core: &mut Core, told: &WorkloadState, now: Instant) -> Vec<EndpointId> {
    let drained = core.apply(told, now);
    permits::give_all(core, now);
    drained
}

fn state(endpoints: &[(&str, EndpointState)]) -> WorkloadState {
    let told = |(id, state): &(&str, EndpointState)| Told {
        id: EndpointId(Arc::from(*id)),
        address: "127.0.0.1:1".parse().unwrap(),
        state: *state,
        probe: None,
        service_account: None,
    };
    WorkloadState {
        endpoints: endpoints.iter().map(told).collect(),
        ..WorkloadState::empty(WorkloadId::new("default", "w"))
    }
}

use EndpointState::{Draining, Ready, Starting};

fn request(core: &mut Core, now: Instant) -> (Ticket, Admission) {
    let ticket = core.arrive(Manner::DEMAND, now);
    let admission = core.admit(ticket, None, Manner::DEMAND, now);
    (ticket, admission)
}

fn went(verdict: &mut oneshot::Receiver<Verdict>) -> Option<usize> {
    match verdict.try_recv() {
        Ok(Verdict::Go(grant)) => Some(grant.slot),
        _ => None,
    }
}

fn waits(admission: Admission) -> oneshot::Receiver<Verdict> {
    match admission {
        Admission::Wait(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

fn goes(admission: Admission) -> usize {
    match admission {
        Admission::Go(grant) => grant.slot,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_held_leave_in_order_within_the_limit() {
    let now = Instant::now();
    let mut core = core(Some(1), 10, now);
    let mut verdicts: Vec<_> = (0..3).map(|_| waits(request(&mut core, now).1)).collect();
    apply(&mut core, &state(&[("a", Starting)]), now);
    assert!(verdicts.iter_mut().all(|verdict| went(verdict).is_none()));
    apply(&mut core, &state(&[("a", Ready)]), now);
    let first = went(&mut verdicts[0]).unwrap();
    assert!(went(&mut verdicts[1]).is_none());
    core.release(first, true, now);
    let second = went(&mut verdicts[1]).unwrap();
    assert!(went(&mut verdicts[2]).is_none(), "one at a time");
    core.release(second, true, now);
    assert!(went(&mut verdicts[2]).is_some());
}

#[test]
fn a_newcomer_does_not_overtake() {
    let now = Instant::now();
    let mut core = core(Some(1), 10, now);
    apply(&mut core, &state(&[("a", Ready)]), now);
    let slot = goes(request(&mut core, now).1);
    let mut held = waits(request(&mut core, now).1);
    let mut late = waits(request(&mut core, now).1);
    core.release(slot, true, now);
    assert!(went(&mut held).is_some());
    assert!(went(&mut late).is_none());
}

#[test]
fn one_that_leaves_frees_its_place_at_once() {
    let now = Instant::now();
    let mut core = core(None, 1, now);
    let (ticket, admission) = request(&mut core, now);
    drop(waits(admission));
    assert!(matches!(request(&mut core, now).1, Admission::Full));
    assert!(core.leave(ticket, now));
    waits(request(&mut core, now).1);
}

#[test]
fn a_grant_to_one_that_has_left_goes_to_the_next() {
    let now = Instant::now();
    let mut core = core(Some(1), 10, now);
    drop(waits(request(&mut core, now).1));
    let mut next = waits(request(&mut core, now).1);
    apply(&mut core, &state(&[("a", Ready)]), now);
    assert!(went(&mut next).is_some());
    assert_eq!(core.in_flight(), 1);
}

#[test]
fn a_fresh_endpoint_is_ramped_and_opened_by_heads() {
    let start = Instant::now();
    let mut core = core(None, 1000, start);
    let mut verdicts: Vec<_> = (0..100)
        .map(|_| waits(request(&mut core, start).1))
        .collect();
    core.apply(&state(&[("a", Starting)]), start);
    core.apply(&state(&[("a", Ready)]), start);
    let mut gone = |core: &Core| {
        verdicts.retain_mut(|verdict| went(verdict).is_none());
        (100 - verdicts.len(), core.in_flight() as usize)
    };
    assert_eq!(gone(&core), (8, 8));
    core.head(0, start + Duration::from_millis(10));
    assert_eq!(gone(&core), (8, 8), "not within the window");
    core.head(0, start + Duration::from_millis(50));
    assert_eq!(
        gone(&core),
        (16, 16),
        "open streams count as heads: nothing has completed"
    );
    core.pace(start + Duration::from_millis(500));
    assert_eq!(gone(&core), (16, 16));
    core.pace(start + Duration::from_millis(1050));
    assert_eq!(gone(&core), (32, 32), "long answers are not starved");
}

#[test]
fn quiesce_is_refused_while_anything_moves_and_holds_what_comes_after() {
    let start = Instant::now();
    let idle = Duration::from_secs(1);
    let mut core = core(None, 10, start);
    core.apply(&state(&[("a", Ready)]), start);
    let slot = goes(request(&mut core, start).1);
    assert_eq!(
        core.quiesce(1, Duration::ZERO, start),
        Quiet::No,
        "in flight"
    );
    core.release(slot, true, start);
    assert!(
        core.quiesce(2, idle, start + idle / 2) == Quiet::No,
        "not idle for long enough"
    );
    assert_eq!(core.quiesce(3, idle, start + idle), Quiet::Now);
    let mut held = waits(request(&mut core, start + idle).1);
    assert!(
        core.wake_due(start + idle).is_some(),
        "it asks for a wake although an endpoint looks ready"
    );
    core.apply(&state(&[("a", Ready)]), start + idle);
    assert!(went(&mut held).is_none(), "a late state does not resume");
    core.resume(2, start + idle);
    assert!(went(&mut held).is_none(), "nor does an older attempt");
    core.resume(3, start + idle);
    assert!(went(&mut held).is_some());
}

#[test]
fn asleep_forgets_the_endpoints() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&state(&[("a", Ready)]), now);
    assert_eq!(core.quiesce(7, Duration::ZERO, now), Quiet::Now);
    core.asleep(7);
    let mut held = waits(request(&mut core, now).1);
    assert!(core.wake_due(now).is_some());
    core.apply(&state(&[("b", Ready)]), now);
    assert!(went(&mut held).is_some());
}

#[test]
fn wakes_repeat_with_growing_pauses_and_end_with_an_endpoint() {
    let start = Instant::now();
    let mut core = core(None, 10, start);
    let _held = waits(request(&mut core, start).1);
    let at = |ms| start + Duration::from_millis(ms);
    let sent: Vec<u64> = (0..2000)
        .filter(|ms| core.wake_due(at(*ms)).is_some())
        .collect();
    assert_eq!(sent[..4], [0, 20, 60, 140]);
    assert_eq!(core.wake_due(at(5000)).unwrap().held, 1);
    core.apply(&state(&[("a", Ready)]), at(5000));
    assert!(core.wake_due(at(9000)).is_none());
}

#[test]
fn an_endpoint_without_connections_is_set_aside_until_it_is_back() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&state(&[("a", Ready), ("b", Ready)]), now);
    let slot = goes(request(&mut core, now).1);
    assert!(core.fail(slot, true), "set aside");
    assert!(!core.fail(slot, true), "once");
    core.release(slot, true, now);
    for _ in 0..20 {
        let other = goes(request(&mut core, now).1);
        assert_ne!(other, slot);
        core.release(other, true, now);
    }
    let id = core.slots[slot].id.clone();
    core.back(&id, now);
    assert!(
        (0..50).any(
            |_| matches!(request(&mut core, now).1, Admission::Go(grant) if grant.slot == slot)
        )
    );
}

#[test]
fn a_failure_is_told_to_all_that_wait_and_ends_with_the_next_state() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    let mut held = waits(request(&mut core, now).1);
    let failure = Failure {
        reason: "CrashLoopBackOff".to_owned(),
        message: "exit status 1".to_owned(),
    };
    core.apply(
        &WorkloadState {
            failure: Some(failure),
            ..state(&[])
        },
        now,
    );
    assert!(matches!(held.try_recv(), Ok(Verdict::Failed(_))));
    assert!(matches!(request(&mut core, now).1, Admission::Failed(_)));
    core.apply(&state(&[]), now);
    waits(request(&mut core, now).1);
}

#[test]
fn draining_takes_nothing_new_and_tells_when_it_is_empty() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&state(&[("a", Ready)]), now);
    let slot = goes(request(&mut core, now).1);
    assert_eq!(core.apply(&state(&[("a", Draining)]), now), []);
    waits(request(&mut core, now).1);
    assert_eq!(
        core.release(slot, true, now),
        Some(EndpointId(Arc::from("a")))
    );
}

#[test]
fn an_endpoint_that_goes_keeps_its_requests_counted_to_their_end() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&state(&[("a", Ready)]), now);
    let slot = goes(request(&mut core, now).1);
    core.apply(&state(&[]), now);
    assert_eq!((core.in_flight(), core.endpoints().count()), (1, 0));
    assert_eq!(core.quiesce(1, Duration::ZERO, now), Quiet::No);
    core.release(slot, true, now);
    assert_eq!((core.in_flight(), core.slots.len()), (0, 0));
}

#[test]
fn an_endpoint_with_a_new_address_is_another() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&state(&[("a", Ready)]), now);
    let slot = goes(request(&mut core, now).1);
    let mut moved = state(&[("a", Ready)]);
    moved.endpoints[0].address = "127.0.0.1:2".parse().unwrap();
    core.apply(&moved, now);
    let Admission::Go(grant) = request(&mut core, now).1 else {
        panic!("there is a ready endpoint")
    };
    assert_eq!(grant.endpoint.address, moved.endpoints[0].address);
    assert_ne!(grant.slot, slot);
    assert_eq!(
        core.in_flight(),
        2,
        "the old one's request is still counted"
    );
}

#[test]
fn demand_is_weighted_by_time() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut core = core(None, 10, start);
    let (ticket, admission) = request(&mut core, start);
    let _held = waits(admission);
    assert!(core.leave(ticket, at(250)));
    core.apply(&state(&[("a", Ready)]), at(250));
    let slot = goes(request(&mut core, at(400)).1);
    core.release(slot, true, at(900));
    let report = core.look(false, Duration::ZERO, at(1000)).entry.unwrap();
    assert!((report.held_seconds - 0.25).abs() < 1e-9, "{report:?}");
    assert!((report.in_flight_seconds - 0.5).abs() < 1e-9, "{report:?}");
    assert_eq!(
        (report.requests, report.idle_for),
        (2, Duration::from_millis(100))
    );
}

#[derive(Debug, Clone)]
enum Step {
    Request,
    Release(prop::sample::Index),
    Leave(prop::sample::Index),
    State(Vec<(u8, u8)>),
    Quiesce,
    Resume,
    Asleep,
    Pace,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Request),
        4 => any::<prop::sample::Index>().prop_map(Step::Release),
        1 => any::<prop::sample::Index>().prop_map(Step::Leave),
        2 => prop::collection::vec((0..3_u8, 0..3_u8), 0..4).prop_map(Step::State),
        1 => Just(Step::Quiesce),
        1 => Just(Step::Resume),
        1 => Just(Step::Asleep),
        1 => Just(Step::Pace),
    ]
}

proptest! {
    /// Whatever happens in whatever order: counts are true, limits hold, nothing is sent while quiesced, nobody waits beside a free place.
    #[test]
    fn counts_stay_true(steps in prop::collection::vec(step(), 1..200), limit in 1..4_u32) {
        let mut now = Instant::now();
        let mut core = core(Some(limit), 5, now);
        let mut running: Vec<usize> = Vec::new();
        let mut held: Vec<(Ticket, oneshot::Receiver<Verdict>)> = Vec::new();
        let mut epoch = 0;
        for step in steps {
            now += Duration::from_millis(7);
            let quiesced = core.quiesced.is_some();
            match step {
                Step::Request => match request(&mut core, now) {
                    (_, Admission::Go(grant)) => {
                        prop_assert!(!quiesced);
                        running.push(grant.slot);
                    }
                    (ticket, Admission::Wait(verdict)) => held.push((ticket, verdict)),
                    _ => {}
                },
                Step::Release(at) if !running.is_empty() => {
                    let slot = running.swap_remove(at.index(running.len()));
                    core.release(slot, true, now);
                }
                Step::Leave(at) if !held.is_empty() => {
                    let (ticket, _verdict) = held.swap_remove(at.index(held.len()));
                    prop_assert!(core.leave(ticket, now));
                }
                Step::State(endpoints) => {
                    let states = [Starting, Ready, Draining];
                    let names = ["a", "b", "c"];
                    let mut told: Vec<_> = endpoints.iter().map(|(id, state)| (names[usize::from(*id)], states[usize::from(*state)])).collect();
                    told.sort_by_key(|(id, _)| *id);
                    told.dedup_by_key(|(id, _)| *id);
                    apply(&mut core, &state(&told), now);
                }
                Step::Quiesce => {
                    epoch += 1;
                    let quiet = running.is_empty() && held.is_empty();
                    prop_assert_eq!(core.quiesce(epoch, Duration::ZERO, now) == Quiet::Now, quiet);
                }
                Step::Resume => core.resume(epoch, now),
                Step::Asleep => core.asleep(epoch),
                Step::Pace => {
                    let (_, again) = core.pace(now);
                    prop_assert_eq!(again, core.held() > 0);
                }
                _ => {}
            }
            held.retain_mut(|(_, verdict)| match verdict.try_recv() {
                Ok(Verdict::Go(grant)) => {
                    running.push(grant.slot);
                    false
                }
                _ => true,
            });
            prop_assert_eq!(core.in_flight() as usize, running.len());
            prop_assert_eq!(core.held(), held.len());
            prop_assert!(core.slots.iter().all(|(_, slot)| slot.in_flight <= limit));
            prop_assert_eq!(core.slots.iter().map(|(_, slot)| slot.in_flight as usize).sum::<usize>(), running.len());
            prop_assert!(held.is_empty() || core.pick(None).is_none(), "someone waits beside a free place");
        }
    }
}
