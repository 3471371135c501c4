//! The count that a workload begins with when it is seen for the first time. Once: a restart changes no count by itself.

use super::Turn;
use super::entry::Entry;
use crate::decide::{Decision, Rule};

impl Entry {
    /// The platform has seen nothing of the workload yet (`first`: and this scaler sees it for the first time), or it has. The leader's own
    /// record does not end what it has begun.
    pub(super) fn fresh(&mut self, first: bool, fresh: bool, turn: &Turn<'_>) {
        if first {
            self.initial = self.workload.scale.initial;
        } else if !fresh && self.is_shared() && turn.leads.is_none() {
            self.initial = None;
        }
    }

    /// Once the first count is reached, or another rules it, that is over.
    pub(super) fn has_begun(&mut self, turn: &Turn<'_>) {
        let reached =
            self.is_seen() && self.scaling.is_none() && self.first_count() == Some(self.wanted);
        if self.initial.is_some() && (reached || self.governed.is_some()) {
            self.initial = None;
            // It has been idle for no time yet.
            self.demand.woken(turn.now);
        }
    }

    fn first_count(&self) -> Option<u32> {
        let initial = self.initial?;
        Some(initial.clamp(self.policy.min, self.policy.max))
    }

    /// As long as the first count is not reached it is decided, unless demand needs more. Only the leader's is carried out.
    pub(super) fn begin_with(&mut self, decision: &mut Decision) {
        let Some(initial) = self.first_count() else {
            return;
        };
        if decision.replicas > initial && decision.is_wanted() {
            self.initial = None;
            return;
        }
        decision.replicas = initial;
        decision.rule = Rule::Initial { initial };
    }
}
