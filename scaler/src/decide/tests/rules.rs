use super::*;

#[test]
fn says_why_in_words() {
    let start = Instant::now();
    let state = settled(&policy(), 2, start);
    let (decision, _) = decide(&policy(), &averages(128.0, 128.0), &state, start + WINDOW);
    assert_eq!(
        decision.to_string(),
        "3 replicas: 128 in flight over 60 s / target 50 = 3; max 5; was 2; scale-up rate not reached"
    );
}

#[test]
fn held_requests_size_the_first_wake() {
    let held = Snapshot {
        held: 128,
        recent_rate: 1.0,
        ..quiet()
    };
    let (decision, _) = decide(&policy(), &held, &State::default(), Instant::now());
    assert_eq!(decision.replicas, 3);
    assert_eq!(
        decision.to_string(),
        "3 replicas: 128 in flight and held / target 50 = 3; max 5; was 0"
    );
}

#[test]
fn a_flood_of_this_moment_is_not_waited_for_and_chance_is() {
    let start = Instant::now();
    let policy = Policy {
        concurrency: Some(1.0),
        max: 100,
        ..policy()
    };
    for (in_flight, wanted) in [(6, 3), (9, 3), (14, 3), (36, 18)] {
        let now = Snapshot {
            in_flight,
            ..averages(3.0, 3.0)
        };
        let state = settled(&policy, 3, start);
        let (decision, _) = decide(&policy, &now, &state, start + WINDOW);
        assert_eq!(
            decision.replicas, wanted,
            "{in_flight} where 3 are usual: {decision}"
        );
    }
}

#[test]
fn who_waits_is_served_at_once() {
    let policy = Policy {
        concurrency: Some(1.0),
        ..policy()
    };
    let start = Instant::now();
    let waits = Snapshot {
        in_flight: 3,
        held: 1,
        recent_rate: 10.0,
        ..averages(3.0, 3.0)
    };
    let state = settled(&policy, 3, start);
    let (decision, _) = decide(&policy, &waits, &state, start + WINDOW);
    assert_eq!((decision.replicas, decision.rule), (4, Rule::Demand));
}

#[test]
fn any_demand_asks_for_the_least_awake_and_never_for_more_than_max() {
    let policy = Policy {
        on_wake: 2,
        ..policy()
    };
    let one = Snapshot { held: 1, ..quiet() };
    let asleep = State::default();
    assert_eq!(decide(&policy, &one, &asleep, Instant::now()).0.replicas, 2);
    let flood = Snapshot {
        held: 9999,
        ..quiet()
    };
    let (decision, _) = decide(&policy, &flood, &asleep, Instant::now());
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
    let (decision, _) = decide(&policy, &flood, &State::default(), Instant::now());
    assert_eq!(decision.replicas, 1);
}

#[test]
fn old_demand_does_not_wake_what_sleeps() {
    let demand = Snapshot {
        rate: 5.0,
        idle: Some(SECOND),
        ..averages(20.0, 20.0)
    };
    let (decision, _) = decide(&policy(), &demand, &State::default(), Instant::now());
    assert_eq!((decision.replicas, decision.rule), (0, Rule::Asleep));
}

#[test]
fn a_new_scaler_changes_nothing_before_its_window_is_full() {
    let start = Instant::now();
    let light = steady(1);
    let (decision, state) = run(&policy(), &light, State::of(4), start, 59);
    assert_eq!(
        (decision.replicas, decision.rule),
        (4, Rule::StableWindow { window: WINDOW })
    );
    let (decision, _) = run(&policy(), &light, state, start + WINDOW, 3);
    assert!(decision.replicas < 4, "{decision}");
    // An average over a second says little.
    let young = Snapshot {
        window: SECOND,
        recent_window: SECOND,
        ..averages(120.0, 120.0)
    };
    let (decision, _) = decide(&policy(), &young, &State::of(2), start);
    assert_eq!(decision.replicas, 2);
}

#[test]
fn sleeps_only_when_everybody_was_idle_for_long_enough() {
    let now = Instant::now();
    let idle = |seconds| Snapshot {
        idle: Some(Duration::from_secs(seconds)),
        ..quiet()
    };
    assert_eq!(
        decide(&policy(), &idle(299), &State::of(1), now).0.replicas,
        1
    );
    let (decision, _) = decide(&policy(), &idle(300), &State::of(3), now);
    assert_eq!(
        decision.to_string(),
        "0 replicas: no demand for 300 s; was 3"
    );
    let awake = Policy { min: 1, ..policy() };
    assert_eq!(
        decide(&awake, &idle(9999), &State::of(1), now).0.replicas,
        1
    );
    let missing = Snapshot {
        missing: 1,
        members: 2,
        idle: None,
        ..quiet()
    };
    let (decision, _) = decide(&policy(), &missing, &State::of(3), now);
    assert_eq!(
        decision.to_string(),
        "3 replicas: no demand; kept, for 1 of 2 proxies are silent"
    );
}

