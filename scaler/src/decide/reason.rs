use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Policy;
use crate::demand::Snapshot;

/// How many replicas there should be, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// The count.
    pub replicas: u32,
    /// What demand asks for.
    pub ask: Ask,
    /// What made the count out of it.
    pub rule: Rule,
    /// The data it was made from.
    pub demand: Snapshot,
    /// The workload's upper bound.
    pub max: u32,
}

/// What demand asks for, before any bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "source")]
pub enum Ask {
    /// There is no demand.
    Nothing,
    /// There is demand, and no target to divide it by.
    Something,
    /// Requests in flight and held, now.
    Current {
        /// How many.
        amount: f64,
        /// Per replica.
        target: f64,
        /// Their quotient, rounded up.
        replicas: u32,
    },
    /// Requests in flight and held, averaged.
    Average {
        /// How many.
        amount: f64,
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
        /// Their quotient, rounded up.
        replicas: u32,
    },
}

/// What made the count out of what demand asks for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "name")]
pub enum Rule {
    /// Nothing else: demand as it is.
    Demand,
    /// Demand asks for less than the lower bound.
    Min {
        /// The bound.
        min: u32,
    },
    /// Demand asks for more than the upper bound.
    Max {
        /// The bound.
        max: u32,
    },
    /// Awake, and demand asks for less than the smallest count other than zero.
    LeastAwake {
        /// That count.
        least: u32,
    },
    /// More was asked for within the stable window, or the window is not full yet.
    StableWindow {
        /// Its length.
        #[serde(serialize_with = "crate::seconds::serialize")]
        window: Duration,
    },
    /// Not every proxy's demand is known: nothing goes down.
    MissingData {
        /// Proxies that are silent.
        missing: u32,
        /// All of them.
        members: u32,
    },
    /// Every proxy was without demand for long enough.
    Idle {
        /// For so long.
        #[serde(serialize_with = "crate::seconds::serialize")]
        idle: Duration,
    },
    /// At zero, and no demand.
    Asleep,
}

impl Ask {
    /// How many replicas that is.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Something => 1,
            Self::Current { replicas, .. }
            | Self::Average { replicas, .. }
            | Self::Rate { replicas, .. } => *replicas,
        }
    }
}

/// The largest answer of all targets.
pub(super) fn ask(policy: &Policy, demand: &Snapshot) -> Ask {
    let current = f64::from(demand.current());
    let mut answers = Vec::with_capacity(3);
    if let Some(target) = usable(policy.concurrency) {
        let (amount, over) = (demand.concurrency, demand.window.as_secs_f64());
        let replicas = divide(amount, target);
        answers.push(Ask::Average {
            amount,
            target,
            over,
            replicas,
        });
        let replicas = divide(current, target);
        let amount = current;
        answers.push(Ask::Current {
            amount,
            target,
            replicas,
        });
    }
    if let Some(target) = usable(policy.request_rate) {
        let amount = demand.rate.max(demand.recent_rate);
        let replicas = divide(amount, target);
        answers.push(Ask::Rate {
            amount,
            target,
            replicas,
        });
    }
    let most = answers.into_iter().rev().max_by_key(Ask::replicas);
    match most {
        Some(most) if most.replicas() > 0 => most,
        _ if current > 0.0 || demand.concurrency > 0.0 => Ask::Something,
        _ => Ask::Nothing,
    }
}

fn usable(target: Option<f64>) -> Option<f64> {
    target.filter(|target| target.is_finite() && *target > 0.0)
}

/// Rounded up; a billionth over a whole number is still that number, for sums of many small parts are not exact.
fn divide(amount: f64, target: f64) -> u32 {
    let replicas = (amount / target - 1e-9)
        .ceil()
        .clamp(0.0, f64::from(u32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits"
    )]
    let replicas = replicas as u32;
    replicas
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.replicas == 1 { "" } else { "s" };
        write!(f, "{} replica{s}: ", self.replicas)?;
        match &self.rule {
            Rule::Demand => write!(f, "{}; max {}", self.ask, self.max),
            Rule::Min { min } => write!(f, "{}; min {min}", self.ask),
            Rule::Max { max } => write!(f, "{}; no more than max {max}", self.ask),
            Rule::LeastAwake { least } => write!(f, "{}; at least {least} while awake", self.ask),
            Rule::StableWindow { window } => {
                write!(
                    f,
                    "{}; more was asked for in the last {} s, or they are not over",
                    self.ask,
                    window.as_secs()
                )
            }
            Rule::MissingData { members: 0, .. } => {
                write!(f, "{}; kept, for no proxy is connected", self.ask)
            }
            Rule::MissingData { missing, members } => write!(
                f,
                "{}; kept, for {missing} of {members} proxies are silent",
                self.ask
            ),
            Rule::Idle { idle } => write!(f, "no demand for {} s", Number(idle.as_secs_f64())),
            Rule::Asleep => write!(f, "no demand, asleep"),
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nothing => f.write_str("no demand"),
            Self::Something => f.write_str("some demand, and no target for it"),
            Self::Current {
                amount,
                target,
                replicas,
            } => {
                write!(
                    f,
                    "{} in flight and held / target {} = {replicas}",
                    Number(amount),
                    Number(target)
                )
            }
            Self::Average {
                amount,
                target,
                over,
                replicas,
            } => {
                let (amount, over, target) = (Number(amount), Number(over), Number(target));
                write!(
                    f,
                    "{amount} in flight over {over} s / target {target} = {replicas}"
                )
            }
            Self::Rate {
                amount,
                target,
                replicas,
            } => {
                write!(
                    f,
                    "{} requests/s / target {} = {replicas}",
                    Number(amount),
                    Number(target)
                )
            }
        }
    }
}

/// At most two places behind the point.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.0 * 100.0).round() / 100.0)
    }
}
