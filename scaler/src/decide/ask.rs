use rouse_api::workload::WorkloadId;
use serde::Serialize;
use tokio::time::Instant;

use super::backlog::{Ahead, Backlog};
use super::reach::whole;
use super::{Policy, State, TargetOf, TriggerName, chance};
use crate::demand::Snapshot;

/// No target is below this. Knative's.
const LEAST_TARGET: f64 = 0.01;

/// What demand asks for, before any bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "source")]
pub enum Ask {
    /// There is no demand.
    Nothing,
    /// There is demand, and no number to divide.
    Something,
    /// Requests in flight and held, now: all of them.
    Current {
        /// How many.
        amount: f64,
        /// Per replica.
        target: f64,
        /// Their quotient, rounded up.
        replicas: u32,
    },
    /// What is to be expected when another replica would be ready, by what comes now.
    Expected {
        /// In flight.
        load: f64,
        /// Places more that work off what is held, and what will be by then,
        pile: f64,
        /// within so many seconds.
        within: f64,
        /// Per replica.
        target: f64,
        /// Their sum by that, rounded up.
        replicas: u32,
    },
    /// Requests in flight and held, averaged.
    Average {
        /// How many count.
        amount: f64,
        /// Held ones that do not, for they will be worked off.
        discounted: f64,
        /// Per replica.
        target: f64,
        /// Over how long, in seconds.
        over: f64,
        /// Their quotient, rounded up.
        replicas: u32,
    },
    /// Requests per second.
    Rate {
        /// How many.
        amount: f64,
        /// Per replica.
        target: f64,
        /// Over how long, in seconds.
        over: f64,
        /// Their quotient, rounded up.
        replicas: u32,
    },
    /// A trigger's value.
    Trigger {
        /// Which one.
        trigger: TriggerName,
        /// The value.
        amount: f64,
        /// The value that is wished for.
        target: f64,
        /// Of what.
        of: TargetOf,
        /// What follows from it.
        replicas: u32,
    },
    /// A schedule.
    Schedule {
        /// Which one.
        trigger: TriggerName,
        /// Its window has not begun: they are started ahead.
        ahead: bool,
        /// So many.
        replicas: u32,
    },
    /// Another workload needs it.
    Needed {
        /// That one.
        by: WorkloadId,
    },
    /// A changed pod template is tried.
    Unverified {
        /// It.
        revision: String,
    },
    /// A trigger that nothing is known of, and what then shall be there at least.
    Fallback {
        /// Which one.
        trigger: TriggerName,
        /// Why nothing is known.
        why: String,
        /// So many.
        replicas: u32,
    },
}

impl Ask {
    /// Whether the number is known at once: a wake need not find out first how much is held.
    #[must_use]
    pub fn is_sized(&self) -> bool {
        matches!(
            self,
            Self::Trigger { .. } | Self::Schedule { .. } | Self::Fallback { .. }
        )
    }

    /// How many replicas that is.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Something | Self::Needed { .. } | Self::Unverified { .. } => 1,
            Self::Current { replicas, .. }
            | Self::Expected { replicas, .. }
            | Self::Average { replicas, .. }
            | Self::Rate { replicas, .. }
            | Self::Trigger { replicas, .. }
            | Self::Schedule { replicas, .. }
            | Self::Fallback { replicas, .. } => *replicas,
        }
    }

    /// The larger; of two alike the first, unless it has no number.
    pub(super) fn or(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.replicas() > self.replicas() => other,
            Some(other) if self == Self::Something && other.replicas() == 1 => other,
            _ => self,
        }
    }
}

/// What demand asks for.
#[derive(Debug)]
pub(super) struct Asks {
    /// Over the stable window.
    pub(super) stable: Ask,
    /// The same, if its average were by so much higher as averages stray.
    pub(super) stable_at_most: u32,
    /// Replicas for `stable` with room for chance below the limit.
    pub(super) roomy: u32,
    /// The part of requests that would wait without that room.
    pub(super) waiting: f64,
    /// Over the panic window, if it is beyond chance: counts while there is a panic.
    pub(super) panic: Ask,
    /// By now, without what works a pile off: what a panic keeps.
    pub(super) level: u32,
    /// By now.
    pub(super) surge: Ask,
    /// A panic begins, or goes on.
    pub(super) opens: bool,
}