#[test]
fn one_more_stays_for_a_window_and_no_more_than_one() {
    let policy = Policy {
        behavior: Behavior {
            max_scale_down_rate: 10.0,
            ..Behavior::default()
        },
        ..policy()
    };
    let start = Instant::now();
    let (_, state) = run(&policy, &steady(200), State::of(4), start, 60);
    // 49 may be 50 and a little by chance, 40 may not.
    let (decision, state) = run(&policy, &steady(49), state, start + SECOND * 61, 58);
    assert_eq!(
        (decision.replicas, decision.rule),
        (2, Rule::Remembered { window: WINDOW })
    );
    let (less, _) = run(&policy, &steady(40), state.clone(), start + SECOND * 120, 0);
    assert_eq!((less.replicas, less.rule), (1, Rule::Demand));
    let (decision, _) = run(&policy, &steady(49), state, start + SECOND * 120, 2);
    assert_eq!((decision.replicas, decision.rule), (1, Rule::Demand));
}

#[test]
fn the_lower_bound_holds_and_says_so() {
    let three = Policy { min: 3, ..policy() };
    let (decision, _) = decide(&three, &steady(10), &State::of(3), Instant::now());
    assert_eq!(
        (decision.replicas, &decision.rule),
        (3, &Rule::Min { min: 3 })
    );
    assert_eq!(
        decision.to_string(),
        "3 replicas: 10 in flight over 60 s / target 50 = 1; min 3"
    );
}

#[test]
fn what_is_left_out_of_a_pile_is_said() {
    let start = Instant::now();
    let mut state = State::of(1);
    state.capacity.ready = 0;
    let pile = Snapshot {
        held: 500,
        recent_rate: 10.0,
        ..quiet()
    };
    let (_, state) = decide(&policy(), &pile, &state, start);
    let (decision, _) = decide(&policy(), &pile, &state, start + SECOND * 50);
    // Of 10 a second 7.42 surely, taken for a second each, and the pile within the 50 s that the start has taken so far.
    assert_eq!(
        decision.replicas, 3,
        "from the first moment, when it was 5 s: {decision}"
    );
    let words = decision.to_string();
    assert!(
        words.starts_with(
            "3 replicas: 7.42 in flight expected and 10 to work off within 50 s what waits / target 50 = 1; "
        ),
        "{words}"
    );
}

#[test]
fn what_is_waited_for_does_not_go_as_a_panic_ends() {
    let start = Instant::now();
    let flood = Snapshot {
        in_flight: 50,
        held: 100,
        ..averages(20.0, 150.0)
    };
    let (burst, mut state) = decide(
        &policy(),
        &flood,
        &settled(&policy(), 1, start),
        start + WINDOW,
    );
    assert!(burst.replicas >= 3, "{burst}");
    // No node has room for the others.
    let waits = Snapshot {
        in_flight: 20,
        held: 2,
        ..averages(22.0, 22.0)
    };
    let mut now = start + WINDOW;
    for _ in 0..300 {
        now += SECOND;
        state.capacity.ready = 1;
        let (decision, next) = decide(&policy(), &waits, &state, now);
        assert_eq!(decision.replicas, burst.replicas, "{decision}");
        state = next;
    }
    let (kept, _) = decide(&policy(), &waits, &state, now);
    assert_eq!(kept.rule, Rule::Short { ago: SECOND * 300 });
    let words = kept.to_string();
    assert!(
        words.ends_with(&format!(
            "kept, for requests wait and fewer than {} were ready for 300 s (1 now)",
            burst.replicas
        )),
        "{words}"
    );
    // Nobody waits any more, or all are there.
    let served = Snapshot { held: 0, ..waits };
    let (fewer, _) = decide(&policy(), &served, &state, now + SECOND);
    assert!(fewer.replicas < burst.replicas, "{fewer}");
    state.capacity.ready = burst.replicas;
    let (fewer, _) = decide(&policy(), &waits, &state, now + SECOND);
    assert!(fewer.replicas < burst.replicas, "{fewer}");
}
