use proptest::prelude::*;
use rouse_api::workload::WorkloadId;

use super::*;

fn reading(answer: Answer) -> Reading {
    Reading {
        trigger: "triggers[0] (prometheus)".into(),
        answer,
    }
}

/// For 10 each, active above `activation`.
fn value(value: f64, activation: f64) -> Reading {
    reading(Answer::Value {
        value,
        target: 10.0,
        of: TargetOf::Each,
        activation,
    })
}

fn total(value: f64, ready: u32) -> Reading {
    reading(Answer::Value {
        value,
        target: 2.0,
        of: TargetOf::Total { ready },
        activation: 0.0,
    })
}

fn schedule(replicas: u32) -> Reading {
    reading(Answer::Schedule {
        replicas,
        ahead: false,
    })
}

fn unknown(fallback: Option<u32>) -> Reading {
    let why = "the server does not answer".to_owned();
    reading(Answer::Unknown { why, fallback })
}

/// No request reaches it, and no proxy is there.
fn worker() -> (Policy, Snapshot) {
    let policy = Policy {
        requests: false,
        concurrency: None,
        max: 100,
        ..policy()
    };
    let nobody = Snapshot {
        members: 0,
        idle: None,
        ..quiet()
    };
    (policy, nobody)
}

/// Decides with the same readings once a second.
fn follow(
    (policy, demand): &(Policy, Snapshot),
    readings: &[Reading],
    mut state: State,
    (from, seconds): (Instant, u32),
) -> (Decision, State) {
    let mut last = None;
    for i in 0..=seconds {
        state.capacity.ready = state.replicas;
        let now = from + SECOND * i;
        let (decision, next) = super::super::decide(policy, demand, readings, &state, now);
        state = next;
        last = Some(decision);
    }
    (last.unwrap(), state)
}

#[test]
fn from_zero_to_what_the_value_asks_for_at_once() {
    let worker = worker();
    let slow = Behavior {
        max_scale_up_rate: 2.0,
        ..Behavior::default()
    };
    let worker = (
        Policy {
            behavior: slow,
            ..worker.0
        },
        worker.1,
    );
    let start = Instant::now();
    let many = [value(420.0, 0.0)];
    let (decision, state) = follow(&worker, &many, State::default(), (start, 0));
    assert_eq!(decision.replicas, 42);
    assert!(decision.ask.is_sized());
    assert_eq!(
        decision.to_string(),
        "42 replicas: 420 by triggers[0] (prometheus) / target 10 = 42; max 100; was 0"
    );
    // From there by the rate.
    let (decision, _) = follow(&worker, &[value(990.0, 0.0)], state, (start + SECOND, 0));
    assert_eq!(decision.replicas, 84);
    assert_eq!(decision.rule, Rule::UpRate { rate: 2.0 });
}

#[test]
fn it_stays_asleep_up_to_the_activation_and_sizes_by_the_target() {
    let worker = worker();
    let start = Instant::now();
    let (decision, state) = follow(
        &worker,
        &[value(50.0, 50.0)],
        State::default(),
        (start, 600),
    );
    assert_eq!((decision.replicas, &decision.rule), (0, &Rule::Asleep));
    let (decision, _) = follow(&worker, &[value(51.0, 50.0)], state, (start + WINDOW, 0));
    assert_eq!(decision.replicas, 6);
}

#[test]
fn the_largest_wins_and_all_must_agree_to_sleep() {
    let both = (policy(), quiet());
    let start = Instant::now();
    let readings = [value(12.0, 0.0), schedule(3), value(1.0, 0.0)];
    let (decision, state) = follow(&both, &readings, State::default(), (start, 0));
    assert_eq!(decision.replicas, 3);
    let long_idle = Snapshot {
        idle: Some(WINDOW * 60),
        ..quiet()
    };
    let http = (policy(), long_idle);
    let one = [value(0.0, 0.0), schedule(1), value(0.0, 0.0)];
    let (decision, state) = follow(&http, &one, state, (start + SECOND, 1000));
    assert_eq!(decision.replicas, 1, "{decision}");
    let none = [value(0.0, 0.0), schedule(0), value(0.0, 0.0)];
    let later = start + SECOND * 1001;
    let (decision, state) = follow(&http, &none, state, (later, 299));
    assert_eq!(decision.replicas, 1, "not idle for long enough: {decision}");
    let (decision, _) = follow(&http, &none, state, (later + SECOND * 299, 1));
    assert_eq!(decision.replicas, 0, "{decision}");
    assert!(matches!(decision.rule, Rule::Idle { .. }));
}

