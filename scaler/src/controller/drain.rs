//! Replicas that are to go finish what they have first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rouse_api::link::EndpointId;
use tokio::time::Instant;

use super::entry::Entry;
use super::{SessionId, Turn};
use crate::platform::{Replica, ReplicaState};

/// A replica that is to go.
#[derive(Debug)]
pub(super) struct Victim {
    /// Sessions that may still have something in flight there.
    waiting: BTreeSet<SessionId>,
    /// It goes then, whatever is in flight.
    pub(super) deadline: Instant,
}

impl Entry {
    /// Which replicas are to go for `target` to stay: those not ready first, then the youngest. An outdated one goes once
    /// enough of the new ones are ready, or when it is not ready itself.
    pub(super) fn victims(&self, target: u32) -> Vec<EndpointId> {
        let target = usize::try_from(target).unwrap_or(usize::MAX);
        let staying = self
            .live()
            .filter(|replica| !self.leaving.contains(&replica.id));
        let (outdated, mut current): (Vec<&Replica>, Vec<&Replica>) =
            staying.partition(|replica| replica.outdated);
        let ready = |replica: &&Replica| replica.state == ReplicaState::Ready;
        let replaced = current.iter().filter(|replica| ready(replica)).count() >= target;
        current.sort_by_key(|replica| (ready(replica), Reverse(replica.started)));
        let excess = current.len().saturating_sub(target);
        let outdated = outdated
            .into_iter()
            .filter(|replica| replaced || !ready(replica));
        current
            .into_iter()
            .take(excess)
            .chain(outdated)
            .map(|replica| replica.id.clone())
            .collect()
    }

    /// Exactly these drain from now on; one that drains already keeps its answers and its deadline.
    pub(super) fn drain(&mut self, victims: Vec<EndpointId>, turn: &Turn<'_>) {
        let mut old = std::mem::take(&mut self.drain);
        for id in victims {
            let victim = old.remove(&id).unwrap_or_else(|| self.victim(&id, turn));
            self.drain.insert(id, victim);
        }
    }

    fn victim(&self, id: &EndpointId, turn: &Turn<'_>) -> Victim {
        // Nothing was ever sent to a replica that never was ready.
        let used = self
            .observed
            .iter()
            .any(|replica| replica.id == *id && replica.ready_since.is_some());
        Victim {
            waiting: if used {
                turn.sessions.clone()
            } else {
                BTreeSet::new()
            },
            deadline: turn.now + turn.config.drain_timeout,
        }
    }

    /// A proxy has nothing in flight there any more.
    pub(super) fn drained(&mut self, session: SessionId, endpoint: &EndpointId) {
        if let Some(victim) = self.drain.get_mut(endpoint) {
            victim.waiting.remove(&session);
        }
    }

    pub(super) fn is_drained(&self, now: Instant) -> bool {
        self.drain
            .values()
            .all(|victim| victim.waiting.is_empty() || now >= victim.deadline)
    }

    /// The session is proven dead: nothing more is expected of it.
    pub(super) fn no_longer_waits_for(&mut self, session: SessionId) {
        for victim in self.drain.values_mut() {
            victim.waiting.remove(&session);
        }
        if let super::entry::Phase::Quiescing(quiesce) = &mut self.phase {
            quiesce.waiting.remove(&session);
        }
    }
}
