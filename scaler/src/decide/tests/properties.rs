use proptest::prelude::*;

use super::*;

prop_compose! {
    fn any_behavior()(
        panic in 1..10_u64, threshold in 1.1..5.0, delay in prop_oneof![Just(0), 1..15_u64], up in 1.01..4.0, fast in any::<bool>(),
        down in 1.01..4.0, utilization in 0.1..1.0, when_idle in any::<bool>(),
    ) -> Behavior {
        Behavior {
            stable_window: SECOND * 10,
            panic_window: Duration::from_secs(panic),
            panic_threshold: threshold,
            scale_down_delay: Duration::from_secs(delay),
            max_scale_up_rate: if fast { 1000.0 } else { up },
            max_scale_down_rate: down,
            utilization,
            when_idle,
        }
    }
}

prop_compose! {
    fn any_policy()(
        min in 0..4_u32, span in 0..8_u32, on_wake in 1..4_u32, idle in 0..100_u64, behavior in any_behavior(),
        concurrency in prop::option::of(0.5..60.0), limit in prop::option::of(1.0..80.0_f64), request_rate in prop::option::of(0.5..60.0),
    ) -> Policy {
        let max = (min + span).max(1);
        let idle_after = Duration::from_secs(idle);
        Policy { min, max, on_wake: on_wake.min(max), requests: true, idle_after, concurrency, limit, request_rate, behavior }
    }
}

prop_compose! {
    fn any_demand()(
        members in 0..3_u32, missing in 0..3_u32, in_flight in 0..200_u32, held in 0..200_u32, quiet in any::<bool>(), calm in any::<bool>(),
        busy in 0.0..200.0, waiting in 0.0..100.0, recent_busy in 0.0..200.0, recent_waiting in 0.0..100.0,
        rate in 0.0..300.0, recent_rate in 0.0..300.0, last_rate in 0.0..300.0, latest_rate in 0.0..300.0, idle in 0..200_u64, window in 1..11_u32,
    ) -> Snapshot {
        let missing = missing.min(members);
        let (in_flight, held) = if quiet { (0, 0) } else { (in_flight, held) };
        let (held, waiting, recent_waiting) = if calm { (0, 0.0, 0.0) } else { (held, waiting, recent_waiting) };
        let idle = if in_flight + held > 0 { 0 } else { idle };
        let idle = (members > 0 && missing == 0).then(|| Duration::from_secs(idle));
        Snapshot {
            members, missing, in_flight, held, waiting, recent_waiting, rate, recent_rate, last_rate, latest_rate, idle,
            concurrency: busy + waiting, recent_concurrency: recent_busy + recent_waiting,
            window: SECOND * window, recent_window: (SECOND * window).min(PANIC),
        }
    }
}

fn any_past() -> impl Strategy<Value = Vec<(Snapshot, u32, u64)>> {
    prop::collection::vec((any_demand(), 0..12_u32, 0..3000_u64), 0..25)
}

/// A state as a run of decisions leaves it, each with so many replicas ready and so many milliseconds after the one before.
fn after(policy: &Policy, past: &[(Snapshot, u32, u64)], replicas: u32) -> (State, Instant) {
    let mut state = State::of(replicas);
    let mut now = Instant::now();
    for (demand, ready, millis) in past {
        state.capacity.ready = *ready;
        state.capacity.start_time = Some(Duration::from_millis(*millis));
        state = decide(policy, demand, &state, now).1;
        now += Duration::from_millis(*millis);
    }
    (state, now)
}

proptest! {
    #[test]
    fn always_within_bounds(policy in any_policy(), past in any_past(), next in any_demand(), replicas in 0..12_u32) {
        let (state, now) = after(&policy, &past, replicas);
        let (decision, _) = decide(&policy, &next, &state, now);
        let kept = !next.is_complete() && decision.replicas == state.replicas;
        prop_assert!(decision.replicas >= policy.min && (kept || decision.replicas <= policy.max), "{decision}");
        prop_assert!(decision.replicas == 0 || decision.replicas >= policy.least_awake().min(policy.max));
        if next.current() > 0 {
            prop_assert!(decision.replicas > 0, "demand and no replica: {decision}");
        }
    }

    #[test]
    fn never_down_on_missing_data(policy in any_policy(), past in any_past(), next in any_demand(), replicas in 0..12_u32) {
        let (state, now) = after(&policy, &past, replicas);
        let next = Snapshot { missing: next.members, idle: None, ..next };
        let (decision, _) = decide(&policy, &next, &state, now);
        prop_assert!(decision.replicas >= state.replicas, "{} before, {decision}", state.replicas);
    }

    #[test]
    fn more_demand_never_means_fewer(
        policy in any_policy(), past in any_past(), less in any_demand(), replicas in 0..12_u32,
        more in (0..50_u32, 0..50_u32), averages in (0.0..50.0, 0.0..50.0, 0.0..50.0, 0.0..50.0), rates in (0.0..50.0, 0.0..50.0, 0.0..50.0, 0.0..50.0),
    ) {
        let (state, now) = after(&policy, &past, replicas);
        let (in_flight, held) = (less.in_flight + more.0, less.held + more.1);
        let idle = less.idle.map(|idle| if in_flight + held > 0 { Duration::ZERO } else { idle });
        let greater = Snapshot {
            in_flight, held, idle,
            concurrency: less.concurrency + averages.0 + averages.1, waiting: less.waiting + averages.1,
            recent_concurrency: less.recent_concurrency + averages.2 + averages.3, recent_waiting: less.recent_waiting + averages.3,
            rate: less.rate + rates.0, recent_rate: less.recent_rate + rates.1,
            last_rate: less.last_rate + rates.2, latest_rate: less.latest_rate + rates.3,
            ..less.clone()
        };
        let (few, _) = decide(&policy, &less, &state, now);
        let (many, _) = decide(&policy, &greater, &state, now);
        prop_assert!(many.replicas >= few.replicas, "{few} and with more {many}");
    }

    #[test]
    fn the_same_moment_gives_the_same_count(policy in any_policy(), past in any_past(), next in any_demand(), replicas in 0..12_u32) {
        let (state, now) = after(&policy, &past, replicas);
        let (once, left) = decide(&policy, &next, &state, now);
        let (twice, again) = decide(&policy, &next, &state, now);
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(&left, &again);
        let (further, _) = decide(&policy, &next, &left, now);
        prop_assert_eq!(once.replicas, further.replicas, "{} then {}", once, further);
    }

    #[test]
    fn a_restart_changes_nothing(policy in any_policy(), in_flight in 1..200_u32, replicas in 1..12_u32) {
        // Demand that stays as it is, decided on until the count stands; nobody waits.
        let demand = steady(in_flight);
        let start = Instant::now();
        let (before, _) = run(&policy, &demand, State::of(replicas), start, 80);
        let young = Snapshot { window: SECOND, recent_window: SECOND, ..demand.clone() };
        for fresh in [demand, young] {
            let (after, _) = decide(&policy, &fresh, &State::of(before.replicas), start);
            prop_assert_eq!(before.replicas, after.replicas, "{} and then {}", before, after);
        }
    }
}