#[test]
fn requests_keep_it_awake_whatever_triggers_say() {
    let busy = (policy(), steady(10));
    let start = Instant::now();
    let none = [value(0.0, 0.0), schedule(0)];
    let (decision, _) = follow(&busy, &none, State::of(1), (start, 1000));
    assert_eq!(decision.replicas, 1, "{decision}");
}

#[test]
fn a_worker_needs_no_proxy_to_sleep_and_a_web_service_does() {
    let start = Instant::now();
    let none = [value(0.0, 0.0)];
    let (decision, _) = follow(&worker(), &none, State::of(7), (start, 299));
    assert!(decision.replicas > 0, "{decision}");
    let (decision, _) = follow(&worker(), &none, State::of(7), (start, 301));
    assert_eq!(decision.replicas, 0, "{decision}");
    let unheard = (policy(), worker().1);
    let (decision, _) = follow(&unheard, &none, State::of(3), (start, 1000));
    assert_eq!(decision.replicas, 3, "{decision}");
}

#[test]
fn less_is_believed_after_a_stable_window_and_a_schedule_at_once() {
    let worker = worker();
    let start = Instant::now();
    let many = [value(80.0, 0.0), schedule(0)];
    let (_, state) = follow(&worker, &many, State::default(), (start, 100));
    let few = [value(20.0, 0.0), schedule(0)];
    let later = start + SECOND * 101;
    let (decision, state) = follow(&worker, &few, state, (later, 58));
    assert_eq!(decision.replicas, 8, "{decision}");
    assert_eq!(
        decision.to_string(),
        "8 replicas: 20 by triggers[0] (prometheus) / target 10 = 2; so many were asked for in the last 60 s"
    );
    let (decision, _) = follow(&worker, &few, state.clone(), (later + SECOND * 58, 10));
    assert_eq!(decision.replicas, 2, "{decision}");

    let window = [schedule(8), value(20.0, 0.0)];
    let (_, state) = follow(&worker, &window, State::default(), (start, 100));
    let over = [schedule(0), value(20.0, 0.0)];
    // No window is waited for, and the rate holds.
    let (decision, state) = follow(&worker, &over, state, (later, 0));
    assert_eq!(decision.replicas, 4, "{decision}");
    let (decision, _) = follow(&worker, &over, state, (later + SECOND, 3));
    assert_eq!(decision.replicas, 2, "{decision}");
}

#[test]
fn what_is_not_known_leads_neither_down_nor_to_zero() {
    let start = Instant::now();
    for fallback in [None, Some(2)] {
        let readings = [unknown(fallback), value(0.0, 0.0)];
        let (decision, _) = follow(&worker(), &readings, State::of(5), (start, 2000));
        assert_eq!(decision.replicas, 5, "{decision}");
        let trigger = "triggers[0] (prometheus)".into();
        assert_eq!(decision.rule, Rule::UnknownTrigger { trigger });
    }
    let (decision, _) = follow(&worker(), &[unknown(None)], State::default(), (start, 2000));
    assert_eq!(decision.replicas, 0, "{decision}");
    // Another's answer still leads up.
    let readings = [unknown(None), value(90.0, 0.0)];
    let (decision, _) = follow(&worker(), &readings, State::of(5), (start, 0));
    assert_eq!(decision.replicas, 9, "{decision}");
}

#[test]
fn a_fallback_raises_also_from_zero() {
    let start = Instant::now();
    for before in [0, 1, 3] {
        let readings = [unknown(Some(3))];
        let state = State::of(before);
        let (decision, _) = follow(&worker(), &readings, state, (start, 0));
        assert_eq!(decision.replicas, 3, "{decision}");
    }
}

