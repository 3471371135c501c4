//! The HPA's arithmetic. The target is 1.5 per replica, 4 at most.

use super::{seconds, small};
use crate::Settings;
use crate::policy::Policy;
use crate::policy::hpa::Hpa;

fn at(period: u32) -> std::time::Duration {
    seconds(15.0) * period
}

#[test]
fn it_looks_every_15_s_and_never_goes_to_zero() {
    let mut hpa = Hpa::new(&small());
    assert_eq!((hpa.initial(), hpa.due()), (1, Some(at(1))));
    assert_eq!(hpa.sync(0.0, 1, at(30)), 1);
}

#[test]
fn usage_over_target_is_rounded_up_and_bounded() {
    let mut hpa = Hpa::new(&small());
    assert_eq!(hpa.sync(3.2, 1, at(1)), 3);
    assert_eq!(hpa.sync(99.0, 3, at(2)), 4);
}

#[test]
fn a_tenth_off_is_left_alone() {
    let mut hpa = Hpa::new(&small());
    assert_eq!(hpa.sync(3.29, 2, at(1)), 2, "10% of 3.0 is 0.3");
    assert_eq!(hpa.sync(3.31, 2, at(2)), 3);
}

#[test]
fn down_goes_after_five_minutes_without_a_higher_answer() {
    let mut hpa = Hpa::new(&small());
    assert_eq!(hpa.sync(6.0, 1, at(40)), 4);
    for period in 41..60 {
        assert_eq!(hpa.sync(1.0, 4, at(period)), 4, "{period}");
    }
    assert_eq!(hpa.sync(1.0, 4, at(60)), 1);
}

#[test]
fn up_goes_to_twice_or_four_more_at_once() {
    let settings = Settings {
        max: 100,
        ..small()
    };
    let mut hpa = Hpa::new(&settings);
    assert_eq!(hpa.sync(150.0, 1, at(1)), 5);
    assert_eq!(hpa.sync(150.0, 5, at(2)), 10);
}
