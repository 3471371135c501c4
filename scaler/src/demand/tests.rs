use std::time::Duration;

use rouse_api::link::WorkloadReport;
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::{Demand, SILENT_AFTER};
use crate::controller::SessionId;

const WINDOW: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const A: SessionId = SessionId(1);
const B: SessionId = SessionId(2);

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

fn demand(sessions: &[SessionId]) -> Demand {
    let mut demand = Demand::new(WINDOW);
    for session in sessions {
        demand.join(*session);
    }
    demand
}

#[test]
fn averages_are_weighted_by_time_and_added_over_members() {
    let mut demand = demand(&[A, B]);
    let start = Instant::now();
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
    let mut demand = demand(&[A]);
    let start = Instant::now();
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
    let mut demand = demand(&[A]);
    let now = Instant::now();
    assert!(demand.report(A, 7, SECOND, &report(5, 5.0, Duration::ZERO), now));
    assert!(!demand.report(A, 7, SECOND, &report(90, 90.0, Duration::ZERO), now));
    assert!(!demand.report(A, 6, SECOND, &report(90, 90.0, Duration::ZERO), now));
    let seen = demand.snapshot(now);
    assert_eq!(seen.in_flight, 5);
    assert!((seen.concurrency - 5.0).abs() < 1e-9);
}

#[test]
fn a_silent_member_keeps_its_counts_and_is_not_idle() {
    let mut demand = demand(&[A, B]);
    let start = Instant::now();
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
    let mut demand = demand(&[A, B]);
    let now = Instant::now();
    demand.report(A, 1, SECOND, &report(0, 0.0, WINDOW), now);
    assert_eq!(demand.snapshot(now).missing, 1);
    assert_eq!(demand.snapshot(now).idle, None);
    assert_eq!(demand.snapshot(now + SILENT_AFTER * 2).missing, 2);
}

#[test]
fn a_wake_counts_at_once() {
    let mut demand = demand(&[A]);
    let start = Instant::now();
    demand.report(A, 1, SECOND, &report(0, 0.0, WINDOW), start);
    demand.held(A, 30, start + SECOND);
    let seen = demand.snapshot(start + SECOND);
    assert_eq!((seen.held, seen.idle), (30, Some(Duration::ZERO)));
}

#[test]
fn what_is_no_amount_counts_as_none() {
    let mut demand = demand(&[A]);
    let now = Instant::now();
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
