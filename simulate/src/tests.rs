mod bounds;
mod conservation;
mod hpa;
mod ideal;
mod plots;
mod rouse;

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use crate::ideal::Ideal;
use crate::policy::Policy;
use crate::policy::fixed::Fixed;
use crate::policy::hpa::Hpa;
use crate::policy::knative::Knative;
use crate::policy::rouse::Rouse;
use crate::run::PolicyKind;
use crate::trace::Request;
use crate::{Outcome, Settings};

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn requests(all: &[(f64, f64)]) -> Vec<Request> {
    let request = |(at, duration): &(f64, f64)| Request {
        at: seconds(*at),
        duration: seconds(*duration),
    };
    all.iter().map(request).collect()
}

/// Replicas for two requests each, of which policies use one and a half.
fn small() -> Settings {
    Settings {
        capacity: 2,
        utilization: 0.75,
        max: 4,
        ..Settings::default()
    }
}

fn policy(kind: PolicyKind, settings: &Settings, ideal: &Ideal) -> Box<dyn Policy> {
    match kind {
        PolicyKind::Rouse => Box::new(Rouse::new(settings, Instant::now())),
        PolicyKind::Knative => Box::new(Knative::new(settings)),
        PolicyKind::Hpa => Box::new(Hpa::new(settings)),
        PolicyKind::AlwaysOn | PolicyKind::Clairvoyant => Box::new(Fixed(ideal.peak().max(1))),
    }
}

fn outcome(kind: PolicyKind, requests: &[Request], settings: &Settings, length: f64) -> Outcome {
    let results = crate::run::one(requests, settings, seconds(length), Instant::now());
    results.of(kind).cloned().expect("every policy is there")
}

prop_compose! {
    fn any_settings()(
        start_up in 0..8_000_u64, capacity in 1..5_u32, utilization in 0.3..1.0_f64, min in 0..3_u32, more in 1..6_u32, idle in 1..90_u64,
    ) -> Settings {
        Settings {
            start_up: Duration::from_millis(start_up), capacity, utilization, min, max: min + more,
            on_wake: 1, idle_after: Duration::from_secs(idle), ..Settings::default()
        }
    }
}

prop_compose! {
    fn any_requests()(gaps in prop::collection::vec((prop_oneof![0..50_u64, 0..5_000_u64, 50_000..200_000_u64], 0..20_000_u64), 1..60)) -> Vec<Request> {
        let mut at = Duration::ZERO;
        let mut request = |(gap, duration): &(u64, u64)| {
            at += Duration::from_millis(*gap);
            Request { at, duration: Duration::from_millis(*duration) }
        };
        gaps.iter().map(&mut request).collect()
    }
}
