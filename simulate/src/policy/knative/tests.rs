use std::time::Duration;

use super::kpa::{Kpa, KpaConfig};
use super::zero::{Proxied, ToZero};
use super::{Knative, Policy, View};
use crate::Settings;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Target 7 of 10 per replica.
fn config() -> KpaConfig {
    KpaConfig::of(&Settings::default())
}

/// Values of one concurrency for each second of `seconds`.
fn fed(kpa: &mut Kpa, value: f64, seconds: std::ops::RangeInclusive<u64>) {
    for second in seconds {
        kpa.record(value, at(second));
    }
}

#[test]
fn the_defaults_are_knatives() {
    let config = config();
    assert!((config.target - 7.0).abs() < 1e-9);
    assert_eq!((config.stable_window, config.panic_window), (at(60), at(6)));
    let rates = (
        config.panic_threshold,
        config.max_up,
        config.max_down,
        config.burst_capacity,
    );
    assert_eq!(rates, (2.0, 1000.0, 2.0, 211.0));
}

#[test]
fn averages_divide_by_the_time_there_are_values_for() {
    let mut kpa = Kpa::new(config(), 0);
    assert_eq!(kpa.averages(at(100)), None);
    fed(&mut kpa, 30.0, 101..=103);
    assert_eq!(kpa.averages(at(103)), Some((30.0, 30.0)));
    // Seconds without a value are zero: 90 over 9 s; of the panic window all are gone.
    assert_eq!(kpa.averages(at(109)), Some((10.0, 0.0)));
    assert_eq!(kpa.averages(at(160)), Some((1.5, 0.0)));
    assert_eq!(kpa.averages(at(163)), None);
    // After a window without any it begins anew.
    kpa.record(4.0, at(170));
    assert_eq!(kpa.averages(at(170)), Some((4.0, 4.0)));
}

#[test]
fn values_of_one_second_are_added_up() {
    let mut kpa = Kpa::new(config(), 0);
    kpa.record(3.0, Duration::from_millis(1200));
    kpa.record(4.0, Duration::from_millis(1900));
    assert_eq!(kpa.averages(at(1)), Some((7.0, 7.0)));
}

#[test]
fn the_stable_average_over_the_target_is_rounded_up() {
    let mut kpa = Kpa::new(config(), 3);
    // It begins in panic mode, for it found more than one: no less than 3 for a window.
    fed(&mut kpa, 7.1, 1..=60);
    assert_eq!(kpa.decide(3, at(60)).map(|scale| scale.desired), Some(3));
    fed(&mut kpa, 7.1, 61..=62);
    assert_eq!(kpa.decide(3, at(62)).map(|scale| scale.desired), Some(2));
}

#[test]
fn twice_what_is_ready_is_panic_and_nothing_goes_down_in_it() {
    let mut kpa = Kpa::new(config(), 1);
    fed(&mut kpa, 7.0, 1..=60);
    assert_eq!(kpa.decide(1, at(60)).map(|scale| scale.desired), Some(1));
    // 6 s of 28: the panic window asks for 4, the stable one for ceil((54 * 7 + 6 * 28) / 60 / 7) = 2.
    fed(&mut kpa, 28.0, 61..=66);
    assert_eq!(kpa.decide(1, at(66)).map(|scale| scale.desired), Some(4));
    fed(&mut kpa, 0.0, 67..=126);
    assert_eq!(kpa.decide(4, at(126)).map(|scale| scale.desired), Some(4));
    // More than a stable window since it was over the threshold: down, by half at most.
    fed(&mut kpa, 0.0, 127..=128);
    assert_eq!(kpa.decide(4, at(128)).map(|scale| scale.desired), Some(2));
}

#[test]
fn below_the_threshold_the_panic_window_counts_for_nothing() {
    let mut kpa = Kpa::new(config(), 1);
    fed(&mut kpa, 21.0, 1..=60);
    assert_eq!(kpa.decide(3, at(60)).map(|scale| scale.desired), Some(3));
    // Five over three is less than twice.
    fed(&mut kpa, 35.0, 61..=66);
    assert_eq!(kpa.decide(3, at(66)).map(|scale| scale.desired), Some(4));
}

#[test]
fn excess_burst_capacity_is_what_is_ready_less_the_burst_and_what_is_used() {
    let mut kpa = Kpa::new(config(), 1);
    fed(&mut kpa, 20.0, 1..=10);
    assert_eq!(
        kpa.decide(10, at(10)).map(|scale| scale.excess_burst),
        Some(-131.0)
    );
    assert_eq!(
        kpa.decide(25, at(10)).map(|scale| scale.excess_burst),
        Some(19.0)
    );
}

#[test]
fn activation_scale_is_the_least_other_than_zero() {
    let settings = Settings {
        on_wake: 5,
        ..Settings::default()
    };
    let mut kpa = Kpa::new(KpaConfig::of(&settings), 0);
    kpa.record(1.0, at(1));
    assert_eq!(kpa.decide(0, at(1)).map(|scale| scale.desired), Some(5));
    fed(&mut kpa, 0.0, 2..=61);
    assert_eq!(kpa.decide(0, at(61)).map(|scale| scale.desired), Some(0));
}

#[test]
fn the_last_goes_after_a_stable_window_of_activity_and_the_grace_period_in_the_path() {
    let mut zero = ToZero::new(at(60), false);
    zero.observe(0, 1, Proxied::Yes, at(100));
    zero.observe(1, 1, Proxied::No, at(103));
    assert_eq!(zero.apply(0, 1, at(140)), 1, "active for 37 s only");
    zero.observe(1, 0, Proxied::Yes, at(164));
    assert_eq!(zero.apply(0, 1, at(164)), 1, "in the path since now only");
    zero.observe(1, 0, Proxied::Yes, at(192));
    assert_eq!(zero.apply(0, 1, at(192)), 1);
    zero.observe(1, 0, Proxied::Yes, at(194));
    assert_eq!(zero.apply(0, 1, at(194)), 0);
}

#[test]
fn with_the_activator_in_the_path_all_along_there_is_no_grace() {
    let mut zero = ToZero::new(at(60), false);
    zero.observe(0, 1, Proxied::Yes, at(100));
    zero.observe(1, 1, Proxied::Yes, at(103));
    zero.observe(1, 0, Proxied::Yes, at(164));
    assert_eq!(zero.apply(0, 1, at(164)), 0);
}

#[test]
fn the_first_request_at_zero_is_decided_on_at_once() {
    let mut knative = Knative::new(&Settings::default());
    assert_eq!(knative.due(), None);
    let now = Duration::from_millis(10_300);
    let view = View {
        held: 1,
        arrived: 1,
        active_at: now,
        ..View::default()
    };
    assert_eq!(knative.arrived(&view, now), Some(1));
    assert_eq!(knative.due(), Some(at(11)));
    // The second one waits for the tick.
    assert_eq!(knative.arrived(&view, now), None);
}
