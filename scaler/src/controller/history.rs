//! The last decisions of each workload.

use std::collections::VecDeque;
use std::mem::discriminant;

use rouse_api::workload::WorkloadId;
use serde::Serialize;
use tokio::time::Instant;

use super::Controller;
use super::status::DecisionStatus;
use crate::decide::{Decision, Rule};

/// Kept per workload; older ones are forgotten.
pub const MOST_DECISIONS: usize = 200;

/// Decisions that led to another count than the one before, or by another rule. Nothing is kept of a workload that has always slept.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<(Instant, Decision)>);

/// The last decisions of one workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionHistory {
    /// The workload.
    pub workload: WorkloadId,
    /// Whether this scaler acts on its decisions: others only wake.
    pub leads: bool,
    /// It is only observed: nobody acts on them.
    pub observed: bool,
    /// Oldest first; at most [`MOST_DECISIONS`].
    pub decisions: Vec<PastDecision>,
}

/// A decision and when it was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PastDecision {
    /// Since it was made first; it stood until the next one.
    pub seconds_ago: f64,
    /// What it was.
    #[serde(flatten)]
    pub decision: DecisionStatus,
}

impl History {
    pub(super) fn note(&mut self, decision: &Decision, now: Instant) {
        let same = match self.0.back() {
            Some((_, last)) => {
                let rules = (discriminant(&last.rule), discriminant(&decision.rule));
                last.replicas == decision.replicas && rules.0 == rules.1
            }
            None => decision.rule == Rule::Asleep,
        };
        if same {
            return;
        }
        if self.0.len() >= MOST_DECISIONS {
            self.0.pop_front();
        }
        self.0.push_back((now, decision.clone()));
    }

    fn told(&self, now: Instant) -> Vec<PastDecision> {
        let told = |(at, decision): &(Instant, Decision)| PastDecision {
            seconds_ago: now.saturating_duration_since(*at).as_secs_f64(),
            decision: DecisionStatus {
                why: decision.to_string(),
                decision: decision.clone(),
            },
        };
        self.0.iter().map(told).collect()
    }
}

impl Controller {
    /// The last decisions of a workload; `None`: there is none of that name.
    #[must_use]
    pub fn history(&self, workload: &WorkloadId, now: Instant) -> Option<DecisionHistory> {
        let entry = self.entries.get(workload)?;
        Some(DecisionHistory {
            workload: workload.clone(),
            leads: self.leads.is_some(),
            observed: entry.observes(),
            decisions: entry.history.told(now),
        })
    }
}
