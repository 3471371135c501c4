//! Quiesce: nothing more is sent, so that the last replica can go.

use std::time::Duration;

use rouse_api::link::Epoch;
use tokio::time::Instant;

use super::{Core, Stages};

/// The answer to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workload) enum Quiet {
    /// Nothing is sent any more, and nothing is in flight.
    Now,
    /// Nothing is sent any more; what is in flight uncounted has to end first.
    Soon,
    /// There is demand, or was too recently.
    No,
}

impl Core {
    /// Stops sending, if no demand is in flight or held and none was for `idle_for`. One step: no request slips in between. What is no
    /// demand doesn't stand in the way, but it is waited for: the last replica must not go under it.
    pub(in crate::workload) fn quiesce(
        &mut self,
        epoch: Epoch,
        idle_for: Duration,
        now: Instant,
    ) -> Quiet {
        self.advance(now);
        let quiet = self.in_flight == self.uncounted
            && self.wanted() == 0
            && !self.is_of_interest()
            && self.demand.idle_for(now) >= idle_for;
        if !quiet {
            return Quiet::No;
        }
        self.quiesced = Some(epoch);
        self.part_with_guests(now);
        self.give_back();
        if self.in_flight == 0 {
            return Quiet::Now;
        }
        self.owed = Some(epoch);
        Quiet::Soon
    }

    /// The attempt that can be answered by now, and could not at once.
    pub(in crate::workload) fn quiet_at_last(&self) -> Option<Epoch> {
        self.owed.filter(|_| self.in_flight == 0)
    }

    /// The attempt to sleep is off.
    pub(in crate::workload) fn resume(&mut self, epoch: Epoch, now: Instant) {
        if self.quiesced.is_some_and(|current| current <= epoch) {
            (self.quiesced, self.owed) = (None, None);
            self.dispatch(now);
        }
    }

    /// The workload sleeps: its endpoints are no more, later ones are new.
    pub(in crate::workload) fn asleep(&mut self, epoch: Epoch) {
        if self.quiesced.is_some_and(|current| current <= epoch) {
            (self.quiesced, self.owed) = (None, None);
            for key in self.slots.iter().map(|(key, _)| key).collect::<Vec<_>>() {
                self.slots[key].endpoint.close();
                self.close_account(key);
                self.slots.remove(key);
            }
            self.stages = Stages::default();
            if self.wanted_since().is_none() {
                self.wanted_by = None;
            }
            self.refresh();
        }
    }

    pub(in crate::workload) fn is_quiesced(&self) -> bool {
        self.quiesced.is_some()
    }
}
