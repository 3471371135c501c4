//! From zero to ready, or to failed.

use super::entry::{Entry, Phase, Wake};
use super::status::WakeOutcome;
use super::{EventKind, Turn, WakeCause, WakeStages};
use crate::decide::{Decision, Reading};

/// A failure that has no wake to be told with.
const NO_WAKE: WakeStages = WakeStages {
    start: std::time::Duration::ZERO,
    ready: std::time::Duration::ZERO,
    total: std::time::Duration::ZERO,
    held: 0,
};

impl Entry {
    /// Starts the first replicas: what the first request needs; more follows once it shows how much is held. What a trigger asks for is
    /// known at once.
    pub(super) fn wake(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        let cause = self.cause(Some(decision));
        let least = match self.governed {
            Some(min) => min.max(1),
            None if decision.is_sized() => self.policy.least_awake().max(decision.replicas),
            None => self.policy.least_awake(),
        };
        let replicas = least.max(self.wanted);
        if self.scale(replicas, Vec::new(), turn) {
            self.waking(cause, turn);
            if let Phase::Waking(wake) = &mut self.phase {
                wake.own = true;
            }
            self.emit(EventKind::Waking { cause, replicas }, turn);
        }
    }

    /// A wake begins, or goes on after a failure.
    pub(super) fn waking(&mut self, cause: WakeCause, turn: &mut Turn<'_>) {
        let held = match cause {
            WakeCause::Held { held } => held,
            _ => 0,
        };
        self.failure = None;
        let by = self.asked_by.take();
        let by = by.filter(|_| matches!(cause, WakeCause::Held { .. }));
        self.last.wakes(cause, by, turn.now);
        self.phase = Phase::Waking(Wake {
            cause,
            own: false,
            asked: self.asked_since.take().unwrap_or(turn.now),
            raise_at: turn.now + turn.config.raise_after,
            held,
        });
    }

    /// The first replica is ready.
    pub(super) fn woke(&mut self, wake: &Wake, turn: &mut Turn<'_>) {
        self.phase = Phase::Awake;
        let ready = self.served_since().unwrap_or(turn.now);
        let first = self
            .live()
            .filter(|replica| self.is_ready(replica))
            .min_by_key(|replica| self.ready_since(replica));
        let started = first.map_or(turn.now, |replica| replica.started);
        let stages = WakeStages {
            start: started.saturating_duration_since(wake.asked),
            ready: ready.saturating_duration_since(started),
            total: ready.saturating_duration_since(wake.asked),
            held: wake.held,
        };
        self.last
            .woke(WakeOutcome::Ready, wake.cause, stages, turn.now);
        // Each wake is counted once, by the scaler that asked for it.
        if wake.own {
            self.emit(EventKind::Woke(stages), turn);
        }
    }

    /// The platform says that none can come up.
    pub(super) fn failed(&mut self, turn: &mut Turn<'_>) {
        let Some(failure) = self.failure.clone() else {
            return;
        };
        let waking = matches!(self.phase, Phase::Waking(_));
        if let Phase::Waking(wake) = &self.phase {
            let total = turn.now.saturating_duration_since(wake.asked);
            let held = wake.held;
            self.last.woke(
                WakeOutcome::Failed,
                wake.cause,
                WakeStages {
                    total,
                    held,
                    ..NO_WAKE
                },
                turn.now,
            );
        }
        let (since, over) = (turn.now, false);
        self.phase = Phase::Failed { since, over };
        self.last.failed(failure.clone(), turn.now);
        let (reason, message) = (failure.reason, failure.message);
        self.emit(
            EventKind::Failed {
                reason,
                message,
                waking,
            },
            turn,
        );
    }

    /// After a pause demand leads to another try; a workload that must have replicas needs no demand for it, only more time.
    pub(super) fn consider_retry(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        if self.is_shared() {
            // Its platform tries by itself, and says when there is hope.
            if decision.replicas == 0 {
                self.quiesce(turn);
            }
            return;
        }
        let Phase::Failed { since, over } = &mut self.phase else {
            return;
        };
        let age = turn.now.saturating_duration_since(*since);
        *over = age >= turn.config.failure_pause;
        if !*over {
            return;
        }
        let due = decision.replicas > 0 && age >= turn.config.failure_retry;
        let must = self.policy.min > 0 || decision.readings.iter().any(Reading::is_active);
        if decision.demand.held > 0 || (must && due) {
            self.wake(decision, turn);
        } else if decision.replicas == 0 {
            self.quiesce(turn);
        }
    }
}
