use std::time::Duration;

use proptest::prelude::*;
use rouse_api::link::WorkloadReport;
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::{Demand, MemberNo, Roster, SILENT_AFTER, Snapshot};

const WINDOW: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const A: MemberNo = MemberNo(1);
const B: MemberNo = MemberNo(2);

fn report(in_flight: u32, seconds: f64, idle_for: Duration) -> WorkloadReport {
    WorkloadReport {
        workload: WorkloadId::new("default", "hello"),
        in_flight_seconds: seconds,
        held_seconds: 0.0,
        requests: u64::from(in_flight),
        in_flight,
        held: 0,
        idle_for,
    }
}

/// One workload's demand and those who tell of it.
struct World {
    roster: Roster,
    demand: Demand,
}

impl World {
    fn report(
        &mut self,
        member: MemberNo,
        sequence: u64,
        length: Duration,
        report: &WorkloadReport,
        now: Instant,
    ) -> bool {
        let bucket = self.roster.report(member, sequence, length, now);
        if let Some(bucket) = bucket {
            self.demand.report(member, bucket, report, now);
        }
        bucket.is_some()
    }

    /// A report that does not list the workload.
    fn beat(&mut self, member: MemberNo, sequence: u64, now: Instant) {
        self.roster.report(member, sequence, SECOND, now);
    }

    fn leave(&mut self, member: MemberNo) {
        self.roster.leave(member);
        self.demand.leave(member);
    }

    fn snapshot(&self, now: Instant) -> Snapshot {
        self.demand.snapshot(&self.roster, now)
    }
}

fn demand(members: &[MemberNo], now: Instant) -> World {
    let mut roster = Roster::new(WINDOW);
    for member in members {
        roster.join(*member, now);
    }
    let demand = Demand::new(WINDOW, SECOND * 6, now);
    World { roster, demand }
}

#[test]
fn averages_are_weighted_by_time_and_added_over_members() {
    let start = Instant::now();
    let mut demand = demand(&[A, B], start);
    for i in 0..10_u32 {
        let now = start + SECOND * i;
        let busy = if i % 2 == 0 { 10 } else { 0 };
        demand.report(
            A,
            u64::from(i),
            SECOND,
            &report(busy, f64::from(busy), Duration::ZERO),
            now,
        );
        demand.report(
            B,
            u64::from(i),
            SECOND / 2,
            &report(2, 1.0, Duration::ZERO),
            now,
        );
    }
    let seen = demand.snapshot(start + SECOND * 9);
    assert!(
        (seen.concurrency - 7.0).abs() < 1e-9,
        "5 at A and 2 at B: {seen:?}"
    );
    assert_eq!((seen.in_flight, seen.members, seen.missing), (2, 2, 0));
    assert_eq!(seen.window, SECOND * 10);
    assert!(seen.rate > 0.0 && seen.recent_rate > 0.0);
}

#[test]
fn what_is_older_than_the_window_is_forgotten() {
    let start = Instant::now();
    let mut demand = demand(&[A], start);
    demand.report(A, 1, SECOND, &report(100, 100.0, Duration::ZERO), start);
    for i in 1..=60_u32 {
        demand.report(
            A,
            u64::from(i) + 1,
            SECOND,
            &report(0, 0.0, SECOND * i),
            start + SECOND * i,
        );
    }
    let seen = demand.snapshot(start + WINDOW);
    assert!(seen.concurrency.abs() < 1e-9, "{seen:?}");
    assert_eq!(seen.idle, Some(WINDOW));
}

#[test]
fn a_repeated_report_counts_once() {
    let now = Instant::now();
    let mut demand = demand(&[A], now);
    assert!(demand.report(A, 7, SECOND, &report(5, 5.0, Duration::ZERO), now));
    assert!(!demand.report(A, 7, SECOND, &report(90, 90.0, Duration::ZERO), now));
    assert!(!demand.report(A, 6, SECOND, &report(90, 90.0, Duration::ZERO), now));
    let seen = demand.snapshot(now);
    assert_eq!(seen.in_flight, 5);
    assert!((seen.concurrency - 5.0).abs() < 1e-9);
}

#[test]
fn a_silent_member_keeps_its_counts_and_is_not_idle() {
    let start = Instant::now();
    let mut demand = demand(&[A, B], start);
    demand.report(A, 1, SECOND, &report(4, 4.0, Duration::ZERO), start);
    demand.report(B, 1, SECOND, &report(0, 0.0, WINDOW), start);
    let later = start + SECOND * 50;
    demand.report(B, 2, SECOND, &report(0, 0.0, WINDOW + SECOND * 50), later);
    let seen = demand.snapshot(later);
    assert_eq!((seen.missing, seen.in_flight, seen.idle), (1, 4, None));
    assert!(
        (seen.concurrency - 4.0).abs() < 1e-9,
        "taken to have gone on: {seen:?}"
    );

    demand.leave(A);
    let seen = demand.snapshot(later);
    assert_eq!((seen.members, seen.missing, seen.in_flight), (1, 0, 0));
    assert_eq!(
        seen.idle,
        Some(WINDOW + SECOND * 50),
        "by the age that was reported"
    );
}