#[test]
fn a_total_is_for_all_replicas_together() {
    let (policy, nobody) = worker();
    let worker = (Policy { max: 32, ..policy }, nobody);
    let start = Instant::now();
    // KEDA's: metric 8, target 2. As an average 4; as a value four times what is there.
    for (readings, before, wanted) in [
        ([total(8.0, 0)], 0, 4),
        ([total(8.0, 8)], 8, 32),
        ([total(8.0, 10)], 10, 32),
        ([total(2.1, 8)], 8, 8),
        ([total(2.2, 8)], 8, 8),
        ([total(2.3, 8)], 8, 10),
    ] {
        let mut state = State::of(before);
        for i in 0..5 {
            let now = start + SECOND * i;
            let (decision, next) =
                super::super::decide(&worker.0, &worker.1, &readings, &state, now);
            assert_eq!(decision.replicas, wanted, "{readings:?} {decision}");
            // Decided again before the next value is read it is still that.
            state = next;
            state.capacity.ready = wanted;
        }
    }
}

#[test]
fn who_is_needed_is_kept_awake() {
    let start = Instant::now();
    let by = WorkloadId::new("default", "web");
    let needed = [reading(Answer::Needed { by })];
    let (decision, state) = follow(&worker(), &needed, State::default(), (start, 1000));
    assert_eq!(
        decision.to_string(),
        "1 replica: needed by default/web; max 100"
    );
    let (decision, state) = follow(&worker(), &[], state, (start + SECOND * 1000, 299));
    assert_eq!(decision.replicas, 1, "{decision}");
    let (decision, _) = follow(&worker(), &[], state, (start + SECOND * 1299, 2));
    assert_eq!(decision.replicas, 0, "{decision}");
}

prop_compose! {
    fn any_reading()(
        kind in 0..5, value in 0.0..200.0_f64, target in 0.1..50.0, activation in prop_oneof![Just(0.0), 0.0..50.0], replicas in 0..12_u32,
    ) -> Reading {
        let value_of = |of| Answer::Value { value, target, of, activation };
        reading(match kind {
            0 => value_of(TargetOf::Each),
            1 => value_of(TargetOf::Total { ready: replicas }),
            2 => Answer::Schedule { replicas, ahead: false },
            3 => Answer::Unknown { why: String::new(), fallback: None },
            _ => Answer::Unknown { why: String::new(), fallback: Some(replicas) },
        })
    }
}

fn any_readings() -> impl Strategy<Value = Vec<Reading>> {
    prop::collection::vec(any_reading(), 0..4)
}

prop_compose! {
    fn any_case()(
        min in 0..3_u32, span in 1..9_u32, requests in any::<bool>(), idle in 0..40_u64, up in 1.1..4.0, replicas in 0..12_u32,
        past in prop::collection::vec((any_readings(), 0..12_u32, 0..4000_u64), 0..25), in_flight in prop_oneof![Just(0), 0..100_u32],
    ) -> ((Policy, Snapshot), State, Instant) {
        let behavior = Behavior { stable_window: SECOND * 10, max_scale_up_rate: up, ..Behavior::default() };
        let idle_after = Duration::from_secs(idle);
        let policy = Policy { min, max: min + span, requests, idle_after, behavior, ..policy() };
        let demand = steady(in_flight);
        let (mut state, mut now) = (State::of(replicas), Instant::now());
        for (readings, ready, millis) in past {
            state.capacity.ready = ready;
            state = super::super::decide(&policy, &demand, &readings, &state, now).1;
            now += Duration::from_millis(millis);
        }
        ((policy, demand), state, now)
    }
}

/// The same with more of it.
fn more(reading: &Reading, by: f64, replicas: u32) -> Reading {
    let mut reading = reading.clone();
    match &mut reading.answer {
        Answer::Value { value, .. } => *value += by,
        Answer::Schedule { replicas: all, .. } => *all += replicas,
        Answer::Unknown { fallback, .. } => {
            *fallback = fallback.map(|all| all + replicas);
        }
        Answer::Needed { .. } | Answer::Unverified { .. } => {}
    }
    reading
}

