use std::time::Duration;

use rouse_api::link::WorkloadReport;
use tokio::time::Instant;

use super::window::{Average, Over, Window};

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
        window: Duration,
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
        let integrals = (
            amount(report.in_flight_seconds),
            amount(report.held_seconds),
        );
        self.window
            .add(start, integrals, report.requests, window, now);
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

    pub(super) fn average(&self, over: Over, now: Instant) -> Average {
        let assumed = (f64::from(self.in_flight), f64::from(self.held));
        self.window.average(over, assumed, now)
    }
}

/// A sum of request-seconds as it may come over a wire: what is no amount counts as none.
fn amount(value: f64) -> f64 {
    if value.is_finite() {
        value.max(0.0)
    } else {
        0.0
    }
}