#[test]
fn a_member_that_never_reported_is_missing() {
    let now = Instant::now();
    let mut demand = demand(&[A, B], now);
    demand.report(A, 1, SECOND, &report(0, 0.0, WINDOW), now);
    assert_eq!(demand.snapshot(now).missing, 1);
    assert_eq!(demand.snapshot(now).idle, None);
    assert_eq!(demand.snapshot(now + SILENT_AFTER * 2).missing, 2);
}

#[test]
fn a_wake_counts_at_once() {
    let start = Instant::now();
    let mut demand = demand(&[A], start);
    demand.report(A, 1, SECOND, &report(0, 0.0, WINDOW), start);
    demand.demand.held(A, 30, start + SECOND);
    let seen = demand.snapshot(start + SECOND);
    assert_eq!((seen.held, seen.idle), (30, Some(Duration::ZERO)));
}

#[test]
fn what_is_no_amount_counts_as_none() {
    let now = Instant::now();
    let mut demand = demand(&[A], now);
    demand.report(
        A,
        1,
        Duration::ZERO,
        &report(0, f64::NAN, Duration::MAX),
        now,
    );
    demand.report(A, 2, SECOND, &report(0, -5.0, Duration::ZERO), now);
    demand.report(A, 3, SECOND, &report(0, f64::INFINITY, Duration::ZERO), now);
    assert!(demand.snapshot(now).concurrency.abs() < 1e-9);
}

#[test]
fn time_without_an_entry_was_without_demand() {
    let start = Instant::now();
    let mut demand = demand(&[A], start);
    demand.report(A, 1, SECOND, &report(10, 10.0, Duration::ZERO), start);
    demand.report(A, 2, SECOND, &report(0, 0.0, SECOND), start + SECOND);
    for i in 2..10_u32 {
        demand.beat(A, u64::from(i) + 1, start + SECOND * i);
    }
    let seen = demand.snapshot(start + SECOND * 9);
    assert!((seen.concurrency - 1.0).abs() < 1e-9, "{seen:?}");
    assert_eq!(seen.window, SECOND * 10);
    assert_eq!((seen.missing, seen.idle), (0, Some(SECOND * 9)));
}

#[test]
fn what_was_never_listed_is_idle_since_both_were_known() {
    let start = Instant::now();
    let mut demand = demand(&[A], start);
    demand.demand = Demand::new(WINDOW, SECOND * 6, start + SECOND * 5);
    demand.beat(A, 1, start + SECOND * 7);
    let seen = demand.snapshot(start + SECOND * 8);
    assert_eq!(seen.idle, Some(SECOND * 3));
}

#[test]
fn a_new_session_counts_anew_and_keeps_the_windows() {
    let start = Instant::now();
    let mut demand = demand(&[A], start);
    demand.report(A, 900, SECOND, &report(6, 6.0, Duration::ZERO), start);
    demand.roster.unlink(A);
    assert_eq!(
        demand.snapshot(start).missing,
        1,
        "although it has just reported"
    );
    demand.roster.join(A, start + SECOND);
    assert_eq!(demand.snapshot(start + SECOND).missing, 1, "not yet heard");
    let now = start + SECOND * 2;
    assert!(demand.report(A, 0, SECOND, &report(0, 0.0, SECOND), now));
    let seen = demand.snapshot(now);
    assert_eq!((seen.missing, seen.in_flight), (0, 0));
    assert!((seen.concurrency - 3.0).abs() < 1e-9, "{seen:?}");
}

#[test]
fn expected_hosts_are_missing_members() {
    let start = Instant::now();
    let mut demand = demand(&[A], start);
    demand.beat(A, 1, start);
    demand.roster.expect(2);
    let seen = demand.snapshot(start);
    assert_eq!((seen.members, seen.missing, seen.idle), (3, 2, None));
}

/// Milliseconds since the last report, and the demand of the interval.
fn any_demand() -> impl Strategy<Value = Vec<(u64, Option<(u32, u64)>)>> {
    let demand = prop_oneof![3 => Just(None), 1 => (0..20_u32, 0..50_u64).prop_map(Some)];
    prop::collection::vec((100..2500_u64, demand), 1..120)
}

proptest! {
    #[test]
    fn told_sparsely_it_is_what_it_is_told_densely(steps in any_demand()) {
        let start = Instant::now();
        let (mut dense, mut sparse) = (demand(&[A], start), demand(&[A], start));
        let (mut now, mut active, mut was_busy) = (start, start, false);
        for (sequence, (millis, told)) in (0_u64..).zip(steps) {
            let length = Duration::from_millis(millis);
            now += length;
            let (in_flight, requests) = told.unwrap_or_default();
            let busy = in_flight > 0 || requests > 0;
            if busy {
                active = now;
            }
            let part = WorkloadReport {
                requests,
                ..report(in_flight, f64::from(in_flight) * length.as_secs_f64(), now - active)
            };
            dense.report(A, sequence, length, &part, now);
            if busy || was_busy {
                sparse.report(A, sequence, length, &part, now);
            } else {
                sparse.roster.report(A, sequence, length, now);
            }
            was_busy = busy;
            prop_assert_eq!(dense.snapshot(now), sparse.snapshot(now));
            let later = now + SILENT_AFTER * 3;
            prop_assert_eq!(dense.snapshot(later), sparse.snapshot(later), "silent");
        }
    }
}

