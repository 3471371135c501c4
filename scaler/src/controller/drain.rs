//! Replicas that are to go finish what they have first.
//!
//! Which of them are idle only the proxies know, and they say so of what drains. So a replica that is still busy after a moment takes requests again, and
//! another is tried in its place: the idle ones go, and long requests and WebSockets on the others live on. Only when all of
//! them are busy the youngest are given the drain timeout.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use rouse_api::link::EndpointId;
use tokio::time::Instant;

use super::Turn;
use super::entry::Entry;
use crate::demand::MemberNo;
use crate::platform::Replica;

/// A replica that has not drained in this is busy, if another may be idle: longer than most requests take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A replica that is to go.
#[derive(Debug)]
pub(super) struct Victim {
    /// It drains since then.
    since: Instant,
    /// Members that may still have something in flight there.
    pub(super) waiting: BTreeSet<MemberNo>,
    /// It goes then, whatever is in flight.
    pub(super) deadline: Instant,
}

impl Entry {
    /// Which replicas are to go for `target` to stay: those not ready first, then those that are found idle, then the youngest that are not
    /// found busy. An outdated one goes once
    /// enough of the new ones are ready, or when it is not ready itself.
    pub(super) fn victims(&self, target: u32) -> Vec<EndpointId> {
        let target = usize::try_from(target).unwrap_or(usize::MAX);
        let staying = self
            .live()
            .filter(|replica| !self.leaving.contains_key(&replica.id));
        let (outdated, mut current): (Vec<&Replica>, Vec<&Replica>) =
            staying.partition(|replica| replica.outdated);
        let ready = |replica: &&Replica| self.is_ready(replica);
        let replaced = current.iter().filter(|replica| ready(replica)).count() >= target;
        current.sort_by_key(|replica| (self.rank(replica), Reverse(replica.started)));
        let excess = current.len().saturating_sub(target);
        // Where others may change the count there may be more than are wanted, and what is outdated is theirs to replace.
        let most = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        let excess = match self.is_shared() {
            true => excess.min(most.saturating_sub(target)),
            false => excess,
        };
        let outdated = outdated
            .into_iter()
            .filter(|replica| !self.is_shared() && (replaced || !ready(replica)));
        current
            .into_iter()
            .take(excess)
            .chain(outdated)
            .map(|replica| replica.id.clone())
            .collect()
    }

    /// Those with the least go first.
    fn rank(&self, replica: &Replica) -> u8 {
        match self.drain.get(&replica.id) {
            _ if !self.is_ready(replica) => 0,
            Some(victim) if victim.waiting.is_empty() => 1,
            _ if self.busy.contains(&replica.id) => 4,
            Some(_) => 2,
            None => 3,
        }
    }

    /// Of those that drain, the ones that don't come to it are found busy.
    pub(super) fn note_busy(&mut self, now: Instant) {
        if self.drain.is_empty() {
            self.busy.clear();
        }
        let slow = |(_, victim): &(&EndpointId, &Victim)| {
            let age = now.saturating_duration_since(victim.since);
            !victim.waiting.is_empty() && age >= PATIENCE
        };
        let slow = self.drain.iter().filter(slow);
        self.busy.extend(slow.map(|(id, _)| id.clone()));
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
            .any(|replica| replica.id == *id && self.ready_since(replica).is_some());
        Victim {
            since: turn.now,
            waiting: if used && self.is_reached() {
                turn.members.all().collect()
            } else {
                BTreeSet::new()
            },
            deadline: turn.now + turn.config.drain_timeout,
        }
    }

    /// A proxy has nothing in flight there any more.
    pub(super) fn drained(&mut self, member: MemberNo, endpoint: &EndpointId) {
        if let Some(victim) = self.drain.get_mut(endpoint) {
            victim.waiting.remove(&member);
        }
    }

    pub(super) fn is_drained(&self, now: Instant) -> bool {
        self.drain
            .values()
            .all(|victim| victim.waiting.is_empty() || now >= victim.deadline)
    }
}
