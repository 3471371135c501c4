//! Demand as it is told: of a workload at rest nothing is, and nobody looks at it.

use std::time::Duration;

use rouse_api::link::WorkloadReport;
use tokio::time::Instant;

use super::Core;

/// What the regular look at a workload finds.
#[derive(Debug)]
pub(in crate::workload) struct Look {
    /// Its entry in the report, if it has one.
    pub(in crate::workload) entry: Option<WorkloadReport>,
    /// Look again at the next report. False: not before it registers again.
    pub(in crate::workload) again: bool,
}

impl Core {
    /// Something is to be reported. True: the reporter has yet to be told to look.
    pub(in crate::workload) fn begin_look(&mut self) -> bool {
        !std::mem::replace(&mut self.looked_at, true)
    }

    /// Whether something is told again and again until the scaler acts on it.
    pub(in crate::workload) fn repeats(&self) -> bool {
        let mut slots = self.slots.iter();
        let told_again = self.permits.waits() || self.owed.is_some();
        told_again || slots.any(|(_, slot)| slot.proven || slot.drained())
    }

    /// The regular look. `whole`: with an entry if there ever was a request. `linger`: how long after its last demand a
    /// workload's connections need looking after.
    pub(in crate::workload) fn look(
        &mut self,
        whole: bool,
        linger: Duration,
        now: Instant,
    ) -> Look {
        self.advance(now);
        let interval = self.demand.take();
        let (in_flight, held) = (self.in_flight - self.uncounted, self.wanted());
        let busy = self.in_flight > 0 || !self.waiting.is_empty();
        if self.is_of_interest() {
            self.demand.stir(now);
        }
        let demand = in_flight > 0
            || held > 0
            || self.is_of_interest()
            || interval.arrived > 0
            || interval.in_flight_seconds > 0.0
            || interval.held_seconds > 0.0;
        self.requested |= demand;
        let told = std::mem::replace(&mut self.told_demand, demand) || demand;
        let idle_for = self.demand.idle_for(now);
        // One that was removed is nobody's any more once its last request has ended.
        let lost = self.removed && !busy;
        let entry = (!lost && (told || (whole && self.requested))).then(|| WorkloadReport {
            workload: self.id.clone(),
            in_flight_seconds: interval.in_flight_seconds,
            held_seconds: interval.held_seconds,
            requests: interval.arrived,
            in_flight,
            held,
            idle_for,
        });
        let used = |at: Instant| now.saturating_duration_since(at) < linger;
        let connections =
            (self.requested && idle_for < linger) || busy || self.used.is_some_and(used);
        self.looked_at = !lost && (told || connections || self.repeats());
        Look {
            entry,
            again: self.looked_at,
        }
    }
}
