//! One look at everything known about a workload.

use rouse_api::link::EndpointId;
use tokio::time::Instant;

use super::entry::{Entry, Phase};
use super::{EventKind, Turn, WakeCause};
use crate::decide::{self, Ask, Decision};

impl Entry {
    /// Does what follows from what is known, and tells the proxies.
    pub(super) fn evaluate(&mut self, turn: &mut Turn<'_>) {
        self.keep_victims(turn);
        self.name_service();
        self.note_replicas(turn);
        self.has_begun(turn);
        self.look_at_revision(turn);
        let mut decision = self.decide(turn);
        self.go_back_to_sleep(&mut decision);
        self.begin_with(&mut decision);
        if self.removed {
            self.retire(turn);
        } else if self.observes() {
            self.stay_awake("it is only observed", turn);
            self.drain.clear();
            self.rehearse(&decision, turn);
        } else if let Some(blocked) = self.blocked.clone() {
            self.stay_awake(&blocked.message, turn);
            self.drain.clear();
        } else if self.is_seen() {
            match turn.leads {
                Some(_) => self.act(&decision, turn),
                None => self.assist(&decision, turn),
            }
        }
        self.history.note(&decision, turn.now);
        self.decision = Some(decision);
        if self.is_seen() {
            self.saved.note(self.wanted, turn.now);
        }
        self.name_service();
        self.choose_probers(turn.members, turn.now);
        self.tell(turn);
        self.settle_permits(turn);
    }

    fn decide(&mut self, turn: &Turn<'_>) -> Decision {
        self.decide.replicas = self.shadow.count().unwrap_or(self.wanted);
        self.decide.capacity = self.capacity();
        let demand = self.demand.snapshot(&turn.members.roster, turn.now);
        let start = self.decide.capacity.start_time;
        let mut readings = self.triggers.readings(start, turn);
        readings.extend(self.verification());
        let (decision, state) =
            decide::decide(&self.policy, &demand, &readings, &self.decide, turn.now);
        self.decide = state;
        decision
    }

    /// What the replicas' states mean for the phase.
    fn note_replicas(&mut self, turn: &mut Turn<'_>) {
        let ready = self.is_serving();
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
                let cause = self.cause(None);
                self.waking(cause, turn);
            }
            _ => {}
        }
    }

    /// What the leader does.
    fn act(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        match &self.phase {
            Phase::Asleep if decision.replicas > 0 => self.wake(decision, turn),
            Phase::Waking(_) | Phase::Awake if decision.replicas == 0 => {
                self.quiesce(turn);
                self.continue_sleep(decision, turn);
            }
            Phase::Waking(_) => self.raise(decision, turn),
            Phase::Awake => {
                (self.asked_since, self.asked_by) = (None, None);
                self.follow(decision, turn);
            }
            Phase::Quiescing(_) => self.continue_sleep(decision, turn),
            Phase::Failed { .. } => self.consider_retry(decision, turn),
            Phase::Asleep | Phase::Stopping { .. } => {}
        }
    }

    /// What every scaler does: it wakes what is waited for, and never lowers a count.
    fn assist(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        let shared = self.is_shared();
        match &mut self.phase {
            Phase::Asleep if decision.demand.held > 0 || self.triggers.are_needed_now() => {
                self.wake(decision, turn);
            }
            Phase::Waking(_) if decision.demand.held > 0 => self.raise(decision, turn),
            Phase::Awake => (self.asked_since, self.asked_by) = (None, None),
            Phase::Failed { since, over } if !shared => {
                let age = turn.now.saturating_duration_since(*since);
                *over = age >= turn.config.failure_pause;
            }
            _ => {}
        }
    }

    /// Waking: up to what is held by now.
    fn raise(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        let Phase::Waking(wake) = &mut self.phase else {
            return;
        };
        wake.held = wake.held.max(decision.demand.held);
        let may_raise = turn.now >= wake.raise_at && self.governed.is_none();
        if may_raise && decision.replicas > self.wanted {
            self.rescale(decision.replicas, Vec::new(), decision, turn);
        }
    }

    /// Awake: up at once, down after draining.
    fn follow(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        if self.governed.is_some() {
            self.drain.clear();
            return;
        }
        if decision.replicas > self.wanted {
            self.rescale(decision.replicas, Vec::new(), decision, turn);
        }
        // During a rollout the platform replaces replicas by itself.
        let rollout = self.verify.is_rolling();
        let target = if rollout {
            self.wanted
        } else {
            decision.replicas.min(self.wanted)
        };
        self.note_busy(turn.now);
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

    /// The routes are gone: its replicas finish what they have and go, unless others own them.
    fn retire(&mut self, turn: &mut Turn<'_>) {
        self.stay_awake("it is removed", turn);
        if self.is_shared() {
            let live = self.live().map(|replica| replica.id.clone()).collect();
            self.drain(live, turn);
            return;
        }
        if self.wanted == 0 {
            if self.scaling.is_none() {
                self.phase = Phase::Asleep;
            }
            return;
        }
        let all = self
            .live()
            .filter(|replica| !self.leaving.contains_key(&replica.id))
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

    pub(super) fn cause(&self, decision: Option<&Decision>) -> WakeCause {
        let ask = decision.map(|decision| &decision.ask);
        match (self.demand.current(), ask) {
            (0, Some(Ask::Schedule { .. })) => WakeCause::Schedule,
            (0, Some(Ask::Trigger { .. } | Ask::Fallback { .. })) => WakeCause::Trigger,
            (0, Some(Ask::Needed { .. })) => WakeCause::Needed,
            (0, Some(Ask::Unverified { .. })) => WakeCause::Verify,
            (0, _) => WakeCause::Minimum,
            (held, _) => WakeCause::Held { held },
        }
    }

    /// Whether proxies have a say: what no request reaches they know nothing of.
    pub(super) fn is_reached(&self) -> bool {
        self.policy.requests || self.demand.current() > 0
    }

    /// Victims that the platform did not take, for it chose others, stay; known once it has had as few as it shall have for a while:
    /// what has just been raised again may still be the old ones, whose end is not seen yet.
    fn keep_victims(&mut self, turn: &Turn<'_>) {
        let wanted = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        let settled = self.scaling.is_none() && self.wanted > 0 && self.live().count() <= wanted;
        if settled {
            let settle = turn.config.settle_after;
            self.leaving
                .retain(|_, since| turn.now.saturating_duration_since(*since) < settle);
        } else {
            self.leaving
                .values_mut()
                .for_each(|since| *since = turn.now);
        }
    }

    pub(super) fn idle_at(&self, turn: &Turn<'_>) -> Option<Instant> {
        if self.is_tried() {
            return Some(turn.now);
        }
        let triggered = self.decide.triggered();
        let active = match self.is_reached() {
            true => triggered.max(Some(self.demand.last_active(&turn.members.roster)?)),
            false => triggered,
        };
        active?.checked_add(self.policy.idle_after)
    }
}
