//! Knative Serving's pod autoscaler with its defaults, `containerConcurrency` set to what a replica can take.
//! <https://knative.dev/docs/serving/autoscaling/> has the settings; the arithmetic is that of its `pkg/autoscaler` and of the
//! reconciler that lets the last replica go.
//!
//! In its favour the rest of its path costs nothing here: no probes of 200 ms by the activator, no queue per replica when the activator is
//! not in the path, no limit on the rate of API calls.

mod kpa;
mod zero;

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{Policy, Totals, View};
use crate::Settings;
pub use kpa::{Kpa, KpaConfig, Scale};
use zero::{Proxied, ToZero};

/// Stats are averages over this, and buckets too.
const REPORT: Duration = Duration::from_secs(1);
/// Decisions are this far apart.
const TICK: u64 = 2;

/// One revision.
#[derive(Debug, Clone)]
pub struct Knative {
    kpa: Kpa,
    zero: ToZero,
    totals: Totals,
    /// The next report, while there is something to report.
    next: Option<Duration>,
    /// The activator has told of the first request at once, as of a concurrency of 1; its next report leaves that out.
    told: f64,
    desired: u32,
    min: u32,
    max: u32,
}

impl Knative {
    /// Its defaults, and what is the same for every policy.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            kpa: Kpa::new(KpaConfig::of(settings), settings.min),
            zero: ToZero::new(settings.stable_window, settings.min > 0),
            totals: Totals::default(),
            next: (settings.min > 0).then_some(REPORT),
            told: 0.0,
            desired: settings.min,
            min: settings.min,
            max: settings.max,
        }
    }

    fn decide(&mut self, view: &View, now: Duration) -> u32 {
        let Some(scale) = self.kpa.decide(view.ready, now) else {
            return view.replicas();
        };
        let proxied = if scale.desired == 0 || scale.excess_burst < 0.0 {
            Proxied::Yes
        } else {
            Proxied::No
        };
        let desired = scale.desired.clamp(self.min, self.max);
        self.desired = desired;
        self.zero.observe(view.ready, desired, proxied, now);
        self.zero.apply(desired, view.replicas(), now)
    }
}

impl Policy for Knative {
    fn initial(&self) -> u32 {
        self.min
    }

    fn due(&self) -> Option<Duration> {
        self.next
    }

    fn look(&mut self, view: &View, now: Duration) -> u32 {
        let since = self.totals.take(view);
        let concurrency = (since.in_flight + since.held) / REPORT.as_secs_f64();
        self.kpa.record((concurrency - self.told).max(0.0), now);
        self.told = 0.0;
        let count = if now.as_secs().is_multiple_of(TICK) {
            self.decide(view, now)
        } else {
            view.replicas()
        };
        let asleep = count == 0 && view.demand() == 0;
        self.next = (!asleep).then_some(now + REPORT);
        count
    }

    fn arrived(&mut self, view: &View, now: Duration) -> Option<u32> {
        if self.next.is_none() {
            self.next = Some(Duration::from_secs(now.as_secs() + 1));
        }
        // At once, when the scale that was last decided is zero.
        if self.desired > 0 {
            return None;
        }
        self.kpa.record(1.0, now);
        self.told = 1.0;
        Some(self.decide(view, now))
    }
}

/// Rounded up; what is no count is none.
pub(crate) fn ceil(value: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    let count = value.ceil() as u32;
    count
}