#[test]
fn what_is_held_is_told_apart_and_what_is_recent_too() {
    let start = Instant::now();
    let mut demand = demand(&[A], start);
    for i in 0..60_u32 {
        let mut part = report(4, 4.0, Duration::ZERO);
        if i >= 54 {
            part.held_seconds = 6.0;
            part.requests = 10;
        }
        demand.report(A, u64::from(i), SECOND, &part, start + SECOND * i);
    }
    let seen = demand.snapshot(start + SECOND * 59);
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(
        near(seen.concurrency, 4.6) && near(seen.waiting, 0.6),
        "{seen:?}"
    );
    assert!(
        near(seen.recent_concurrency, 10.0) && near(seen.recent_waiting, 6.0),
        "{seen:?}"
    );
    assert!(
        near(seen.rate, 4.6) && near(seen.recent_rate, 10.0),
        "{seen:?}"
    );
    assert_eq!((seen.window, seen.recent_window), (WINDOW, SECOND * 6));
}

#[test]
fn the_last_reports_rates_are_by_the_time_that_they_cover() {
    let start = Instant::now();
    let mut demand = demand(&[A, B], start);
    let rates = |seen: &Snapshot| (seen.last_rate, seen.latest_rate);
    demand.report(A, 1, SECOND, &report(10, 0.0, Duration::ZERO), start);
    demand.beat(B, 1, start);
    // A little early, which is no reason to take two reports for one.
    let now = start + Duration::from_millis(990);
    demand.report(A, 2, SECOND, &report(30, 0.0, Duration::ZERO), now);
    demand.report(B, 2, SECOND, &report(8, 0.0, Duration::ZERO), now);
    assert_eq!(rates(&demand.snapshot(now)), (38.0, 24.0));
    // A was not heard for five seconds and tells of all of them at once.
    let now = now + SECOND * 5;
    let long = report(50, 0.0, Duration::ZERO);
    demand.report(A, 3, SECOND * 5, &long, now);
    demand.beat(B, 3, now);
    assert_eq!(demand.snapshot(now).last_rate, 10.0);
    // What is not listed has not come.
    demand.beat(A, 4, now + SECOND);
    assert_eq!(demand.snapshot(now + SECOND).last_rate, 0.0);
}

proptest! {
    /// Sums that are kept are the sums that adding up gives, whenever it is looked and whatever is late.
    #[test]
    fn kept_sums_are_what_adding_up_gives(steps in prop::collection::vec((0..2500_u64, 0..50_u32, any::<bool>()), 1..80), look in 0..80_000_u64) {
        let start = Instant::now();
        let mut world = demand(&[A], start);
        let (mut now, mut told) = (start, Vec::new());
        for (i, (gap, amount, listed)) in (1..).zip(&steps) {
            now += Duration::from_millis(*gap);
            let length = Duration::from_millis(*gap);
            if *listed {
                world.report(A, i, length, &report(*amount, f64::from(*amount), Duration::ZERO), now);
                // Repeated, which changes nothing.
                world.report(A, i, length, &report(*amount, f64::from(*amount), Duration::ZERO), now);
                told.push((now, *amount));
            } else {
                world.beat(A, i, now);
            }
            let seen = world.snapshot(now);
            check(&told, &seen, now)?;
        }
        let later = now + Duration::from_millis(look).min(SILENT_AFTER);
        check(&told, &world.snapshot(later), later)?;
    }
}

/// Reports that arrive within half a second of a bucket's beginning are in it, so that sums differ by what is in one bucket at most.
fn check(told: &[(Instant, u32)], seen: &Snapshot, now: Instant) -> Result<(), TestCaseError> {
    let of = |span: Duration| {
        let within = |(at, _): &&(Instant, u32)| now.saturating_duration_since(*at) < span;
        let inside: u32 = told.iter().filter(within).map(|(_, amount)| amount).sum();
        f64::from(inside)
    };
    for (rate, covered, span) in [
        (seen.rate, seen.window, WINDOW),
        (seen.recent_rate, seen.recent_window, SECOND * 6),
    ] {
        let sum = rate * covered.max(SECOND).as_secs_f64();
        let (least, most) = (of(span.saturating_sub(SECOND / 2)), of(span));
        prop_assert!(
            least - 1e-6 <= sum && sum <= most + 1e-6,
            "{least} <= {sum} <= {most} over {span:?}"
        );
    }
    Ok(())
}
