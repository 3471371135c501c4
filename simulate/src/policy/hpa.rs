//! A HorizontalPodAutoscaler on an external metric: requests in flight and held, as an average per replica.
//! Kubernetes' defaults for everything: <https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/>.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Policy, Totals, View};
use crate::Settings;

/// `--horizontal-pod-autoscaler-sync-period`. The metric is averaged over it.
const PERIOD: Duration = Duration::from_secs(15);
/// `--horizontal-pod-autoscaler-tolerance`.
const TOLERANCE: f64 = 0.1;
/// `--horizontal-pod-autoscaler-downscale-stabilization`.
const STABILIZATION: Duration = Duration::from_secs(300);
/// In one period to at most twice as many, or so many more, whichever is more: the default `behavior.scaleUp`.
const UP: u32 = 4;

/// The controller's state for one workload.
#[derive(Debug, Clone)]
pub struct Hpa {
    target: f64,
    min: u32,
    max: u32,
    /// `None`: the least, and nothing to do until a request comes.
    next: Option<Duration>,
    totals: Totals,
    recommended: VecDeque<(Duration, u32)>,
}

impl Hpa {
    /// At least one replica, for an HPA on such a metric can't come back from zero.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            target: settings.target(),
            min: settings.min.max(1),
            max: settings.max,
            next: Some(PERIOD),
            totals: Totals::default(),
            recommended: VecDeque::new(),
        }
    }

    /// One sync: `usage` requests at once in the mean, `current` replicas.
    pub fn sync(&mut self, usage: f64, current: u32, now: Duration) -> u32 {
        let ratio = usage / (self.target * f64::from(current.max(1)));
        let wanted = if (ratio - 1.0).abs() <= TOLERANCE {
            current
        } else {
            super::knative::ceil(usage / self.target)
        };
        let wanted = wanted.clamp(self.min, self.max);
        while self
            .recommended
            .front()
            .is_some_and(|(at, _)| now.saturating_sub(*at) >= STABILIZATION)
        {
            self.recommended.pop_front();
        }
        // Before the first recommendation of a full window the count that was found counts as one.
        if self.recommended.is_empty() && now < STABILIZATION {
            self.recommended.push_back((Duration::ZERO, current));
        }
        self.recommended.push_back((now, wanted));
        let most = self.recommended.iter().map(|(_, count)| *count).max();
        let stable = if wanted < current {
            most.unwrap_or(wanted).min(current)
        } else {
            wanted
        };
        stable
            .min((current * 2).max(current + UP))
            .clamp(self.min, self.max)
    }
}

impl Policy for Hpa {
    fn initial(&self) -> u32 {
        self.min
    }

    fn due(&self) -> Option<Duration> {
        self.next
    }

    fn look(&mut self, view: &View, now: Duration) -> u32 {
        let since = self.totals.take(view);
        let usage = (since.in_flight + since.held) / PERIOD.as_secs_f64();
        let count = self.sync(usage, view.replicas(), now);
        let least = self.recommended.iter().all(|(_, count)| *count == self.min);
        let settled = least && count == self.min && view.demand() == 0 && now >= STABILIZATION;
        self.next = (!settled).then_some(now + PERIOD);
        count
    }

    fn arrived(&mut self, _: &View, now: Duration) -> Option<u32> {
        let periods = now.as_secs() / PERIOD.as_secs() + 1;
        self.next = self
            .next
            .or(Some(Duration::from_secs(periods * PERIOD.as_secs())));
        None
    }
}
