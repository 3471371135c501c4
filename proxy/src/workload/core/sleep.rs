//! Quiesce: nothing more is sent, so that the last replica can go.

use std::time::Duration;

use rouse_api::link::Epoch;
use tokio::time::Instant;

use super::{Core, Stages};

impl Core {
    /// Stops sending, if nothing is in flight or held and nothing was for `idle_for`. One step: no request slips in between.
    pub(in crate::workload) fn quiesce(
        &mut self,
        epoch: Epoch,
        idle_for: Duration,
        now: Instant,
    ) -> bool {
        self.advance(now);
        let quiet =
            self.in_flight == 0 && self.waiting.is_empty() && self.demand.idle_for(now) >= idle_for;
        if quiet {
            self.quiesced = Some(epoch);
        }
        quiet
    }

    /// The attempt to sleep is off.
    pub(in crate::workload) fn resume(&mut self, epoch: Epoch, now: Instant) {
        if self.quiesced.is_some_and(|current| current <= epoch) {
            self.quiesced = None;
            self.dispatch(now);
        }
    }

    /// The workload sleeps: its endpoints are no more, later ones are new.
    pub(in crate::workload) fn asleep(&mut self, epoch: Epoch) {
        if self.quiesced.is_some_and(|current| current <= epoch) {
            self.quiesced = None;
            for key in self.slots.iter().map(|(key, _)| key).collect::<Vec<_>>() {
                self.slots[key].endpoint.close();
                self.slots.remove(key);
            }
            self.stages = Stages::default();
            self.refresh();
        }
    }

    pub(in crate::workload) fn is_quiesced(&self) -> bool {
        self.quiesced.is_some()
    }
}
