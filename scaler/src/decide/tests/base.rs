//! Knative's arithmetic, as its documentation gives it.

use super::*;

/// One look of a workload with these replicas, all ready, and what came of it.
fn look(policy: &Policy, replicas: u32, stable: f64, panic: f64) -> Decision {
    let start = Instant::now();
    let state = settled(policy, replicas, start);
    let demand = averages(stable, panic);
    decide(
        policy,
        &demand,
        &state,
        start + policy.behavior.stable_window,
    )
    .0
}

fn of(behavior: Behavior) -> Policy {
    Policy {
        max: 1000,
        concurrency: Some(10.0),
        behavior,
        ..policy()
    }
}

#[test]
fn desired_is_the_average_by_the_target() {
    // Replicas, stable and panic average, wanted.
    for (replicas, stable, panic, wanted) in [
        (1, 10.0, 10.0, 1),
        (1, 10.1, 10.1, 2),
        (4, 44.0, 30.0, 5),
        (10, 100.0, 100.0, 10),
        (10, 61.0, 20.0, 7),
        (3, 59.0, 59.0, 6),
    ] {
        let decision = look(&of(Behavior::default()), replicas, stable, panic);
        assert_eq!(decision.replicas, wanted, "{decision}");
    }
}

#[test]
fn utilization_is_a_part_of_the_target() {
    // Knative's default of 70% of a target of 100: 70 are for one, 71 for two.
    let seventy = Policy {
        concurrency: Some(100.0),
        ..of(Behavior {
            utilization: 0.7,
            ..Behavior::default()
        })
    };
    assert_eq!(look(&seventy, 1, 70.0, 70.0).replicas, 1);
    assert_eq!(look(&seventy, 1, 71.0, 71.0).replicas, 2);
    let tiny = Policy {
        concurrency: Some(0.001),
        ..seventy
    };
    assert_eq!(
        look(&tiny, 1, 0.03, 0.0).replicas,
        3,
        "no target is below 0.01"
    );
}

#[test]
fn the_rates_bound_one_step() {
    let rates = of(Behavior {
        max_scale_up_rate: 1.5,
        max_scale_down_rate: 3.0,
        ..Behavior::default()
    });
    // ceil(3 * 1.5) = 5, floor(10 / 3) = 3, floor(2 / 3) = 0
    for (replicas, stable, wanted, rule) in [
        (3, 100.0, 5, Rule::UpRate { rate: 1.5 }),
        (10, 5.0, 3, Rule::DownRate { rate: 3.0 }),
        (2, 5.0, 1, Rule::Demand),
        (10, 50.0, 5, Rule::Demand),
    ] {
        let decision = look(&rates, replicas, stable, stable);
        assert_eq!(
            (decision.replicas, &decision.rule),
            (wanted, &rule),
            "{decision}"
        );
    }
}

#[test]
fn twice_what_is_ready_is_a_panic_and_only_then_the_short_window_counts() {
    for (replicas, panic, wanted) in [
        (2, 39.0, 4),
        (2, 30.0, 1),
        (1, 20.0, 2),
        (4, 70.0, 2),
        (4, 71.0, 8),
    ] {
        let decision = look(&of(Behavior::default()), replicas, 5.0, panic);
        assert_eq!(
            decision.replicas, wanted,
            "{replicas} and {panic}: {decision}"
        );
    }
}

#[test]
fn a_panic_never_goes_down_and_ends_a_stable_window_after_its_last_cause() {
    let policy = of(Behavior::default());
    let start = Instant::now();
    let state = settled(&policy, 2, start);
    let (burst, state) = run(&policy, &averages(10.0, 60.0), state, start + WINDOW, 2);
    assert_eq!(burst.replicas, 6);
    assert!(matches!(burst.rule, Rule::Panic { .. }), "{burst}");
    let calm = averages(10.0, 10.0);
    let (decision, state) = run(&policy, &calm, state, start + WINDOW + SECOND * 3, 56);
    assert_eq!(decision.replicas, 6);
    assert!(matches!(decision.rule, Rule::Panic { .. }), "{decision}");
    // Its last cause was seen with 2 ready, at WINDOW.
    let (decision, _) = run(&policy, &calm, state, start + WINDOW * 2, 1);
    assert_eq!(
        (decision.replicas, decision.rule),
        (3, Rule::DownRate { rate: 2.0 })
    );
}

#[test]
fn the_smallest_count_other_than_zero() {
    let activation = Policy {
        on_wake: 5,
        ..of(Behavior::default())
    };
    assert_eq!(look(&activation, 5, 1.0, 1.0).replicas, 5);
    assert_eq!(look(&activation, 5, 61.0, 61.0).replicas, 7);
    let one = Snapshot { held: 1, ..quiet() };
    let (decision, _) = decide(&activation, &one, &State::default(), Instant::now());
    assert_eq!(
        (decision.replicas, decision.rule),
        (5, Rule::LeastAwake { least: 5 })
    );
}

#[test]
fn the_delay_keeps_its_windows_most() {
    let delay = Duration::from_secs(30);
    let policy = of(Behavior {
        scale_down_delay: delay,
        ..Behavior::default()
    });
    let start = Instant::now();
    let state = settled(&policy, 6, start);
    let (_, state) = run(&policy, &averages(60.0, 60.0), state, start + WINDOW, 1);
    let less = averages(40.0, 40.0);
    let from = start + WINDOW + SECOND * 2;
    let (decision, state) = run(&policy, &less, state, from, 28);
    assert_eq!(
        (decision.replicas, decision.rule),
        (6, Rule::Delay { delay })
    );
    let (decision, _) = run(&policy, &less, state, from + SECOND * 29, 2);
    assert!(decision.replicas < 6, "{decision}");
}

#[test]
fn of_both_targets_the_larger_answer_wins() {
    let both = Policy {
        request_rate: Some(10.0),
        ..of(Behavior::default())
    };
    let demand = Snapshot {
        rate: 41.0,
        recent_rate: 41.0,
        ..averages(30.0, 30.0)
    };
    let start = Instant::now();
    let state = settled(&both, 3, start);
    let (decision, _) = decide(&both, &demand, &state, start + WINDOW);
    assert_eq!(decision.replicas, 5);
    assert!(matches!(decision.ask, Ask::Rate { .. }), "{decision}");
}
