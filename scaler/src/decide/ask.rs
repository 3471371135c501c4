use rouse_api::workload::WorkloadId;
use serde::Serialize;
use tokio::time::Instant;

use super::backlog::Backlog;
use super::reach::whole;
use super::{Policy, State, TargetOf, TriggerName};
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
    /// Requests in flight and held, now.
    Current {
        /// How many count.
        amount: f64,
        /// Held ones that do not, for they will be worked off.
        discounted: f64,
        /// Per replica.
        target: f64,
        /// Their quotient, rounded up.
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
            Self::Something | Self::Needed { .. } => 1,
            Self::Current { replicas, .. }
            | Self::Average { replicas, .. }
            | Self::Rate { replicas, .. }
            | Self::Trigger { replicas, .. }
            | Self::Schedule { replicas, .. }
            | Self::Fallback { replicas, .. } => *replicas,
        }
    }

    /// The larger; of two alike the first, unless it has no number.
    fn or(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.replicas() > self.replicas() => other,
            Some(other) if self == Self::Something && other.replicas() == 1 => other,
            _ => self,
        }
    }
}

/// What demand asks for over each window.
#[derive(Debug)]
pub(super) struct Asks {
    pub(super) stable: Ask,
    /// Over the panic window, and now.
    pub(super) panic: Ask,
    /// A panic begins, or goes on.
    pub(super) opens: bool,
}

/// The larger answer of all targets, for each window.
pub(super) fn asks(policy: &Policy, demand: &Snapshot, state: &State, now: Instant) -> Asks {
    let backlog = Backlog::of(state, now);
    let part = policy.behavior.utilization;
    let concurrency = usable(policy.concurrency, part);
    let rate = usable(policy.request_rate, part);
    let any = demand.current() > 0 || demand.concurrency > 0.0;
    let none = if any { Ask::Something } else { Ask::Nothing };

    let (busy, waiting) = (demand.concurrency - demand.waiting, demand.waiting);
    let over = demand.window.as_secs_f64();
    let average = |target| average(&backlog, (busy, waiting, demand.rate), demand, target, over);
    let stable = none.clone().or(concurrency.map(average));
    let stable = stable.or(rate.map(|target| per_second(demand.rate, target, over)));

    let (busy, waiting) = (
        demand.recent_concurrency - demand.recent_waiting,
        demand.recent_waiting,
    );
    let over = demand.recent_window.as_secs_f64();
    let recent = |target| {
        self::average(
            &backlog,
            (busy, waiting, demand.recent_rate),
            demand,
            target,
            over,
        )
    };
    let panic = none.or(concurrency.map(recent));
    let panic = panic.or(rate.map(|target| per_second(demand.recent_rate, target, over)));
    let threshold = policy.behavior.panic_threshold * f64::from(state.capacity.ready.max(1));
    let now = |target| current(&backlog, demand, target, threshold);
    let panic = panic.or(concurrency.and_then(now));

    let asked = panic.replicas();
    let waits = demand.held > 0 && asked > state.replicas.max(policy.least_awake());
    Asks {
        opens: waits || f64::from(asked) >= threshold,
        stable,
        panic,
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

/// The number of this moment is taken only when somebody waits, or when it is beyond chance: a count that is k at one moment is k - 2 *
/// sqrt(k) at least, and that alone asks for a panic.
fn current(backlog: &Backlog, demand: &Snapshot, target: f64, threshold: f64) -> Option<Ask> {
    let (in_flight, held) = (f64::from(demand.in_flight), f64::from(demand.held));
    let least = (in_flight - 2.0 * in_flight.sqrt()).max(0.0);
    if demand.held == 0 && f64::from(divide(least, target)) < threshold {
        return None;
    }
    let amount = backlog.counted(in_flight, held, demand.recent_rate, held);
    Some(Ask::Current {
        amount,
        discounted: in_flight + held - amount,
        target,
        replicas: divide(amount, target),
    })
}

fn usable(target: Option<f64>, utilization: f64) -> Option<f64> {
    let target = target.filter(|target| target.is_finite() && *target > 0.0)?;
    Some((target * utilization).max(LEAST_TARGET))
}

/// Rounded up; a billionth over a whole number is still that number, for sums of many small parts are not exact.
fn divide(amount: f64, target: f64) -> u32 {
    whole((amount / target - 1e-9).ceil())
}
