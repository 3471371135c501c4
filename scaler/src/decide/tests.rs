use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{Ask, Policy, Rule, State, decide};
use crate::demand::Snapshot;

const WINDOW: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn policy() -> Policy {
    Policy {
        min: 0,
        max: 5,
        on_wake: 1,
        idle_after: Duration::from_secs(300),
        concurrency: Some(50.0),
        request_rate: None,
        stable_window: WINDOW,
    }
}

fn quiet() -> Snapshot {
    Snapshot {
        members: 1,
        missing: 0,
        in_flight: 0,
        held: 0,
        concurrency: 0.0,
        rate: 0.0,
        recent_rate: 0.0,
        window: WINDOW,
        idle: Some(Duration::ZERO),
    }
}

fn at(replicas: u32) -> State {
    State {
        replicas,
        ..State::default()
    }
}

/// Decides once a second with the same demand.
fn run(
    policy: &Policy,
    demand: &Snapshot,
    state: State,
    from: Instant,
    seconds: u32,
) -> (super::Decision, State) {
    let mut last = decide(policy, demand, &state, from);
    for i in 1..=seconds {
        last = decide(policy, demand, &last.1, from + SECOND * i);
    }
    last
}

#[test]
fn the_larger_of_average_and_present_demand_leads_up_at_once() {
    let now = Instant::now();
    let average = Snapshot {
        concurrency: 128.0,
        in_flight: 3,
        ..quiet()
    };
    let (decision, _) = decide(&policy(), &average, &at(1), now);
    assert_eq!(decision.replicas, 3);
    assert_eq!(
        decision.to_string(),
        "3 replicas: 128 in flight over 60 s / target 50 = 3; max 5"
    );

    let present = Snapshot {
        concurrency: 3.0,
        in_flight: 100,
        held: 28,
        ..quiet()
    };
    let (decision, _) = decide(&policy(), &present, &at(0), now);
    assert_eq!(decision.replicas, 3);
    assert!(matches!(decision.ask, Ask::Current { .. }), "{decision}");
}

#[test]
fn the_rate_leads_when_it_asks_for_more() {
    let both = Policy {
        request_rate: Some(10.0),
        ..policy()
    };
    let demand = Snapshot {
        in_flight: 1,
        recent_rate: 41.0,
        ..quiet()
    };
    let (decision, _) = decide(&both, &demand, &at(1), Instant::now());
    assert_eq!((decision.replicas, decision.rule), (5, Rule::Demand));
}

#[test]
fn any_demand_asks_for_the_least_awake_and_never_for_more_than_max() {
    let policy = Policy {
        on_wake: 2,
        ..policy()
    };
    let one = Snapshot { held: 1, ..quiet() };
    assert_eq!(decide(&policy, &one, &at(0), Instant::now()).0.replicas, 2);
    let flood = Snapshot {
        held: 9999,
        ..quiet()
    };
    let (decision, _) = decide(&policy, &flood, &at(0), Instant::now());
    assert_eq!(
        (decision.replicas, decision.rule),
        (5, Rule::Max { max: 5 })
    );
}

#[test]
fn without_a_target_demand_wakes_and_does_not_scale() {
    let policy = Policy {
        concurrency: None,
        ..policy()
    };
    let flood = Snapshot {
        held: 9999,
        ..quiet()
    };
    assert_eq!(
        decide(&policy, &flood, &at(0), Instant::now()).0.replicas,
        1
    );
}

#[test]
fn old_demand_does_not_wake_what_sleeps() {
    let demand = Snapshot {
        concurrency: 20.0,
        rate: 5.0,
        idle: Some(SECOND),
        ..quiet()
    };
    let (decision, _) = decide(&policy(), &demand, &at(0), Instant::now());
    assert_eq!((decision.replicas, decision.rule), (0, Rule::Asleep));
}

#[test]
fn down_waits_for_a_stable_window_and_remembers_its_peak() {
    let start = Instant::now();
    let busy = Snapshot {
        in_flight: 200,
        concurrency: 200.0,
        ..quiet()
    };
    let light = Snapshot {
        in_flight: 40,
        concurrency: 40.0,
        ..quiet()
    };
    let (decision, state) = run(&policy(), &busy, at(1), start, 5);
    assert_eq!(decision.replicas, 4);
    let (decision, state) = run(&policy(), &light, state, start + SECOND * 6, 55);
    assert_eq!(
        (decision.replicas, decision.rule),
        (4, Rule::StableWindow { window: WINDOW })
    );
    let (decision, _) = run(&policy(), &light, state, start + SECOND * 62, 6);
    assert_eq!((decision.replicas, decision.rule), (1, Rule::Demand));
}

#[test]
fn a_new_scaler_changes_nothing_before_its_window_is_full() {
    let start = Instant::now();
    let light = Snapshot {
        in_flight: 1,
        ..quiet()
    };
    let (decision, _) = run(&policy(), &light, at(4), start, 58);
    assert_eq!(decision.replicas, 4);
}