/// The larger answer of all targets.
pub(super) fn asks(policy: &Policy, demand: &Snapshot, state: &State, now: Instant) -> Asks {
    let backlog = Backlog::of(state, now);
    let targets = Targets::of(policy);
    let any = demand.current() > 0 || demand.concurrency > 0.0;
    let none = if any { Ask::Something } else { Ask::Nothing };
    let ready = state.capacity.ready;

    let stable = averaged(&backlog, demand, targets, none.clone());
    let (mut roomy, mut stable_at_most, mut waiting) = (stable.replicas(), stable.replicas(), 0.0);
    if let Ask::Average {
        amount,
        target,
        over,
        replicas,
        ..
    } = stable
    {
        let at_most = amount + chance::stray(amount, backlog.service, over);
        stable_at_most = divide(at_most, target);
        if let Some(limit) = policy.limit {
            (roomy, waiting) = chance::room(replicas, policy.max, amount, limit);
            (stable_at_most, _) = chance::room(stable_at_most, policy.max, at_most, limit);
        }
    }

    let threshold = policy.behavior.panic_threshold * f64::from(ready.max(1));
    let panic = panic(&backlog, demand, targets, ready).unwrap_or(none);
    let ahead = backlog.ahead(policy, demand, ready);
    let of_rate = targets
        .rate
        .map(|target| per_second(ahead.rate, target, 1.0));
    let load = targets
        .concurrency
        .map_or(0, |target| divide(ahead.load, target));
    let level = of_rate
        .as_ref()
        .map_or(load, |ask| load.max(ask.replicas()));
    let surge = of_rate.unwrap_or(Ask::Nothing);
    let expected = |target| expected(&backlog, &ahead, target);
    Asks {
        opens: f64::from(level.max(panic.replicas())) >= threshold,
        stable,
        stable_at_most,
        roomy,
        waiting,
        panic,
        level,
        surge: surge.or(targets.concurrency.map(expected)),
    }
}

/// What a replica is to have.
#[derive(Debug, Clone, Copy)]
struct Targets {
    concurrency: Option<f64>,
    rate: Option<f64>,
}

impl Targets {
    fn of(policy: &Policy) -> Self {
        let part = policy.behavior.utilization;
        Self {
            concurrency: usable(policy.concurrency, part),
            rate: usable(policy.request_rate, part),
        }
    }
}

/// Over the stable window.
fn averaged(backlog: &Backlog, demand: &Snapshot, targets: Targets, none: Ask) -> Ask {
    let (busy, waiting) = (demand.concurrency - demand.waiting, demand.waiting);
    let over = demand.window.as_secs_f64();
    let average = |target| average(backlog, (busy, waiting, demand.rate), demand, target, over);
    let ask = none.or(targets.concurrency.map(average));
    ask.or(targets
        .rate
        .map(|target| per_second(demand.rate, target, over)))
}

/// Over the panic window; of the concurrency only when it is beyond chance, given what the ready replicas are there for.
fn panic(backlog: &Backlog, demand: &Snapshot, targets: Targets, ready: u32) -> Option<Ask> {
    let (busy, waiting) = (
        demand.recent_concurrency - demand.recent_waiting,
        demand.recent_waiting,
    );
    let over = demand.recent_window.as_secs_f64();
    let of_concurrency = targets.concurrency.and_then(|target| {
        let ask = average(
            backlog,
            (busy, waiting, demand.recent_rate),
            demand,
            target,
            over,
        );
        let Ask::Average { amount, .. } = ask else {
            return None;
        };
        let surely = amount - 2.0 * chance::stray(amount, backlog.service, over);
        (backlog.whole || divide(surely.max(0.0), target) > ready).then_some(ask)
    });
    let of_rate = targets
        .rate
        .map(|target| per_second(demand.recent_rate, target, over));
    match of_concurrency {
        Some(ask) => Some(ask.or(of_rate)),
        None => of_rate,
    }
}

fn expected(backlog: &Backlog, ahead: &Ahead, target: f64) -> Ask {
    let replicas = divide(ahead.load + ahead.pile, target);
    if backlog.whole {
        return Ask::Current {
            amount: ahead.load,
            target,
            replicas,
        };
    }
    Ask::Expected {
        load: ahead.load,
        pile: ahead.pile,
        within: ahead.within,
        target,
        replicas,
    }
}

fn average(
    backlog: &Backlog,
    (busy, waiting, rate): (f64, f64, f64),
    demand: &Snapshot,
    target: f64,
    over: f64,
) -> Ask {
    let amount = backlog.counted(busy, waiting, rate, f64::from(demand.held));
    Ask::Average {
        amount,
        discounted: busy + waiting - amount,
        target,
        over,
        replicas: divide(amount, target),
    }
}

fn per_second(amount: f64, target: f64, over: f64) -> Ask {
    Ask::Rate {
        amount,
        target,
        over,
        replicas: divide(amount, target),
    }
}

fn usable(target: Option<f64>, utilization: f64) -> Option<f64> {
    let target = target.filter(|target| target.is_finite() && *target > 0.0)?;
    Some((target * utilization).max(LEAST_TARGET))
}

/// Rounded up; a billionth over a whole number is still that number, for sums of many small parts are not exact.
fn divide(amount: f64, target: f64) -> u32 {
    whole((amount / target - 1e-9).ceil())
}
