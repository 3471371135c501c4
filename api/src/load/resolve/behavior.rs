//! How fast replicas follow demand: Knative's ranges where they fit.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{self, Positive, ScaleIn, Spec};
use crate::workload::Behavior;

/// Knative's range of `window`.
pub(crate) const STABLE_WINDOW: RangeInclusive<Duration> =
    Duration::from_secs(6)..=Duration::from_secs(3600);
/// Demand is counted in buckets of a second.
pub(crate) const LEAST_PANIC_WINDOW: Duration = Duration::from_secs(1);
/// Knative's range of `panic-threshold-percentage`.
pub(crate) const PANIC_THRESHOLD: RangeInclusive<f64> = 110.0..=1000.0;
/// Knative's largest `scale-down-delay`.
pub(crate) const MOST_DELAY: Duration = Duration::from_secs(3600);
/// Knative's range of `target-utilization-percentage`.
pub(crate) const UTILIZATION: RangeInclusive<f64> = 1.0..=100.0;

/// With every default applied; what is out of range is noted in the document.
pub(super) fn behavior(document: &mut Document, spec: &Spec) -> Behavior {
    let default = Behavior::default();
    let Some(given) = &spec.behavior else {
        return default;
    };
    let at = FieldPath::of("spec.behavior");
    let stable_window = given
        .stable_window
        .map_or(default.stable_window, resource::Duration::get);
    if !STABLE_WINDOW.contains(&stable_window) {
        document.refuse(&at.key("stableWindow"), "must be from 6s to 1h");
    }
    let panic_window = panic_window(document, given, stable_window, &at);
    let delay = given.scale_down_delay.map(resource::Duration::get);
    if delay.is_some_and(|delay| delay > MOST_DELAY) {
        document.refuse(&at.key("scaleDownDelay"), "must be at most 1h");
    }
    let within = |document: &mut Document, field: &str, value: Option<Positive>, range, default| {
        percent(document, &at.key(field), value, range).unwrap_or(default)
    };
    let panic_threshold = within(
        document,
        "panicThreshold",
        given.panic_threshold,
        PANIC_THRESHOLD,
        default.panic_threshold,
    );
    let utilization = within(
        document,
        "utilization",
        given.utilization,
        UTILIZATION,
        default.utilization,
    );
    let up = (given.max_scale_up_rate, default.max_scale_up_rate);
    let down = (given.max_scale_down_rate, default.max_scale_down_rate);
    Behavior {
        stable_window,
        panic_window,
        panic_threshold,
        scale_down_delay: delay.unwrap_or(default.scale_down_delay),
        max_scale_up_rate: rate(document, &at.key("maxScaleUpRate"), up),
        max_scale_down_rate: rate(document, &at.key("maxScaleDownRate"), down),
        utilization,
        when_idle: given.scale_in == Some(ScaleIn::WhenIdle),
    }
}

fn panic_window(
    document: &mut Document,
    given: &resource::Behavior,
    stable_window: Duration,
    at: &FieldPath,
) -> Duration {
    let Some(window) = given.panic_window.map(resource::Duration::get) else {
        return Behavior::panic_window_of(stable_window);
    };
    let (panic_at, stable_at) = (at.key("panicWindow"), at.key("stableWindow"));
    if window < LEAST_PANIC_WINDOW {
        document.refuse(&panic_at, "must be at least 1s");
    } else if window > stable_window {
        let message = "may not be longer than stableWindow, which is 60s unless said";
        document.refuse_between(&panic_at, &[stable_at], message);
    }
    window
}

/// As a part of one.
fn percent(
    document: &mut Document,
    at: &FieldPath,
    given: Option<Positive>,
    range: RangeInclusive<f64>,
) -> Option<f64> {
    let given = given?.get();
    if !range.contains(&given) {
        let message = format!(
            "must be from {} to {}, in percent",
            range.start(),
            range.end()
        );
        document.refuse(at, message);
    }
    Some(given / 100.0)
}

fn rate(document: &mut Document, at: &FieldPath, (given, default): (Option<Positive>, f64)) -> f64 {
    let rate = given.map_or(default, Positive::get);
    if rate <= 1.0 {
        document.refuse(at, "must be above 1: with 1 the count could never change");
    }
    rate
}
