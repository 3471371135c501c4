//! What holds whatever the trace.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{any_requests, any_settings, outcome, requests, small};
use crate::engine::watched;
use crate::ideal::Ideal;
use crate::run::{PolicyKind, one};
use crate::trace::{Generated, Kind, Trace};
use crate::{Settings, run};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nobody_exceeds_max_or_serves_earlier_than_the_clairvoyant(requests in any_requests(), settings in any_settings()) {
        let ideal = Ideal::of(&requests, &settings);
        let length = requests.last().map_or(Duration::ZERO, |last| last.at) + Duration::from_secs(300);
        for kind in PolicyKind::ALL {
            let mut policy = super::policy(kind, &settings, &ideal);
            let mut early = Vec::new();
            // Replicas that finish what they have may be there beyond max.
            let mut beyond = false;
            let outcome = watched(&requests, &ideal, &settings, length, &mut *policy, &mut |request, at, replicas, _| {
                beyond |= replicas.existing() > settings.max;
                if !beyond && at - requests[request].at < ideal.waits[request] { early.push(request); }
            });
            prop_assert!(early.is_empty(), "{kind:?}: {early:?}");
            prop_assert!(outcome.peak <= settings.max, "{kind:?}");
        }
        let results = one(&requests, &settings, length, Instant::now());
        let replicas = |kind| results.of(kind).map_or(0, |outcome| outcome.replicas);
        prop_assert!(replicas(PolicyKind::Clairvoyant) <= replicas(PolicyKind::AlwaysOn));
    }

    #[test]
    fn the_same_trace_gives_the_same_account(requests in any_requests(), settings in any_settings()) {
        let length = Duration::from_secs(3600);
        let once = one(&requests, &settings, length, Instant::now());
        let again = one(&requests, &settings, length, Instant::now());
        prop_assert_eq!(once, again);
    }
}

#[test]
fn a_seed_gives_one_result_whatever_the_threads_do() {
    for kind in Kind::ALL {
        let trace = Trace::Generated(Generated {
            kind,
            seed: 11,
            workloads: 9,
            length: Duration::from_secs(3600),
            rate: 0.3,
            duration: Duration::from_millis(700),
        });
        let once = run(&trace, &Settings::default());
        assert_eq!(once, run(&trace, &Settings::default()), "{kind:?}");
        assert_eq!(once.workloads, 9);
    }
}

#[test]
fn a_day_of_a_thousand_workloads_is_replayed() {
    let trace = Trace::Generated(Generated {
        kind: Kind::OnOff,
        seed: 5,
        workloads: 1000,
        length: Duration::from_secs(86_400),
        rate: 0.0005,
        duration: Duration::from_secs(1),
    });
    let results = run(&trace, &Settings::default());
    assert_eq!(results.workloads, 1000);
    for (kind, outcome) in &results.policies {
        assert!(outcome.requests > 5_000, "{kind:?}");
        assert_eq!(outcome.served, outcome.requests, "{kind:?}");
    }
}

#[test]
fn always_on_has_the_peak_all_the_time_and_delays_nobody() {
    let two = requests(&[(10.0, 5.0), (11.0, 5.0), (12.0, 1.0)]);
    let outcome = outcome(PolicyKind::AlwaysOn, &two, &small(), 100.0);
    assert_eq!(outcome.waits, [] as [u64; 0]);
    assert_eq!(outcome.replicas, 200_000_000_000);
    // Needed are one from 10 to 12 and 13 to 16, two between: 7 of 200.
    assert_eq!(outcome.over, 194_000_000_000 - 1_000_000_000);
    assert_eq!(outcome.under, 0);
}
