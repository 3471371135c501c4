//! When a workload is to be looked at although nothing happens. One that is settled is not looked at: it costs nothing.

use std::time::Duration;

use tokio::time::Instant;

use super::Turn;
use super::entry::{Entry, Phase};

/// A tick of nothing would never end.
const LEAST_TICK: Duration = Duration::from_millis(1);

impl Entry {
    /// `None`: when something happens.
    pub(super) fn deadline(&self, turn: &Turn<'_>) -> Option<Instant> {
        let now = turn.now;
        let phase = match &self.phase {
            Phase::Waking(wake) => Some(wake.raise_at),
            Phase::Quiescing(quiesce) => Some(quiesce.deadline),
            Phase::Failed { since, .. } => Some(*since + turn.config.failure_pause),
            Phase::Awake if !self.observes() => self.idle_at(turn).filter(|_| self.may_sleep(turn)),
            Phase::Awake | Phase::Asleep | Phase::Stopping { .. } => None,
        };
        let shadow = self.idle_at(turn).filter(|_| self.may_rehearse_sleep(turn));
        let drains = self.drain.values().map(|victim| victim.deadline);
        let settles = self
            .leaving
            .values()
            .map(|at| *at + turn.config.settle_after);
        let others = [
            phase,
            shadow,
            self.scale_after,
            self.sleep_after,
            self.probing.turn_ends(),
            self.triggers.due(turn),
        ];
        let tick = now + turn.config.tick.max(LEAST_TICK);
        let tick = Some(tick).filter(|_| self.is_restless(turn));
        drains
            .chain(settles)
            .chain(others.into_iter().flatten())
            .filter(|at| *at > now)
            .chain(tick)
            .min()
    }

    fn may_sleep(&self, turn: &Turn<'_>) -> bool {
        let free = !self.removed && self.blocked.is_none() && self.policy.min == 0;
        turn.leads.is_some() && free && self.demand.current() == 0
    }

    /// Whether time alone may lead to something, so that it is looked at regularly.
    fn is_restless(&self, turn: &Turn<'_>) -> bool {
        if !self.leaving.is_empty() || (self.removed && !self.is_shared()) {
            return true;
        }
        if self.observes() {
            return self.is_rehearsing(turn);
        }
        if turn.leads.is_none() || self.blocked.is_some() {
            return matches!(self.phase, Phase::Waking(_)) && self.blocked.is_none();
        }
        match &self.phase {
            Phase::Asleep => self.waits_to_be_verified(),
            Phase::Awake => {
                // Due, but somebody's demand is not known, or an attempt has failed.
                let due =
                    self.may_sleep(turn) && self.idle_at(turn).is_some_and(|at| at <= turn.now);
                due || self.is_above_least()
            }
            Phase::Waking(_)
            | Phase::Quiescing(_)
            | Phase::Stopping { .. }
            | Phase::Failed { .. } => true,
        }
    }

    /// Whether the count may go down without going to zero, or is about to.
    fn is_above_least(&self) -> bool {
        let more = self.wanted > self.policy.least_awake() && self.governed.is_none();
        more || !self.drain.is_empty()
    }
}
