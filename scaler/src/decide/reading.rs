//! What sources of demand other than HTTP say at one moment, and what that asks for.

use std::fmt;
use std::sync::Arc;

use rouse_api::workload::WorkloadId;
use serde::{Serialize, Serializer};

use super::Ask;
use super::reach::whole;

/// A total that is off its target by no more than this part leaves the count as it is, or every small change of the value would change
/// it. The HPA's default.
const TOLERANCE: f64 = 0.1;

/// How people are told of a source, e.g. `triggers[0] (prometheus)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerName(Arc<str>);

impl From<&str> for TriggerName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for TriggerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TriggerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What one source says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Which one it is.
    pub trigger: TriggerName,
    /// What it says.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What a source says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
pub enum Answer {
    /// A value.
    Value {
        /// As it was read.
        value: f64,
        /// The value that is wished for.
        target: f64,
        /// Of what the target is meant.
        of: TargetOf,
        /// Not above this it needs no replica.
        activation: f64,
    },
    /// So many replicas by the clock.
    Schedule {
        /// Zero outside its window.
        replicas: u32,
        /// Its window has not begun: they are started ahead.
        ahead: bool,
    },
    /// Another workload that wakes this one is awake.
    Needed {
        /// That one.
        by: WorkloadId,
    },
    /// Nobody knows yet whether what was changed comes up.
    Unverified {
        /// What replicas are started as.
        revision: String,
    },
    /// Nobody knows.
    Unknown {
        /// A sentence.
        why: String,
        /// No fewer than this, once it has been unknown for long enough.
        fallback: Option<u32>,
    },
}

/// What a target is meant of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TargetOf {
    /// Each replica's part of the value: the HPA's `AverageValue`.
    Each,
    /// What the replicas use, each, reckoned over the whole count: without any replica there is nothing to see. It keeps nobody awake.
    Used {
        /// So many replicas there were to be when it was read.
        count: u32,
    },
    /// The value as it is, which replicas change: the HPA's `Value`.
    Total {
        /// So many replicas were ready when it was read.
        ready: u32,
    },
}

impl Reading {
    /// How many replicas that is, before any bound.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        match self.answer {
            Answer::Value {
                value, target, of, ..
            } => of.replicas(value.max(0.0) / target),
            Answer::Schedule { replicas, .. } => replicas,
            Answer::Needed { .. } | Answer::Unverified { .. } => 1,
            Answer::Unknown { fallback, .. } => fallback.unwrap_or(0),
        }
    }

    /// Whether it keeps the workload awake.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self.answer {
            Answer::Value {
                of: TargetOf::Used { .. },
                ..
            } => false,
            Answer::Value {
                value, activation, ..
            } => value > activation,
            _ => self.replicas() > 0,
        }
    }

    /// Whether it keeps the workload awake for `idleAfter` when it is over: what is only tried goes back to sleep at once.
    pub(super) fn lasts(&self) -> bool {
        self.is_active() && !matches!(self.answer, Answer::Unverified { .. })
    }

    /// Whether there is anything at all, enough for a wake or not.
    #[must_use]
    pub(super) fn has_any(&self) -> bool {
        match self.answer {
            Answer::Value { value, of, .. } => value > 0.0 && !matches!(of, TargetOf::Used { .. }),
            _ => false,
        }
    }

    /// Whether it says anything.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !matches!(self.answer, Answer::Unknown { .. })
    }

    /// Whether its value swings by chance, so that less of it is believed only after a while.
    pub(super) fn swings(&self) -> bool {
        matches!(self.answer, Answer::Value { .. })
    }

    pub(super) fn ask(&self) -> Ask {
        let (trigger, replicas) = (self.trigger.clone(), self.replicas());
        match &self.answer {
            Answer::Value {
                value, target, of, ..
            } => Ask::Trigger {
                trigger,
                amount: *value,
                target: *target,
                of: *of,
                replicas,
            },
            Answer::Schedule { ahead, .. } => Ask::Schedule {
                trigger,
                ahead: *ahead,
                replicas,
            },
            Answer::Needed { by } => Ask::Needed { by: by.clone() },
            Answer::Unverified { revision } => Ask::Unverified {
                revision: revision.clone(),
            },
            Answer::Unknown { why, .. } => Ask::Fallback {
                trigger,
                why: why.clone(),
                replicas,
            },
        }
    }
}

impl TargetOf {
    fn replicas(self, ratio: f64) -> u32 {
        let up = |amount: f64| whole((amount - 1e-9).ceil());
        match self {
            Self::Each => up(ratio),
            Self::Total { ready } | Self::Used { count: ready } => {
                let ready = ready.max(1);
                if (ratio - 1.0).abs() <= TOLERANCE + 1e-9 {
                    return ready;
                }
                up(f64::from(ready) * ratio)
            }
        }
    }
}
