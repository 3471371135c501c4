//! Counts that others change too: the newest that the platform tells is the one that stands.

use rouse_api::link::{Failure, ToProxy};

use super::entry::{Entry, Phase};
use super::{EventKind, Turn, WakeCause};
use crate::platform::{Count, Observation, PlatformError};

const BY_ANOTHER: &str = "its count was set to 0 by another";

impl Entry {
    /// Takes what the platform sees, whole.
    pub(super) fn observe(&mut self, observation: Observation, turn: &mut Turn<'_>) {
        let first = !self.is_seen();
        self.observed = observation.replicas;
        self.failure = observation.failure;
        self.progress = observation.progress;
        let reason = |blocked: &Option<Failure>| blocked.as_ref().map(|one| one.reason.clone());
        let was = reason(&self.blocked);
        self.blocked = observation.blocked;
        // At first sight it is nothing that happened: the status tells it.
        if let Some(blocked) = self.blocked.clone()
            && !first
            && was != Some(blocked.reason.clone())
        {
            let (reason, message) = (blocked.reason, blocked.message);
            self.emit(EventKind::Blocked { reason, message }, turn);
        }
        self.governed = observation.governed;
        self.service = observation.service;
        self.fallback = observation.fallback.map(|fallback| *fallback);
        self.shadow.recorded(observation.would_have);
        let (revision, record) = (observation.revision, observation.verified);
        self.verify.observed(revision, record, turn.leads.is_some());
        self.seen = true;
        self.fresh(first && observation.fresh, observation.fresh, turn);
        let live: std::collections::BTreeSet<_> =
            self.live().map(|replica| replica.id.clone()).collect();
        self.leaving.retain(|id, _| live.contains(id));
        self.probing
            .observed(&live, self.endpoint_of_service.as_ref(), turn.now);
        let newer = |count: &Count| self.known.is_none_or(|known| count.version > known.version);
        if let Some(count) = observation.count.filter(newer) {
            if !first && self.wanted == 0 && count.replicas > 0 {
                self.demand.woken(turn.now);
            }
            self.known = Some(count);
            if self.scaling.is_none() {
                self.stand(turn);
            }
        }
        if self.wanted == 0 && self.is_shared() {
            self.doom(turn);
        }
        if first && turn.leads.is_some_and(|term| term > 0) {
            let level = self.level(*turn.epoch);
            level.iter().for_each(|level| turn.broadcast(level));
        }
    }

    /// With the count at zero, whoever set it, everything that is still there goes; also when the count is above zero again
    /// before that is seen, or requests would be sent to what is about to end.
    fn doom(&mut self, turn: &Turn<'_>) {
        let live: Vec<_> = self.live().map(|replica| replica.id.clone()).collect();
        for id in live {
            self.leaving.entry(id).or_insert(turn.now);
        }
    }

    /// The platform has taken the last scale on.
    pub(super) fn scale_done(&mut self, count: Count, turn: &mut Turn<'_>) {
        let Some(scaling) = self.scaling.take() else {
            return;
        };
        if scaling.void {
            self.scaled_another(turn);
            return;
        }
        if self
            .known
            .is_none_or(|known| count.version >= known.version)
        {
            self.known = Some(count);
        }
        self.stand(turn);
        if let Phase::Stopping { epoch, .. } = &self.phase {
            // It is zero no more, for another has woken it: what was told before is void all the same.
            let (workload, epoch) = (self.id().clone(), *epoch);
            self.tell_leading(&ToProxy::Asleep { workload, epoch }, turn);
            self.found_awake(turn);
        }
    }

    /// The platform did not take the last scale on.
    pub(super) fn scale_failed(&mut self, error: &PlatformError, turn: &mut Turn<'_>) {
        let Some(scaling) = self.scaling.take() else {
            return;
        };
        if scaling.void {
            self.scaled_another(turn);
            return;
        }
        self.wanted = scaling.from;
        self.leaving.clear();
        let wait = match error {
            PlatformError::Refused(_) => true,
            PlatformError::Changed(count) => {
                if self
                    .known
                    .is_none_or(|known| count.version >= known.version)
                {
                    self.known = Some(*count);
                }
                // Nothing has changed: asked again at once it would be refused again.
                self.known
                    .is_none_or(|known| known.replicas == scaling.from)
            }
        };
        if wait {
            self.scale_after = Some(turn.now + turn.config.scale_retry);
            let message = error.to_string();
            self.emit(EventKind::ScaleRefused { message }, turn);
        }
        if matches!(self.phase, Phase::Waking(_)) && scaling.from == 0 {
            self.phase = Phase::Asleep;
        }
        self.stand(turn);
        if let Phase::Stopping { epoch, .. } = self.phase {
            self.resume(epoch, turn);
        }
    }

    /// A scale of the target before has ended: of this one's count it tells nothing.
    fn scaled_another(&mut self, turn: &mut Turn<'_>) {
        self.leaving.clear();
        if let Phase::Stopping { epoch, .. } = self.phase {
            self.resume(epoch, turn);
        }
        self.stand(turn);
    }

    /// The newest count known is the one that stands, and the phase follows.
    fn stand(&mut self, turn: &mut Turn<'_>) {
        self.wanted = self.known.map_or(self.wanted, |known| known.replicas);
        match (&self.phase, self.wanted) {
            (Phase::Asleep, 0) => {}
            (Phase::Stopping { .. }, 0) => self.slept(turn),
            (_, 0) => self.put_to_sleep(turn),
            (Phase::Asleep, _) => self.found_awake(turn),
            _ => {}
        }
    }

    /// Somebody else has set the count to zero.
    fn put_to_sleep(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Quiescing(quiesce) = &self.phase {
            let (workload, epoch) = (self.id().clone(), quiesce.epoch);
            self.tell_leading(&ToProxy::Asleep { workload, epoch }, turn);
        }
        self.last.slept(BY_ANOTHER.to_owned(), turn.now);
        self.fall_asleep();
    }

    /// There are replicas that this scaler did not ask for.
    fn found_awake(&mut self, turn: &mut Turn<'_>) {
        if self.is_serving() {
            self.phase = Phase::Awake;
            return;
        }
        let cause = match self.demand.held_by_all() {
            0 => WakeCause::Elsewhere,
            held => WakeCause::Held { held },
        };
        let failure = self.failure.clone();
        self.waking(cause, turn);
        self.failure = failure;
    }

    /// For proxies to hear from the leader only.
    pub(super) fn tell_leading(&self, message: &ToProxy, turn: &mut Turn<'_>) {
        if turn.leads.is_some() {
            turn.broadcast(message);
        }
    }
}
