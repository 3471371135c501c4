use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::sources::{self, Sources};
use super::{Policy, Reading};
use crate::demand::Snapshot;

/// A rate is per step of this length: Knative decides every 2 s.
const STEP: Duration = Duration::from_secs(2);

/// Over about this the time that a request takes is measured,
const SERVICE_OVER: Duration = Duration::from_secs(60);

/// and over so many requests at least: fewer say little where each takes another time.
const SERVICE_REQUESTS: f64 = 100.0;

/// It is known after so many.
const SERVICE_KNOWN: f64 = 10.0;

/// A look counts for the time since the one before, and for no more than this.
const LOOK: Duration = Duration::from_secs(6);

/// Few wait when they are at most one part in so many of demand: then as many go as come.
const FEW: f64 = 6.0;

/// A [`Peaks`] has no more entries than this.
const MOST_PEAKS: u32 = 60;

/// What is there to serve demand. The caller knows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Capacity {
    /// Replicas that take requests.
    pub ready: u32,
    /// What a replica takes from the order to ready, measured; `None`: never seen.
    pub start_time: Option<Duration>,
}

/// What one decision leaves to the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// The count that stands. The caller sets it when it becomes another than was decided.
    pub replicas: u32,
    /// The caller sets it.
    pub capacity: Capacity,
    /// It was at zero until then.
    pub(super) woken: Option<Instant>,
    /// Fewer replicas have been ready than there shall be since then.
    pub(super) coming_since: Option<Instant>,
    /// Data has been complete since then.
    complete_since: Option<Instant>,
    burst: Option<Burst>,
    /// Ready replicas when the step began.
    step: Option<(Instant, u32)>,
    /// What the stable average asked for within the stable window.
    asked: Peaks,
    /// What was wanted within the delay.
    wanted: Peaks,
    served: Option<Served>,
    pub(super) sources: Sources,
}

/// A panic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Burst {
    /// When demand called for it last.
    pub(super) last: Instant,
    /// Never fewer while it lasts.
    pub(super) most: u32,
}

/// Sums while few wait, of which the older count less.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Served {
    /// Request-seconds in flight.
    in_flight: f64,
    requests: f64,
    at: Instant,
}

impl State {
    /// Of a workload that has `replicas`, all of them ready.
    #[must_use]
    pub fn of(replicas: u32) -> Self {
        let capacity = Capacity {
            ready: replicas,
            ..Capacity::default()
        };
        Self {
            replicas,
            capacity,
            ..Self::default()
        }
    }

    /// The windows have changed: nothing goes down before the new ones are full.
    pub fn restart(&mut self) {
        self.complete_since = None;
    }

    /// What one request takes in flight, measured while few waited; `None`: not yet.
    pub(super) fn service_time(&self) -> Option<Duration> {
        let enough = |served: &Served| served.requests >= SERVICE_KNOWN;
        let served = self.served.filter(enough)?;
        Duration::try_from_secs_f64(served.in_flight / served.requests).ok()
    }

    pub(super) fn step_ready(&self) -> u32 {
        self.step.map_or(self.capacity.ready, |(_, ready)| ready)
    }

    /// Takes in what is known, before the decision.
    pub(super) fn begin(
        &mut self,
        policy: &Policy,
        demand: &Snapshot,
        readings: &[Reading],
        now: Instant,
    ) {
        let age = |at: Instant| now.saturating_duration_since(at);
        self.sources.begin(policy, readings, now);
        self.complete_since = match sources::is_complete(policy, demand, readings) {
            true => self.complete_since.or(Some(now)),
            false => None,
        };
        let short = self.capacity.ready < self.replicas;
        self.coming_since = self.coming_since.filter(|_| short).or(short.then_some(now));
        if self.step.is_none_or(|(at, _)| age(at) >= STEP) {
            self.step = Some((now, self.capacity.ready));
        }
        let window = policy.behavior.stable_window;
        self.burst = self.burst.filter(|burst| age(burst.last) < window);
    }

