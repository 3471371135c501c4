use rouse_api::link::WorkloadReport;
use tokio::time::Instant;

use super::window::{Average, Cutoff, Over, Spans, Sums, Window};

/// What one member said about one workload.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    in_flight: u32,
    held: u32,
    last_active: Option<Instant>,
    window: Window,
}

impl Member {
    /// Takes a report's part into the bucket that began at `start`.
    pub(super) fn report(
        &mut self,
        start: Instant,
        report: &WorkloadReport,
        spans: Spans,
        now: Instant,
    ) {
        self.in_flight = report.in_flight;
        self.held = report.held;
        let active = if self.in_flight > 0 || self.held > 0 {
            now
        } else {
            // A proxy that was idle for longer than this clock reaches back was at least not active just now.
            now.checked_sub(report.idle_for).unwrap_or(now)
        };
        self.last_active = Some(self.last_active.map_or(active, |known| known.max(active)));
        let sums = Sums::new(
            report.in_flight_seconds,
            report.held_seconds,
            report.requests,
        );
        self.window.add(start, sums, spans, now);
    }

    pub(super) fn look_over(&mut self) {
        self.window.look_over();
    }

    pub(super) fn holds(&mut self, held: u32, now: Instant) {
        self.held = held;
        self.last_active = Some(now);
    }

    /// Nothing is in flight or held any more, since some moment before now.
    pub(super) fn reset(&mut self, now: Instant) {
        self.in_flight = 0;
        self.held = 0;
        self.last_active = Some(now);
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn holding(&self) -> u32 {
        self.held
    }

    pub(super) fn current(&self) -> u32 {
        self.in_flight.saturating_add(self.held)
    }

    pub(super) fn last_active(&self) -> Option<Instant> {
        self.last_active
    }

    /// Over the whole window.
    pub(super) fn average(&self, over: Over, cutoff: Cutoff) -> Average {
        self.window.average(over, cutoff, self.assumed())
    }

    /// Over the recent window.
    pub(super) fn recent(&self, over: Over, cutoff: Cutoff) -> Average {
        self.window.recent(over, cutoff, self.assumed())
    }

    fn assumed(&self) -> (f64, f64) {
        (f64::from(self.in_flight), f64::from(self.held))
    }

    /// Requests in the last report, and in the last two.
    pub(super) fn latest(&self, last: Instant) -> (f64, f64) {
        self.window.latest(last)
    }
}
