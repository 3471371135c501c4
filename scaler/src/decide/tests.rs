mod base;
mod better;
mod properties;
mod readings;
mod rules;

use std::time::Duration;

use rouse_api::workload::Behavior;
use tokio::time::Instant;

use super::{Answer, Ask, Capacity, Decision, Policy, Reading, Rule, State, TargetOf};
use crate::demand::Snapshot;

const WINDOW: Duration = Duration::from_secs(60);
const PANIC: Duration = Duration::from_secs(6);
const SECOND: Duration = Duration::from_secs(1);

/// With HTTP's demand alone.
fn decide(policy: &Policy, demand: &Snapshot, state: &State, now: Instant) -> (Decision, State) {
    super::decide(policy, demand, &[], state, now)
}

/// 0 to 5 replicas, for 50 requests each.
fn policy() -> Policy {
    Policy {
        min: 0,
        max: 5,
        on_wake: 1,
        requests: true,
        idle_after: Duration::from_secs(300),
        concurrency: Some(50.0),
        limit: None,
        request_rate: None,
        behavior: Behavior::default(),
    }
}

fn quiet() -> Snapshot {
    Snapshot {
        members: 1,
        missing: 0,
        in_flight: 0,
        held: 0,
        concurrency: 0.0,
        waiting: 0.0,
        rate: 0.0,
        recent_concurrency: 0.0,
        recent_waiting: 0.0,
        recent_rate: 0.0,
        last_rate: 0.0,
        latest_rate: 0.0,
        window: WINDOW,
        recent_window: PANIC,
        idle: Some(Duration::ZERO),
    }
}

/// The same number in flight in both windows and now, for a second each.
fn steady(in_flight: u32) -> Snapshot {
    let amount = f64::from(in_flight);
    Snapshot {
        in_flight,
        concurrency: amount,
        recent_concurrency: amount,
        rate: amount,
        recent_rate: amount,
        last_rate: amount,
        latest_rate: amount,
        ..quiet()
    }
}

fn averages(stable: f64, panic: f64) -> Snapshot {
    Snapshot {
        concurrency: stable,
        recent_concurrency: panic,
        ..quiet()
    }
}

/// Decides once a second with the same demand; all replicas are ready at once.
fn run(
    policy: &Policy,
    demand: &Snapshot,
    mut state: State,
    from: Instant,
    seconds: u32,
) -> (Decision, State) {
    state.capacity.ready = state.replicas;
    let mut last = decide(policy, demand, &state, from);
    for i in 1..=seconds {
        last.1.capacity.ready = last.1.replicas;
        last = decide(policy, demand, &last.1, from + SECOND * i);
    }
    last
}

/// So many replicas, with complete data for longer than any window.
fn settled(policy: &Policy, replicas: u32, start: Instant) -> State {
    let mut state = State::of(replicas);
    let window = policy.behavior.stable_window;
    state.begin(policy, &quiet(), &[], start);
    state.begin(policy, &quiet(), &[], start + window);
    state
}
