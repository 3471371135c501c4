//! Demand to a number of replicas, with reasons. Pure: everything that matters is a parameter, the time too.
//!
//! The base is Knative's arithmetic: a stable and a panic window, rates, a delay. What differs, and why:
//! - Held requests count for what they would be if they were served, not for how many have piled up while replicas start:
//!   [`backlog`]. A slow start does not ask for ever more replicas, however long it takes.
//! - What surely comes by the time that another replica would be ready is followed at once; no window is waited for. A panic is only what is
//!   beyond chance: requests that come independently of each other stray by so much that a short average of one replica's load often asks for two.
//! - Below a hard limit there is room for chance where many would wait otherwise: [`chance`].
//! - A panic keeps what the load asks for, not what worked off the pile that had come before.
//! - A panic's end takes nothing away that somebody waits for: while requests are held and replicas are long in coming, nothing goes down.
//! - A step is a time, not a decision: decisions are made whenever something is known.
//! - One more replica than the average asks for stays while the average asked for it within the stable window and chance alone may have made it
//!   less: demand that swings about a whole number of replicas, in whatever phase, does not make the count swing.
//! - To zero goes by idle time alone.
//!
//! Sources of demand other than HTTP come as [`Reading`]s: [`sources`].

mod ask;
mod backlog;
mod chance;
mod policy;
mod reach;
mod reading;
mod reason;
mod sources;
mod state;
mod words;

#[cfg(test)]
mod tests;

use tokio::time::Instant;

use crate::demand::Snapshot;
use ask::Asks;
use reach::Reach;

pub use ask::Ask;
pub use policy::Policy;
pub use reading::{Answer, Reading, TargetOf, TriggerName};
pub use reason::{Decision, Rule};
pub use state::{Capacity, State};

/// How many replicas there should be.
///
/// At zero, demand of this moment and active readings lead up and nothing else does (unless there is a `min`). Down to one or more goes only with complete
/// data over a whole stable window. Down to zero goes only when every member was idle for `idle_after`, and no reading was active for as
/// long. Incomplete data never leads down, and neither does a state that is new.
#[must_use]
pub fn decide(
    policy: &Policy,
    demand: &Snapshot,
    readings: &[Reading],
    state: &State,
    now: Instant,
) -> (Decision, State) {
    let mut next = state.clone();
    next.begin(policy, demand, readings, now);
    let asks = ask::asks(policy, demand, &next, now);
    let asked = follow(policy, demand, &asks, &mut next, now);
    let (wanted, ask, rule) = sources::join(policy, readings, asked, &mut next, now);
    let (replicas, rule) = bind(policy, (demand, readings), (wanted, rule), &next, now);
    next.end(policy, demand, replicas, now);
    let decision = Decision {
        replicas,
        was: state.replicas,
        ask,
        rule,
        demand: demand.clone(),
        readings: readings.to_vec(),
        ready: state.capacity.ready,
        start_time: state.capacity.start_time,
        service_time: state.service_time(),
        max: policy.max,
    };
    (decision, next)
}

/// What an awake workload's demand leads to, before its bounds.
fn follow(
    policy: &Policy,
    demand: &Snapshot,
    asks: &Asks,
    state: &mut State,
    now: Instant,
) -> (u32, Ask, Rule) {
    let behavior = &policy.behavior;
    let current = state.replicas;
    let mut stable = asks.roomy;
    if demand.window < behavior.panic_window {
        // An average over less is chance: after a restart it would change the count.
        stable = stable.min(current.max(policy.least_awake()));
    }
    let reach = Reach::of(behavior, state);
    let mut now_asked = &asks.surge;
    let mut level = asks.level;
    if asks.opens || state.is_panic() {
        level = level.max(asks.panic.replicas());
        if asks.panic.replicas() > now_asked.replicas() {
            now_asked = &asks.panic;
        }
    }
    let burst = state.burst(asks.opens, reach.within(stable.max(level)), now);
    let asked = stable.max(now_asked.replicas());
    let ask = asks.stable.clone();
    let ask = match now_asked.replicas() >= stable {
        true => ask.or(Some(now_asked.clone())),
        false => ask,
    };
    let mut wanted = reach.within(asked);
    let mut rule = reach.rule(asked, behavior);
    if rule == Rule::Demand && asked == stable && stable > asks.stable.replicas() {
        let share = asks.waiting;
        rule = Rule::Chance { share };
    }
    if let Some(burst) = burst.filter(|burst| burst.most > wanted) {
        wanted = burst.most;
        rule = Rule::Panic {
            ago: now.saturating_duration_since(burst.last),
            window: behavior.stable_window,
        };
    }
    let remembered = state.remember(stable, behavior.stable_window, now);
    let remembered = remembered.min(asks.stable_at_most);
    let one_more = wanted.saturating_add(1).min(remembered).min(current);
    if one_more > wanted {
        wanted = one_more;
        rule = Rule::Remembered {
            window: behavior.stable_window,
        };
    }
    let delayed = state
        .delay(wanted, behavior.scale_down_delay, now)
        .min(current);
    if delayed > wanted {
        wanted = delayed;
        rule = Rule::Delay {
            delay: behavior.scale_down_delay,
        };
    }
    (wanted, ask, rule)
}

fn bind(
    policy: &Policy,
    (demand, readings): (&Snapshot, &[Reading]),
    (wanted, rule): (u32, Rule),
    state: &State,
    now: Instant,
) -> (u32, Rule) {
    let active = demand.current() > 0 || readings.iter().any(Reading::is_active);
    let works = policy.behavior.when_idle && (active || readings.iter().any(Reading::has_any));
    let current = state.replicas;
    if policy.min == 0 && current == 0 && !active {
        return (0, Rule::Asleep);
    }
    if policy.min == 0
        && !active
        && !works
        && let Some(idle) = sources::idle(policy, demand, readings, state, now)
        && idle >= policy.idle_after
    {
        return (0, Rule::Idle { idle });
    }
    let (wanted, rule) = within(policy, wanted, rule);
    if wanted >= current {
        return (wanted, rule);
    }
    if !sources::is_complete(policy, demand, readings) {
        return (current, sources::missing(demand, readings));
    }
    let window = policy.behavior.stable_window;
    let bounded = current.min(policy.max);
    if bounded > wanted && works {
        return (bounded, Rule::Works);
    }
    if bounded > wanted && !state.covers(window, now) {
        return (bounded, Rule::StableWindow { window });
    }
    if bounded > wanted
        && demand.held > 0
        && let Some(ago) = state.coming_for(now).filter(|ago| *ago >= window)
    {
        return (bounded, Rule::Short { ago });
    }
    (wanted, rule)
}

/// An awake workload's count within its bounds.
fn within(policy: &Policy, wanted: u32, rule: Rule) -> (u32, Rule) {
    let least = policy.least_awake();
    if wanted > policy.max {
        (policy.max, Rule::Max { max: policy.max })
    } else if wanted >= least {
        (wanted, rule)
    } else if policy.min >= least {
        (least, Rule::Min { min: policy.min })
    } else {
        (least, Rule::LeastAwake { least })
    }
}
