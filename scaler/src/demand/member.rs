use std::time::Duration;

use rouse_api::link::WorkloadReport;
use tokio::time::Instant;

use super::SILENT_AFTER;
use super::window::{Average, Window};

/// What one session said about one workload.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    last: Option<Last>,
    in_flight: u32,
    held: u32,
    last_active: Option<Instant>,
    window: Window,
}

#[derive(Debug, Clone)]
struct Last {
    sequence: u64,
    at: Instant,
}

impl Member {
    pub(super) fn report(
        &mut self,
        sequence: u64,
        length: Duration,
        report: &WorkloadReport,
        window: Duration,
        now: Instant,
    ) -> bool {
        if self
            .last
            .as_ref()
            .is_some_and(|last| sequence <= last.sequence)
        {
            return false;
        }
        self.last = Some(Last { sequence, at: now });
        self.in_flight = report.in_flight;
        self.held = report.held;
        let active = if self.in_flight > 0 || self.held > 0 {
            now
        } else {
            // A proxy that was idle for longer than this clock reaches back was at least not active just now.
            now.checked_sub(report.idle_for).unwrap_or(now)
        };
        self.last_active = Some(self.last_active.map_or(active, |known| known.max(active)));
        let integral = amount(report.in_flight_seconds) + amount(report.held_seconds);
        self.window
            .add(integral, report.requests, length, window, now);
        true
    }

    pub(super) fn holds(&mut self, held: u32, now: Instant) {
        self.held = held;
        self.last_active = Some(now);
    }

    pub(super) fn is_missing(&self, now: Instant) -> bool {
        self.silent_for(now)
            .is_none_or(|silent| silent > SILENT_AFTER)
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn holding(&self) -> u32 {
        self.held
    }

    pub(super) fn last_active(&self) -> Option<Instant> {
        self.last_active
    }

    pub(super) fn average(&self, span: Duration, now: Instant) -> Average {
        let silent = self
            .silent_for(now)
            .filter(|silent| *silent > SILENT_AFTER)
            .unwrap_or_default();
        let assumed = f64::from(self.in_flight) + f64::from(self.held);
        self.window.average(span, silent, assumed, now)
    }

    fn silent_for(&self, now: Instant) -> Option<Duration> {
        self.last
            .as_ref()
            .map(|last| now.saturating_duration_since(last.at))
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
