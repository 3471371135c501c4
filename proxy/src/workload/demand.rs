//! Time-weighted demand of one workload: integrals that are advanced at each change.

use std::time::Duration;

use tokio::time::Instant;

/// Integrals since the last report, and the idle age.
#[derive(Debug)]
pub(super) struct Demand {
    last: Instant,
    /// Request-nanoseconds.
    in_flight: u128,
    /// Request-nanoseconds.
    held: u128,
    arrived: u64,
    /// The last moment with anything in flight or held.
    active_until: Instant,
}

/// What [`Demand::take`] hands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) in_flight_seconds: f64,
    pub(super) held_seconds: f64,
    pub(super) arrived: u64,
}

impl Demand {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last: now,
            in_flight: 0,
            held: 0,
            arrived: 0,
            active_until: now,
        }
    }

    /// Accounts for the time since the last call; the counts are those *before* the change at `now`.
    pub(super) fn advance(&mut self, now: Instant, in_flight: u32, held: u32) {
        if in_flight + held > 0 {
            let passed = now.saturating_duration_since(self.last).as_nanos();
            self.in_flight += passed * u128::from(in_flight);
            self.held += passed * u128::from(held);
            self.active_until = now;
        }
        self.last = now;
    }

    pub(super) fn arrive(&mut self, now: Instant) {
        self.arrived += 1;
        self.active_until = now;
    }

    /// Somebody wants it, without a request that is counted.
    pub(super) fn stir(&mut self, now: Instant) {
        self.active_until = now;
    }

    /// Since the last moment with demand; exact once `advance` was called for `now`.
    pub(super) fn idle_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.active_until)
    }

    /// The integrals since the last call, and begins anew.
    pub(super) fn take(&mut self) -> Interval {
        let seconds = |nanos: u128| {
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).as_secs_f64()
        };
        let interval = Interval {
            in_flight_seconds: seconds(self.in_flight),
            held_seconds: seconds(self.held),
            arrived: self.arrived,
        };
        (self.in_flight, self.held, self.arrived) = (0, 0, 0);
        interval
    }
}
