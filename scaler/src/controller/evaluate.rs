//! One look at everything known about a workload.

use std::time::Duration;

use rouse_api::link::EndpointId;
use tokio::time::Instant;

use super::entry::{Entry, Phase};
use super::{EventKind, Turn, WakeCause};
use crate::ScalerConfig;
use crate::decide::{self, Decision};

/// A tick of nothing would never end.
const LEAST_TICK: Duration = Duration::from_millis(1);

impl Entry {
    /// Does what follows from what is known, and tells the proxies.
    pub(super) fn evaluate(&mut self, turn: &mut Turn<'_>) {
        self.note_replicas(turn);
        let decision = self.decide(turn.now);
        if self.removed {
            self.retire(turn);
        } else {
            self.act(&decision, turn);
        }
        self.decision = Some(decision);
        self.tell(turn);
    }

    fn decide(&mut self, now: Instant) -> Decision {
        self.decide.replicas = self.wanted;
        let demand = self.demand.snapshot(now);
        let (decision, state) = decide::decide(&self.policy, &demand, &self.decide, now);
        self.decide = state;
        decision
    }

    /// What the replicas' states mean for the phase.
    fn note_replicas(&mut self, turn: &mut Turn<'_>) {
        let ready = self.ready() > 0;
        match &self.phase {
            Phase::Waking(wake) if ready => {
                let wake = wake.clone();
                self.woke(&wake, turn);
            }
            Phase::Failed { .. } if ready => self.phase = Phase::Awake,
            Phase::Waking(_) | Phase::Awake if !ready && self.failure.is_some() => {
                self.failed(turn);
            }
            Phase::Failed { .. } if self.failure.is_none() => {
                let cause = self.cause();
                self.waking(cause, turn);
            }
            _ => {}
        }
    }

    fn act(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        match &mut self.phase {
            Phase::Asleep if decision.replicas > 0 => {
                let cause = self.cause();
                self.wake(cause, turn);
            }
            Phase::Waking(_) if decision.replicas == 0 => self.quiesce(turn),
            Phase::Waking(wake) => {
                wake.held = wake.held.max(decision.demand.held);
                let may_raise = turn.now >= wake.raise_at;
                if may_raise && decision.replicas > self.wanted {
                    self.rescale(decision.replicas, Vec::new(), decision, turn);
                }
            }
            Phase::Awake if decision.replicas == 0 => self.quiesce(turn),
            Phase::Awake => {
                self.asked_since = None;
                self.follow(decision, turn);
            }
            Phase::Quiescing(_) => self.continue_sleep(decision, turn),
            Phase::Failed { .. } => self.consider_retry(decision, turn),
            Phase::Asleep | Phase::Stopping { .. } => {}
        }
    }

    /// Awake: up at once, down after draining.
    fn follow(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        if decision.replicas > self.wanted {
            self.rescale(decision.replicas, Vec::new(), decision, turn);
        }
        let target = decision.replicas.min(self.wanted);
        self.drain(self.victims(target), turn);
        if (target < self.wanted || !self.drain.is_empty()) && self.is_drained(turn.now) {
            let victims = self.drain.keys().cloned().collect();
            if self.rescale(target, victims, decision, turn) {
                self.drain.clear();
            }
        }
    }

    /// A count other than zero instead of another.
    fn rescale(
        &mut self,
        to: u32,
        victims: Vec<EndpointId>,
        decision: &Decision,
        turn: &mut Turn<'_>,
    ) -> bool {
        let from = self.wanted;
        let asked = self.scale(to, victims, turn);
        if asked && from != to {
            let why = decision.to_string();
            self.emit(EventKind::Scaled { from, to, why }, turn);
        }
        asked
    }

    /// The routes are gone: its replicas finish what they have and go.
    fn retire(&mut self, turn: &mut Turn<'_>) {
        self.stay_awake("it is removed", turn);
        if self.wanted == 0 {
            if self.scaling.is_none() {
                self.phase = Phase::Asleep;
            }
            return;
        }
        let all = self
            .live()
            .filter(|replica| !self.leaving.contains(&replica.id))
            .map(|replica| replica.id.clone())
            .collect();
        self.drain(all, turn);
        if self.is_drained(turn.now) {
            let victims = self.drain.keys().cloned().collect();
            if self.scale(0, victims, turn) {
                self.drain.clear();
            }
        }
    }

    pub(super) fn cause(&self) -> WakeCause {
        match self.demand.current() {
            0 => WakeCause::Minimum,
            held => WakeCause::Held { held },
        }
    }

    /// When to look at it again although nothing happens.
    pub(super) fn deadline(&self, now: Instant, config: &ScalerConfig) -> Instant {
        let phase = match &self.phase {
            Phase::Waking(wake) => Some(wake.raise_at),
            Phase::Quiescing(quiesce) => Some(quiesce.deadline),
            Phase::Failed { since, .. } => Some(*since + config.failure_pause),
            Phase::Awake => self
                .demand
                .last_active()
                .and_then(|at| at.checked_add(self.policy.idle_after)),
            Phase::Asleep | Phase::Stopping { .. } => None,
        };
        let drains = self
            .drain
            .values()
            .map(|victim| victim.deadline)
            .filter(|at| *at > now)
            .min();
        [phase, drains, self.scale_after, self.sleep_after]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .fold(now + config.tick.max(LEAST_TICK), Instant::min)
    }
}