    /// Whether there is a panic.
    pub(super) fn is_panic(&self) -> bool {
        self.burst.is_some()
    }

    /// The panic, if there is one: begun or prolonged when `opens`, and never for less than it was.
    pub(super) fn burst(&mut self, opens: bool, asked: u32, now: Instant) -> Option<Burst> {
        if opens {
            let most = self.burst.map_or(self.replicas, |burst| burst.most);
            self.burst = Some(Burst { last: now, most });
        }
        let burst = self.burst.as_mut()?;
        burst.most = burst.most.max(asked);
        Some(*burst)
    }

    pub(super) fn remember(&mut self, asked: u32, window: Duration, now: Instant) -> u32 {
        self.asked.push(asked, window, now)
    }

    pub(super) fn delay(&mut self, wanted: u32, delay: Duration, now: Instant) -> u32 {
        if delay.is_zero() {
            self.wanted.clear();
            return wanted;
        }
        self.wanted.push(wanted, delay, now)
    }

    /// Whether the data has been complete for all of the window.
    pub(super) fn covers(&self, window: Duration, now: Instant) -> bool {
        self.complete_since
            .is_some_and(|since| now.saturating_duration_since(since) >= window)
    }

    /// For how long fewer replicas have been ready than there shall be.
    pub(super) fn coming_for(&self, now: Instant) -> Option<Duration> {
        let since = self.coming_since?;
        Some(now.saturating_duration_since(since))
    }

    /// Keeps what the next decision needs of this one.
    pub(super) fn end(&mut self, policy: &Policy, demand: &Snapshot, replicas: u32, now: Instant) {
        if replicas == 0 {
            self.burst = None;
            self.asked.clear();
            self.wanted.clear();
            self.woken = None;
        } else if self.replicas == 0 {
            self.woken = Some(now);
        }
        let whole = self.capacity.ready >= self.replicas && demand.is_complete();
        let waits = demand.recent_waiting * FEW > demand.recent_concurrency;
        let known = self.served.is_some() || demand.recent_rate > 0.0;
        // Reports are not on the second.
        let full = demand.recent_window * 2 >= policy.behavior.panic_window;
        if whole && !waits && known && full {
            let in_flight = demand.recent_concurrency - demand.recent_waiting;
            self.measure(in_flight, demand.recent_rate, now);
        }
        if self.coming_since.is_none() && self.capacity.ready < replicas {
            self.coming_since = Some(now);
        }
        self.replicas = replicas;
    }

    fn measure(&mut self, in_flight: f64, rate: f64, now: Instant) {
        let old = self.served.unwrap_or(Served {
            in_flight: 0.0,
            requests: 0.0,
            at: now,
        });
        let age = now.saturating_duration_since(old.at).min(LOOK);
        let age = age.as_secs_f64();
        let (in_flight, requests) = (old.in_flight + age * in_flight, old.requests + age * rate);
        let fade = (-age / SERVICE_OVER.as_secs_f64()).exp();
        let keep = fade.max(SERVICE_REQUESTS / requests.max(1.0)).min(1.0);
        self.served = Some(Served {
            in_flight: in_flight * keep,
            requests: requests * keep,
            at: now,
        });
    }
}

/// The largest of what was put in lately. Holds only what may still become the largest.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Peaks(VecDeque<(Instant, u32)>);

impl Peaks {
    /// Adds one; the largest of the last `span`.
    pub(super) fn push(&mut self, value: u32, span: Duration, now: Instant) -> u32 {
        let age = |at: Instant| now.saturating_duration_since(at);
        while self.0.front().is_some_and(|(at, _)| age(*at) > span) {
            self.0.pop_front();
        }
        while self.0.back().is_some_and(|(_, less)| *less <= value) {
            self.0.pop_back();
        }
        // Within one step only the larger is kept, which bounds the length.
        let step = span / MOST_PEAKS;
        if self.0.back().is_none_or(|(at, _)| age(*at) >= step) {
            self.0.push_back((now, value));
        }
        self.0.front().map_or(value, |(_, most)| (*most).max(value))
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