#[test]
fn sleeps_only_when_everybody_was_idle_for_long_enough() {
    let now = Instant::now();
    let idle = |seconds| Snapshot {
        idle: Some(Duration::from_secs(seconds)),
        ..quiet()
    };
    assert_eq!(decide(&policy(), &idle(299), &at(1), now).0.replicas, 1);
    assert_eq!(decide(&policy(), &idle(300), &at(3), now).0.replicas, 0);
    let awake = Policy { min: 1, ..policy() };
    assert_eq!(decide(&awake, &idle(9999), &at(1), now).0.replicas, 1);
    let missing = Snapshot {
        missing: 1,
        members: 2,
        idle: None,
        ..quiet()
    };
    let (decision, _) = decide(&policy(), &missing, &at(3), now);
    assert_eq!(decision.replicas, 3);
    assert_eq!(
        decision.to_string(),
        "3 replicas: no demand; kept, for 1 of 2 proxies are silent"
    );
}

prop_compose! {
    fn any_policy()(
        min in 0..4_u32, span in 0..8_u32, on_wake in 1..4_u32, idle in 0..100_u64,
        concurrency in prop::option::of(0.5..60.0), request_rate in prop::option::of(0.5..60.0),
    ) -> Policy {
        let max = (min + span).max(1);
        let (idle_after, stable_window) = (Duration::from_secs(idle), Duration::from_secs(10));
        Policy { min, max, on_wake: on_wake.min(max), idle_after, concurrency, request_rate, stable_window }
    }
}

prop_compose! {
    fn any_demand()(
        members in 0..3_u32, missing in 0..3_u32, in_flight in 0..200_u32, held in 0..200_u32,
        concurrency in 0.0..300.0, rate in 0.0..300.0, recent_rate in 0.0..300.0, idle in 0..200_u64, quiet in any::<bool>(),
    ) -> Snapshot {
        let missing = missing.min(members);
        let (in_flight, held) = if quiet { (0, 0) } else { (in_flight, held) };
        let idle = if in_flight + held > 0 { 0 } else { idle };
        let idle = (members > 0 && missing == 0).then(|| Duration::from_secs(idle));
        Snapshot { members, missing, in_flight, held, concurrency, rate, recent_rate, window: SECOND * 10, idle }
    }
}

/// A state as a run of decisions leaves it.
fn after(policy: &Policy, past: &[Snapshot], replicas: u32, start: Instant) -> (State, Instant) {
    let mut state = at(replicas);
    let mut now = start;
    for demand in past {
        state = decide(policy, demand, &state, now).1;
        now += SECOND;
    }
    (state, now)
}

proptest! {
    #[test]
    fn always_within_bounds(policy in any_policy(), past in prop::collection::vec(any_demand(), 0..20), next in any_demand(), replicas in 0..12_u32) {
        let (state, now) = after(&policy, &past, replicas, Instant::now());
        let (decision, _) = decide(&policy, &next, &state, now);
        let kept = !next.is_complete() && decision.replicas == state.replicas;
        prop_assert!(decision.replicas >= policy.min && (kept || decision.replicas <= policy.max), "{decision}");
        prop_assert!(decision.replicas == 0 || decision.replicas >= policy.least_awake().min(policy.max));
        if next.current() > 0 {
            prop_assert!(decision.replicas > 0, "demand and no replica: {decision}");
        }
    }

    #[test]
    fn never_down_on_missing_data(policy in any_policy(), past in prop::collection::vec(any_demand(), 0..20), next in any_demand(), replicas in 0..12_u32) {
        let (state, now) = after(&policy, &past, replicas, Instant::now());
        let next = Snapshot { missing: next.members, idle: None, ..next };
        let (decision, _) = decide(&policy, &next, &state, now);
        prop_assert!(decision.replicas >= state.replicas, "{} before, {decision}", state.replicas);
    }

    #[test]
    fn more_demand_never_means_fewer(
        policy in any_policy(), past in prop::collection::vec(any_demand(), 0..20), less in any_demand(), replicas in 0..12_u32,
        more in (0..50_u32, 0..50_u32, 0.0..50.0, 0.0..50.0),
    ) {
        let (state, now) = after(&policy, &past, replicas, Instant::now());
        let (in_flight, held) = (less.in_flight + more.0, less.held + more.1);
        let idle = less.idle.map(|idle| if in_flight + held > 0 { Duration::ZERO } else { idle });
        let greater = Snapshot {
            in_flight, held, idle,
            concurrency: less.concurrency + more.2, rate: less.rate + more.3, recent_rate: less.recent_rate + more.3,
            ..less.clone()
        };
        let (few, _) = decide(&policy, &less, &state, now);
        let (many, _) = decide(&policy, &greater, &state, now);
        prop_assert!(many.replicas >= few.replicas, "{few} and with more {many}");
    }

    #[test]
    fn the_same_moment_gives_the_same_count(policy in any_policy(), past in prop::collection::vec(any_demand(), 0..20), next in any_demand(), replicas in 0..12_u32) {
        let (state, now) = after(&policy, &past, replicas, Instant::now());
        let (once, state) = decide(&policy, &next, &state, now);
        let (twice, again) = decide(&policy, &next, &state, now);
        prop_assert_eq!(once.replicas, twice.replicas);
        prop_assert_eq!(state, again);
    }
}
