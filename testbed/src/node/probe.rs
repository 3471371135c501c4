//! When a container is probed and what the results mean, as kubelet's prober does it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

use super::attempt::Attempt;
use super::state::{ContainerSeen, Now, PodState};
use super::status::started;

/// Which of a container's probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Startup,
    Readiness,
    Liveness,
}

/// Results in a row against thresholds, for one container's runs: pure.
#[derive(Debug)]
pub(crate) struct Track {
    which: Which,
    initial_delay: Duration,
    failures: u32,
    successes: u32,
    run: Option<String>,
    last: Option<bool>,
    in_a_row: u32,
    hold: bool,
}

/// Seconds or counts of the API, with its default; nonsense counts as the smallest.
fn number(value: Option<i32>, default: u32, least: u32) -> u32 {
    value
        .map_or(default, |value| u32::try_from(value).unwrap_or(0))
        .max(least)
}

impl Track {
    pub(crate) fn new(which: Which, probe: &Probe) -> Self {
        Self {
            which,
            initial_delay: Duration::from_secs(number(probe.initial_delay_seconds, 0, 0).into()),
            failures: number(probe.failure_threshold, 3, 1),
            successes: number(probe.success_threshold, 1, 1),
            run: None,
            last: None,
            in_a_row: 0,
            hold: false,
        }
    }

    /// Whether to probe now.
    pub(crate) fn due(&mut self, spec: &Container, seen: &ContainerSeen, now: Instant) -> bool {
        let Now::Running { since, .. } = seen.now else {
            return false;
        };
        if !seen.reported {
            return false;
        }
        if self.run != seen.id {
            self.run.clone_from(&seen.id);
            self.hold = false;
        }
        let started = started(spec, seen);
        !self.hold
            && now.saturating_duration_since(since) >= self.initial_delay
            && started != (self.which == Which::Startup)
    }

    /// What a result changes: the verdict, once there are enough in a row.
    pub(crate) fn result(&mut self, passed: bool) -> Option<bool> {
        if self.last == Some(passed) {
            self.in_a_row += 1;
        } else {
            self.last = Some(passed);
            self.in_a_row = 1;
        }
        let enough = if passed {
            self.successes
        } else {
            self.failures
        };
        if self.in_a_row < enough {
            return None;
        }
        if self.which == Which::Startup || (self.which == Which::Liveness && !passed) {
            self.hold = true;
            self.in_a_row = 0;
        }
        Some(passed)
    }
}

/// One probe of one container, for the pod's whole life.
pub(crate) struct Worker {
    pub(crate) which: Which,
    pub(crate) state: Arc<PodState>,
    pub(crate) container: Container,
    pub(crate) probe: Probe,
    pub(crate) attempt: Attempt,
    /// Told when the status is built while the container is not ready: probes at once.
    pub(crate) at_once: Arc<Notify>,
    /// Tells that the container must be stopped.
    pub(crate) unhealthy: Arc<Notify>,
}

impl Worker {
    /// Probes until the pod is told to end (readiness: until dropped).
    pub(crate) async fn run(self) {
        let period = Duration::from_secs(number(self.probe.period_seconds, 10, 1).into());
        let mut track = Track::new(self.which, &self.probe);
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            if self.which != Which::Readiness && self.state.ending.borrow().is_some() {
                return;
            }
            self.once(&mut track).await;
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.at_once.notified(), if self.which == Which::Readiness => ticks.reset(),
            }
        }
    }

    async fn once(&self, track: &mut Track) {
        let name = &self.container.name;
        let seen = self.state.container(name);
        if !track.due(&self.container, &seen, Instant::now()) {
            return;
        }
        let timeout = Duration::from_secs(number(self.probe.timeout_seconds, 1, 1).into());
        let passed = match self.attempt.make(seen.pid, timeout).await {
            Ok(()) => true,
            Err(error) => {
                let pod = &self.state.name;
                tracing::debug!(pod, container = name, which = ?self.which, error, "probe failed");
                false
            }
        };
        // The process that was asked may be gone.
        if self.state.container(name).id != seen.id {
            return;
        }
        if let Some(verdict) = track.result(passed) {
            self.apply(&seen, verdict);
        }
    }

    fn apply(&self, seen: &ContainerSeen, passed: bool) {
        let name = &self.container.name;
        match self.which {
            Which::Startup if passed => self.state.update_container(name, |now| now.startup = true),
            Which::Startup | Which::Liveness => {
                if !passed && self.state.ending.borrow().is_none() {
                    self.unhealthy.notify_one();
                }
            }
            Which::Readiness => {
                if seen.readiness != passed {
                    self.state
                        .update_container(name, |now| now.readiness = passed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
