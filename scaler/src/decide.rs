//! Demand to a number of replicas, with reasons. Pure: everything that matters is a parameter, the time too.

mod history;
mod reason;

#[cfg(test)]
mod tests;

use std::time::Duration;

use rouse_api::workload::Workload;
use tokio::time::Instant;

use crate::demand::Snapshot;
use history::History;
pub use reason::{Ask, Decision, Rule};

/// What one workload is scaled for, and within what bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Never fewer.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// The smallest count other than zero.
    pub on_wake: u32,
    /// Without demand for this long: zero (when `min` is 0).
    pub idle_after: Duration,
    /// Requests in flight and held per replica; absent: not scaled for.
    pub concurrency: Option<f64>,
    /// Requests per second per replica; absent: not scaled for.
    pub request_rate: Option<f64>,
    /// A count other than zero goes down only to the most that was asked for in this time.
    pub stable_window: Duration,
}

impl Policy {
    /// A workload's policy.
    #[must_use]
    pub fn of(workload: &Workload, stable_window: Duration) -> Self {
        let http = workload.http.as_ref();
        Self {
            min: workload.scale.min,
            max: workload.scale.max.max(1),
            on_wake: workload.scale.on_wake.max(1),
            idle_after: workload.scale.idle_after,
            concurrency: http.and_then(|http| http.concurrency_per_replica),
            request_rate: http.and_then(|http| http.request_rate_per_replica),
            stable_window,
        }
    }

    /// The smallest count other than zero, within the bounds: what a wake starts with.
    #[must_use]
    pub fn least_awake(&self) -> u32 {
        self.on_wake.max(self.min).min(self.max)
    }
}

/// What one decision leaves to the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// The count that stands. The caller sets it when it becomes another than was decided.
    pub replicas: u32,
    history: History,
}

/// How many replicas there should be.
///
/// At zero, demand of this moment leads up and nothing else does (unless there is a `min`). Up follows the larger of average and present
/// demand at once. Down to one or more goes only as far as the most asked for in a whole stable window of complete data. Down
/// to zero goes only when every member was idle for `idle_after`. Incomplete data never leads down.
#[must_use]
pub fn decide(
    policy: &Policy,
    demand: &Snapshot,
    state: &State,
    now: Instant,
) -> (Decision, State) {
    let ask = reason::ask(policy, demand);
    let mut history = state.history.clone();
    history.remember(
        ask.replicas(),
        demand.is_complete(),
        policy.stable_window,
        now,
    );
    let (replicas, rule) = bind(
        policy,
        demand,
        state.replicas,
        ask.replicas(),
        &history,
        now,
    );
    let decision = Decision {
        replicas,
        ask,
        rule,
        demand: demand.clone(),
        max: policy.max,
    };
    (decision, State { replicas, history })
}

fn bind(
    policy: &Policy,
    demand: &Snapshot,
    current: u32,
    asked: u32,
    history: &History,
    now: Instant,
) -> (u32, Rule) {
    let active = demand.current() > 0;
    if policy.min == 0 && current == 0 && !active {
        return (0, Rule::Asleep);
    }
    if policy.min == 0
        && !active
        && let Some(idle) = demand.idle
        && idle >= policy.idle_after
    {
        return (0, Rule::Idle { idle });
    }
    let (wanted, rule) = within(policy, asked);
    if wanted >= current {
        return (wanted, rule);
    }
    if !demand.is_complete() {
        return (
            current,
            Rule::MissingData {
                missing: demand.missing,
                members: demand.members,
            },
        );
    }
    let bounded = current.min(policy.max);
    let kept = if history.covers(policy.stable_window, now) {
        history.most().max(wanted).min(bounded)
    } else {
        bounded
    };
    if kept > wanted {
        let window = policy.stable_window;
        (kept, Rule::StableWindow { window })
    } else {
        (wanted, rule)
    }
}

/// An awake workload's count from what demand asks for.
fn within(policy: &Policy, asked: u32) -> (u32, Rule) {
    let least = policy.least_awake();
    if asked > policy.max {
        (policy.max, Rule::Max { max: policy.max })
    } else if asked >= least {
        (asked, Rule::Demand)
    } else if policy.min >= least {
        (least, Rule::Min { min: policy.min })
    } else {
        (least, Rule::LeastAwake { least })
    }
}
