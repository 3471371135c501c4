//! Requests that are no demand, or may not wake; and demand without a request.

use super::*;

const IDLE: Duration = Duration::from_secs(60);

fn admit(core: &mut Core, manner: Manner, now: Instant) -> Admission {
    let ticket = core.arrive(manner, now);
    core.admit(ticket, None, manner, now)
}

fn caller() -> Caller {
    Caller {
        method: "GET".to_owned(),
        host: "w".to_owned(),
        agent: "curl".to_owned(),
    }
}

#[test]
fn what_is_no_demand_is_served_awake_and_refused_asleep() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    for manner in [Manner::UNCOUNTED, Manner::GUEST] {
        assert!(matches!(admit(&mut core, manner, now), Admission::Asleep));
    }
    core.apply(&state(&[("a", Starting)]), now);
    assert!(matches!(
        admit(&mut core, Manner::GUEST, now),
        Admission::Asleep
    ));
    assert_eq!(core.wake_due(now), None, "nobody waits");
    core.apply(&state(&[("a", Ready)]), now);
    goes(admit(&mut core, Manner::UNCOUNTED, now));
    goes(admit(&mut core, Manner::GUEST, now));
    assert_eq!((core.in_flight(), core.uncounted()), (2, 1));
}

#[test]
fn what_is_no_demand_leaves_no_trace_in_reports() {
    let start = Instant::now();
    let mut core = core(Some(1), 10, start);
    apply(&mut core, &state(&[("a", Ready)]), start);
    let slot = goes(admit(&mut core, Manner::UNCOUNTED, start));
    let mut second = waits(admit(&mut core, Manner::UNCOUNTED, start));
    let later = start + IDLE;
    let look = core.look(true, IDLE, later);
    assert!(look.entry.is_none(), "{look:?}");
    assert!(look.again, "its connections are looked after");
    core.release(slot, false, later);
    assert!(
        went(&mut second).is_some(),
        "the limit holds for it, and it waits in line"
    );
    let slot = slot_of(&core);
    core.release(slot, false, later);
    assert_eq!(
        core.quiesce(1, IDLE, later),
        Quiet::Now,
        "it has been idle all the time"
    );
}

/// The only slot's key.
fn slot_of(core: &Core) -> usize {
    core.slots.iter().next().unwrap().0
}

#[test]
fn the_last_replica_stays_under_what_is_no_demand() {
    let now = Instant::now();
    let mut core = core(Some(2), 10, now);
    apply(&mut core, &state(&[("a", Ready)]), now);
    let first = goes(admit(&mut core, Manner::UNCOUNTED, now));
    let second = goes(admit(&mut core, Manner::UNCOUNTED, now));
    let mut third = waits(admit(&mut core, Manner::UNCOUNTED, now));
    assert_eq!(core.quiesce(7, Duration::ZERO, now), Quiet::Soon);
    assert!(
        matches!(third.try_recv(), Ok(Verdict::Asleep)),
        "who waits has to do without"
    );
    assert!(matches!(
        admit(&mut core, Manner::UNCOUNTED, now),
        Admission::Asleep
    ));
    core.release(first, false, now);
    assert_eq!(core.quiet_at_last(), None, "one is in flight");
    core.release(second, false, now);
    assert_eq!(core.quiet_at_last(), Some(7));
    assert!(core.repeats(), "said again until it is heard");
    core.asleep(7);
    assert_eq!(core.quiet_at_last(), None);
    assert!(!core.is_quiesced());
}

#[test]
fn demand_ends_a_quiesce_that_waits() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    core.apply(&state(&[("a", Ready)]), now);
    let slot = goes(admit(&mut core, Manner::UNCOUNTED, now));
    assert_eq!(core.quiesce(7, Duration::ZERO, now), Quiet::Soon);
    let mut held = waits(admit(&mut core, Manner::DEMAND, now));
    assert!(core.wake_due(now).is_some(), "it is told at once");
    core.resume(7, now);
    assert!(went(&mut held).is_some());
    core.release(slot, false, now);
    assert_eq!(core.quiet_at_last(), None, "it is off");
}

