use std::time::Duration;

use serde::Serialize;

use super::{Ask, Reading, TriggerName};
use crate::demand::Snapshot;

/// How many replicas there should be, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The count.
    pub replicas: u32,
    /// The count that stood.
    pub was: u32,
    /// What demand asks for.
    pub ask: Ask,
    /// What made the count out of it.
    pub rule: Rule,
    /// The data it was made from.
    pub demand: Snapshot,
    /// What other sources said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
    /// Replicas that take requests.
    pub ready: u32,
    /// What a replica takes to start, measured.
    #[serde(serialize_with = "crate::seconds::option::serialize")]
    pub start_time: Option<Duration>,
    /// What a request takes in flight, measured while few waited.
    #[serde(serialize_with = "crate::seconds::option::serialize")]
    pub service_time: Option<Duration>,
    /// The workload's upper bound.
    pub max: u32,
}

impl Decision {
    /// Whether the number is known at once: a wake need not find out first how much is held.
    #[must_use]
    pub fn is_sized(&self) -> bool {
        matches!(self.rule, Rule::Initial { .. }) || self.ask.is_sized()
    }

    /// Whether anybody asks for a replica now.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.demand.current() > 0 || self.readings.iter().any(Reading::is_active)
    }
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
    /// Demand asks for more than one step may lead to.
    UpRate {
        /// Times the ready replicas.
        rate: f64,
    },
    /// Demand asks for less than one step may lead to.
    DownRate {
        /// The ready replicas by this.
        rate: f64,
    },
    /// A burst was seen, and nothing goes down before it is a stable window ago.
    Panic {
        /// Since it was seen last.
        #[serde(serialize_with = "crate::seconds::serialize")]
        ago: Duration,
        /// The stable window.
        #[serde(serialize_with = "crate::seconds::serialize")]
        window: Duration,
    },
    /// More, for so many requests would find the limit reached by chance.
    Chance {
        /// The part of them that would wait, at most 1.
        share: f64,
    },
    /// The average asked for one more within the stable window, and is less by no more than chance.
    Remembered {
        /// Its length.
        #[serde(serialize_with = "crate::seconds::serialize")]
        window: Duration,
    },
    /// More was wanted within the scale-down delay.
    Delay {
        /// Its length.
        #[serde(serialize_with = "crate::seconds::serialize")]
        delay: Duration,
    },
    /// Data has not been complete for a whole stable window yet: nothing goes down.
    StableWindow {
        /// Its length.
        #[serde(serialize_with = "crate::seconds::serialize")]
        window: Duration,
    },
    /// Requests wait, and fewer replicas than there shall be have been ready for a stable window, for want of a node perhaps: nothing goes down.
    Short {
        /// Fewer are ready than there shall be since then.
        #[serde(serialize_with = "crate::seconds::serialize")]
        ago: Duration,
    },
    /// Replicas go only when there is no demand at all.
    Works,
    /// A trigger asked for so many lately.
    Lately {
        /// How long that counts.
        #[serde(serialize_with = "crate::seconds::serialize")]
        window: Duration,
    },
    /// What a trigger would say is not known: nothing goes down.
    UnknownTrigger {
        /// Which one.
        trigger: TriggerName,
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
    /// The count to begin with, for it is seen for the first time.
    Initial {
        /// That count.
        initial: u32,
    },
    /// It was woken only to see whether it comes up.
    Tried,
    /// At zero, and no demand.
    Asleep,
}
