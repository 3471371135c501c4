//! The arithmetic: windows, stable and panic mode.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Settings;

/// What it decides by. Knative's names.
#[derive(Debug, Clone, PartialEq)]
pub struct KpaConfig {
    /// Concurrency that a replica can take.
    pub total: f64,
    /// Concurrency per replica to scale for: `total` times the utilisation.
    pub target: f64,
    /// `stable-window`, whole seconds.
    pub stable_window: Duration,
    /// `panic-window-percentage` of it, whole seconds.
    pub panic_window: Duration,
    /// `panic-threshold-percentage` as a ratio.
    pub panic_threshold: f64,
    /// `max-scale-up-rate`.
    pub max_up: f64,
    /// `max-scale-down-rate`.
    pub max_down: f64,
    /// `target-burst-capacity`.
    pub burst_capacity: f64,
    /// `activation-scale`.
    pub activation: u32,
}

impl KpaConfig {
    /// Knative's defaults for such replicas.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            total: f64::from(settings.capacity),
            target: settings.target().max(0.01),
            stable_window: settings.stable_window,
            panic_window: Duration::from_secs((settings.stable_window.as_secs() / 10).max(1)),
            panic_threshold: 2.0,
            max_up: 1000.0,
            max_down: 2.0,
            burst_capacity: 211.0,
            activation: settings.on_wake,
        }
    }
}

/// One decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Replicas.
    pub desired: u32,
    /// Below zero: the activator stays in the path.
    pub excess_burst: f64,
}

/// One revision's windows and mode.
#[derive(Debug, Clone)]
pub struct Kpa {
    config: KpaConfig,
    /// Sums by second.
    buckets: VecDeque<(u64, f64)>,
    /// The second of the first value after a window without any.
    first: u64,
    panic_since: Option<Duration>,
    panic_most: u32,
}

impl Kpa {
    /// A new autoscaler that finds so many ready replicas; with more than one it begins in panic mode.
    #[must_use]
    pub fn new(config: KpaConfig, ready: u32) -> Self {
        Self {
            config,
            buckets: VecDeque::new(),
            first: 0,
            panic_since: (ready > 1).then_some(Duration::ZERO),
            panic_most: ready,
        }
    }

    /// Takes an average concurrency; those of one second are added up.
    pub fn record(&mut self, value: f64, now: Duration) {
        let second = now.as_secs();
        self.drop_old(second);
        match self.buckets.back_mut() {
            Some((last, sum)) if *last == second => *sum += value,
            last => {
                if last.is_none() {
                    self.first = second;
                }
                self.buckets.push_back((second, value));
            }
        }
    }

    fn drop_old(&mut self, second: u64) {
        let window = self.config.stable_window.as_secs();
        let old = |(at, _): &(u64, f64)| second.saturating_sub(*at) >= window;
        while self.buckets.front().is_some_and(old) {
            self.buckets.pop_front();
        }
    }

    /// Over the time that there are values for, at most the window; seconds without a value are zero.
    fn average(&self, window: Duration, second: u64) -> f64 {
        let window = window.as_secs();
        let recent = |(at, _): &&(u64, f64)| second.saturating_sub(*at) < window;
        let within = self.buckets.iter().rev().take_while(recent);
        let sum: f64 = within.map(|(_, sum)| sum).sum();
        let covered = (second.saturating_sub(self.first) + 1).min(window);
        #[expect(clippy::cast_precision_loss, reason = "at most an hour")]
        let covered = covered as f64;
        // As there: six digits.
        (sum / covered * 1e6).round() / 1e6
    }

    /// Stable and panic average; `None` without any value for a stable window.
    pub fn averages(&mut self, now: Duration) -> Option<(f64, f64)> {
        let second = now.as_secs();
        self.drop_old(second);
        if self.buckets.is_empty() {
            return None;
        }
        let stable = self.average(self.config.stable_window, second);
        Some((stable, self.average(self.config.panic_window, second)))
    }

    /// `None`: there is nothing to decide by.
    pub fn decide(&mut self, ready: u32, now: Duration) -> Option<Scale> {
        let (stable, panic) = self.averages(now)?;
        let config = &self.config;
        let found = f64::from(ready);
        let ready = found.max(1.0);
        let up = (config.max_up * ready).ceil();
        let down = (ready / config.max_down).floor();
        let wanted_stable = (stable / config.target).ceil();
        let wanted_panic = (panic / config.target).ceil();
        let bounded = |wanted: f64| {
            let count = super::ceil(wanted.max(down).min(up));
            if wanted > 0.0 && config.activation > 1 {
                count.max(config.activation)
            } else {
                count
            }
        };
        let (in_stable, in_panic) = (bounded(wanted_stable), bounded(wanted_panic));
        let over = wanted_panic / ready >= config.panic_threshold;
        let excess_burst = (found * config.total - config.burst_capacity - panic).floor();
        self.change_mode(over, now);
        let mut desired = in_stable;
        if self.panic_since.is_some() {
            self.panic_most = self.panic_most.max(in_stable).max(in_panic);
            desired = self.panic_most;
        }
        Some(Scale {
            desired,
            excess_burst,
        })
    }

    fn change_mode(&mut self, over: bool, now: Duration) {
        match self.panic_since {
            _ if over => self.panic_since = Some(now),
            Some(since) if since + self.config.stable_window < now => {
                self.panic_since = None;
                self.panic_most = 0;
            }
            _ => {}
        }
    }
}