#[test]
fn guests_go_when_the_replicas_do() {
    let now = Instant::now();
    let mut core = core(Some(1), 10, now);
    apply(&mut core, &state(&[("a", Ready)]), now);
    goes(admit(&mut core, Manner::DEMAND, now));
    let mut guest = waits(admit(&mut core, Manner::GUEST, now));
    let mut held = waits(admit(&mut core, Manner::DEMAND, now));
    apply(&mut core, &state(&[]), now);
    assert!(matches!(guest.try_recv(), Ok(Verdict::Asleep)));
    assert!(held.try_recv().is_err(), "it may wake");
    assert_eq!(core.wake_due(now).unwrap().held, 1);
}

#[test]
fn an_interest_wakes_like_a_held_request_and_ends_by_itself() {
    let start = Instant::now();
    let mut core = core(None, 10, start);
    core.want(caller);
    let waking = core.visit(false, start).unwrap();
    assert!(!waking.starting && waking.waited.is_zero());
    let wake = core.wake_due(start).unwrap();
    assert_eq!((wake.held, wake.by.as_deref()), (1, Some(&caller())));
    let at = |seconds| start + Duration::from_secs(seconds);
    assert!(core.pace(at(1)).1, "it is repeated");
    assert_eq!(core.quiesce(1, Duration::ZERO, at(1)), Quiet::No);
    let entry = core.look(false, IDLE, at(5)).entry.unwrap();
    assert_eq!(
        (entry.held, entry.requests, entry.idle_for),
        (1, 0, Duration::ZERO)
    );
    assert!((entry.held_seconds - 5.0).abs() < 1e-9, "{entry:?}");
    // A visit renews it, and tells how long it has been.
    assert_eq!(
        core.visit(false, at(10)).unwrap().waited,
        Duration::from_secs(10)
    );
    core.look(false, IDLE, at(20));
    // The last was at 10 s: it has ended at 25 s, and not when somebody looked.
    assert!(!core.pace(at(40)).1);
    let entry = core.look(false, IDLE, at(40)).entry.unwrap();
    assert!((entry.held_seconds - 5.0).abs() < 1e-9, "{entry:?}");
    assert_eq!((entry.held, entry.idle_for), (0, Duration::from_secs(15)));
}

#[test]
fn an_interest_is_no_load_once_there_is_a_replica() {
    let start = Instant::now();
    let mut core = core(None, 10, start);
    core.visit(false, start).unwrap();
    core.apply(&state(&[("a", Ready)]), start);
    assert!(core.visit(false, start).is_none(), "it is awake");
    let entry = core
        .look(false, IDLE, start + Duration::from_secs(1))
        .entry
        .unwrap();
    assert_eq!((entry.held, entry.idle_for), (0, Duration::ZERO));
    let soon = start + Duration::from_secs(2);
    assert_eq!(
        core.quiesce(1, Duration::ZERO, soon),
        Quiet::No,
        "the visitor is expected"
    );
    let slot = goes(admit(&mut core, Manner::DEMAND, soon));
    core.release(slot, true, soon);
    assert_eq!(
        core.quiesce(2, Duration::ZERO, soon),
        Quiet::Now,
        "and has come"
    );
}

#[test]
fn the_first_who_wants_it_is_remembered_until_it_is_awake() {
    let now = Instant::now();
    let mut core = core(None, 10, now);
    let other = || Caller {
        agent: "other".to_owned(),
        ..caller()
    };
    core.want(caller);
    core.want(other);
    assert_eq!(core.wanted_by.as_deref(), Some(&caller()));
    core.apply(&state(&[("a", Ready)]), now);
    core.want(other);
    assert_eq!(core.wanted_by, None);
    core.apply(&state(&[]), now);
    core.want(other);
    assert_eq!(core.wanted_by.as_deref(), Some(&other()));
}