proptest! {
    #[test]
    fn within_bounds_and_never_down_on_what_is_not_known(((policy, demand), state, now) in any_case(), readings in any_readings()) {
        let (decision, _) = super::super::decide(&policy, &demand, &readings, &state, now);
        let known = readings.iter().all(Reading::is_known);
        prop_assert!(decision.replicas >= policy.min && decision.replicas <= policy.max.max(state.replicas), "{decision}");
        prop_assert!(known || decision.replicas >= state.replicas.min(policy.max), "{decision}");
        if readings.iter().any(Reading::is_active) {
            prop_assert!(decision.replicas > 0, "{decision}");
        }
    }

    #[test]
    fn more_of_a_reading_never_means_fewer(
        ((policy, demand), state, now) in any_case(), readings in any_readings(), by in 0.0..100.0_f64, replicas in 0..9_u32,
    ) {
        let greater: Vec<Reading> = readings.iter().map(|one| more(one, by, replicas)).collect();
        let (few, _) = super::super::decide(&policy, &demand, &readings, &state, now);
        let (many, _) = super::super::decide(&policy, &demand, &greater, &state, now);
        prop_assert!(many.replicas >= few.replicas, "{few} and with more {many}");
        let none = super::super::decide(&policy, &demand, &[], &state, now).0;
        let known = readings.iter().all(Reading::is_known);
        prop_assert!(!known || few.replicas >= none.replicas || !policy.requests, "{none} and with readings {few}");
    }

    #[test]
    fn the_same_readings_at_the_same_moment_give_the_same_count(((policy, demand), state, now) in any_case(), readings in any_readings()) {
        let (once, left) = super::super::decide(&policy, &demand, &readings, &state, now);
        let (further, _) = super::super::decide(&policy, &demand, &readings, &left, now);
        prop_assert_eq!(once.replicas, further.replicas, "{} then {}", once, further);
    }
}

#[test]
fn when_idle_nobody_goes_while_there_is_work_and_then_all_go() {
    let (mut policy, nobody) = worker();
    policy.behavior.when_idle = true;
    policy.idle_after = SECOND * 30;
    let worker = (policy, nobody);
    let start = Instant::now();
    let (decision, state) = follow(&worker, &[value(95.0, 0.0)], State::default(), (start, 0));
    assert_eq!(decision.replicas, 10);
    // One message left, for ten minutes; not enough for a wake does not matter.
    for activation in [0.0, 5.0] {
        let one = [value(1.0, activation)];
        let (decision, _) = follow(&worker, &one, state.clone(), (start + SECOND, 600));
        assert_eq!((decision.replicas, &decision.rule), (10, &Rule::Works));
        assert!(decision.to_string().contains("scaleIn: whenIdle"));
    }
    let (decision, state) = follow(&worker, &[value(200.0, 0.0)], state, (start + SECOND, 5));
    assert_eq!(decision.replicas, 20, "it grows");
    let late = start + SECOND * 700;
    let (decision, state) = follow(&worker, &[value(0.0, 0.0)], state, (late, 29));
    assert!(decision.replicas >= 1, "idleAfter is not over: {decision}");
    let (decision, _) = follow(&worker, &[value(0.0, 0.0)], state, (late + SECOND * 30, 1));
    assert_eq!(decision.replicas, 0);
}

#[test]
fn what_replicas_use_keeps_nobody_awake_and_follows_the_whole_count() {
    let (policy, nobody) = worker();
    let used = |value, count| {
        let of = TargetOf::Used { count };
        [reading(Answer::Value {
            value,
            target: 80.0,
            of,
            activation: 0.0,
        })]
    };
    let start = Instant::now();
    let (decision, _) = follow(
        &(policy.clone(), nobody.clone()),
        &used(0.0, 0),
        State::default(),
        (start, 0),
    );
    assert_eq!(decision.replicas, 0, "it does not wake");
    let least = (Policy { min: 1, ..policy }, nobody);
    for (value, wanted) in [(160.0, 8), (84.0, 4), (80.0, 4), (40.0, 2)] {
        let (decision, _) = follow(&least, &used(value, 4), State::of(4), (start, 200));
        assert_eq!(decision.replicas, wanted, "{value}: {decision}");
    }
}
