//! That Rouse is asked as its controller asks it.

use super::{outcome, requests, small};
use crate::Settings;
use crate::run::PolicyKind;

#[test]
fn one_request_wakes_it_and_it_sleeps_when_it_was_idle_for_long_enough() {
    let outcome = outcome(
        PolicyKind::Rouse,
        &requests(&[(10.5, 2.0)]),
        &small(),
        1000.0,
    );
    assert_eq!((outcome.wakes, outcome.starts, outcome.peak), (1, 1, 1));
    assert_eq!(outcome.waits, [3_000_000_000]);
    // 3 s of starting, 2 s of work, 60 s idle.
    assert_eq!(outcome.replicas, 65_000_000_000);
    assert_eq!(
        outcome.under, 2_000_000_000,
        "none was ready from 10.5 to 12.5"
    );
}

#[test]
fn what_comes_at_once_is_started_for_at_once() {
    let burst = requests(&[(10.0, 5.0); 6]);
    let outcome = outcome(PolicyKind::Rouse, &burst, &small(), 1000.0);
    assert_eq!(outcome.peak, 4, "six held over a target of 1.5");
    // The first replica is asked for at once, the others 20 ms later.
    let mut waits = outcome.waits.clone();
    waits.sort_unstable();
    assert_eq!(
        waits,
        [
            3_000_000_000,
            3_000_000_000,
            3_020_000_000,
            3_020_000_000,
            3_020_000_000,
            3_020_000_000
        ]
    );
}

#[test]
fn gaps_shorter_than_idle_after_are_never_slept_through() {
    let light: Vec<(f64, f64)> = (0..200).map(|i| (f64::from(i) * 50.3, 0.2)).collect();
    let outcome = outcome(PolicyKind::Rouse, &requests(&light), &small(), 200.0 * 50.3);
    assert_eq!(
        (outcome.wakes, outcome.peak, outcome.waits.len()),
        (1, 1, 1)
    );
}

#[test]
fn with_a_min_it_is_there_from_the_beginning() {
    let settings = Settings { min: 1, ..small() };
    let outcome = outcome(
        PolicyKind::Rouse,
        &requests(&[(500.0, 2.0)]),
        &settings,
        1000.0,
    );
    assert_eq!((outcome.wakes, outcome.waits.len()), (0, 0));
    assert_eq!(outcome.replicas, 1000 * 1_000_000_000);
}
