//! What is needed, and the bound.

use super::{outcome, requests, seconds, small};
use crate::Settings;
use crate::ideal::{Ideal, Step};
use crate::run::PolicyKind;

fn step(at: f64, requests: u32, needed: u32) -> Step {
    Step {
        at: seconds(at),
        requests,
        needed,
    }
}

#[test]
fn needed_are_the_requests_at_work_over_the_capacity_rounded_up() {
    let ideal = Ideal::of(&requests(&[(1.0, 4.0), (2.0, 1.0), (2.0, 2.0)]), &small());
    let steps = [
        step(1.0, 1, 1),
        step(2.0, 3, 2),
        step(3.0, 2, 1),
        step(4.0, 1, 1),
        step(5.0, 0, 0),
    ];
    assert_eq!(ideal.steps, steps);
    assert_eq!((ideal.peak(), ideal.waits), (2, vec![seconds(0.0); 3]));
}

#[test]
fn where_max_is_too_few_requests_wait_in_order() {
    let settings = Settings {
        capacity: 1,
        max: 1,
        ..small()
    };
    let ideal = Ideal::of(&requests(&[(0.0, 2.0), (1.0, 2.0), (1.5, 1.0)]), &settings);
    assert_eq!(ideal.waits, [seconds(0.0), seconds(1.0), seconds(2.5)]);
    assert_eq!(ideal.steps.len(), 2, "it is one stretch: {:?}", ideal.steps);
}

#[test]
fn the_clairvoyant_starts_ahead_and_stops_at_once() {
    // 3 s ahead of 10 to 12; the gap of 2 s is cheaper kept than started anew; 3 s ahead of 30 to 31.
    let outcome = outcome(
        PolicyKind::Clairvoyant,
        &requests(&[(10.0, 2.0), (14.0, 1.0), (30.0, 1.0)]),
        &small(),
        100.0,
    );
    assert_eq!(outcome.replicas, 12_000_000_000);
    assert_eq!(outcome.over, 8_000_000_000);
    assert_eq!((outcome.starts, outcome.wakes, outcome.peak), (2, 2, 1));
    assert_eq!(outcome.waits, [] as [u64; 0]);
}

#[test]
fn what_starts_before_the_beginning_counts_from_the_beginning() {
    let outcome = outcome(
        PolicyKind::Clairvoyant,
        &requests(&[(1.0, 2.0)]),
        &small(),
        100.0,
    );
    assert_eq!(outcome.replicas, 3_000_000_000);
}
