//! Who goes where: an endpoint with room for each request, the oldest first.

use rouse_api::link::EndpointId;
use tokio::time::Instant;

use super::{Core, Grant, Verdict};
use crate::endpoint::Dial;

impl Core {
    pub(super) fn room(&self, key: usize) -> bool {
        let slot = &self.slots[key];
        let most = slot
            .ramp
            .allowance()
            .min(self.limit.unwrap_or(u32::MAX))
            .min(self.connections);
        let owned = self.limit.map_or(u32::MAX, |_| slot.account.owned);
        slot.in_flight < most.min(owned)
            && (self.dial() != Dial::Kept || slot.endpoint.pool.has_kept())
    }

    /// How endpoints are reached at this moment.
    fn dial(&self) -> Dial {
        match (self.unlinked, self.limit, self.service) {
            (false, ..) | (true, None, None) => Dial::Own,
            // The Service does not say which pod it chooses: the limit would be anybody's.
            (true, Some(_), _) => Dial::Kept,
            (true, None, Some(service)) => Dial::Service(service),
        }
    }

    /// The less loaded of two random endpoints; when both are full, the least loaded that is not.
    pub(super) fn pick(&self, avoid: Option<&EndpointId>) -> Option<usize> {
        if self.quiesced.is_some() {
            return None;
        }
        let count = self.eligible.len();
        let usable = |key: usize| self.room(key) && avoid != Some(&self.slots[key].id);
        if count == 0 {
            return None;
        }
        if count == 1 {
            return self.eligible.first().copied().filter(|key| self.room(*key));
        }
        let first = fastrand::usize(..count);
        let second = (first + fastrand::usize(1..count)) % count;
        let load = |key: &usize| self.slots[*key].in_flight;
        [self.eligible[first], self.eligible[second]]
            .into_iter()
            .filter(|key| usable(*key))
            .min_by_key(load)
            .or_else(|| {
                self.eligible
                    .iter()
                    .copied()
                    .filter(|key| usable(*key))
                    .min_by_key(load)
            })
            .or_else(|| self.eligible.iter().copied().find(|key| self.room(*key)))
    }

    pub(super) fn grant(&mut self, slot: usize, counts: bool) -> Grant {
        self.in_flight += 1;
        self.uncounted += u32::from(!counts);
        let dial = self.dial();
        let held = &mut self.slots[slot];
        held.in_flight += 1;
        Grant {
            slot,
            counts,
            endpoint: held.endpoint.clone(),
            dial,
            stages: self.stages,
        }
    }

    /// Sends the oldest on while there is room.
    pub(super) fn dispatch(&mut self, now: Instant) {
        if self.waiting.is_empty() {
            return;
        }
        self.advance(now);
        while !self.waiting.is_empty()
            && let Some(slot) = self.pick(None)
            && let Some((_, waiter)) = self.waiting.pop_first()
        {
            let counts = waiter.manner.counts;
            self.uncounted_waiting -= u32::from(!counts);
            let grant = self.grant(slot, counts);
            if waiter.tell.send(Verdict::Go(grant)).is_err() {
                // The client left in this moment.
                self.in_flight -= 1;
                self.uncounted -= u32::from(!counts);
                self.slots[slot].in_flight -= 1;
            }
        }
    }
}
