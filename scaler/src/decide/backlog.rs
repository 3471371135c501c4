//! What held requests count for.
//!
//! While replicas start, requests pile up: their number says how long the start takes, not how many replicas are needed. By Little's law the
//! load is the arrivals' rate times the time that one takes to be served. To that comes what it takes to work the pile off within the
//! time that a further replica would need to start: one that is ready only when the pile is gone is not worth starting.

use std::time::Duration;

use tokio::time::Instant;

use super::State;

/// A request is taken to be served in this until that has been measured.
const ASSUMED: f64 = 1.0;

/// A replica is taken to start in this until that has been measured. Knative's mean cold start is 3.4 s by a vendor's documents.
const ASSUMED_START: Duration = Duration::from_secs(5);

/// The first look at a wake counts all that is held: so early it is no pile, but what came at once. Long enough for the controller to
/// raise the first count (20 ms).
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// How held requests are counted at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Backlog {
    /// All of them count in full.
    whole: bool,
    /// For one request, in seconds.
    service: f64,
    /// To work the pile off, in seconds.
    horizon: f64,
}

impl Backlog {
    pub(super) fn of(state: &State, now: Instant) -> Self {
        let age = |since: Instant| now.saturating_duration_since(since);
        let whole = state.replicas == 0 || state.woken.is_some_and(|at| age(at) <= FIRST_LOOK);
        let service = state
            .service_time()
            .map_or(ASSUMED, |time| time.as_secs_f64());
        let starting = state.coming_since.map_or(Duration::ZERO, age);
        let start = state
            .capacity
            .start_time
            .unwrap_or(ASSUMED_START)
            .max(starting);
        Self {
            whole,
            service,
            horizon: start.as_secs_f64().max(service).max(1.0),
        }
    }

    /// Of so much in flight and held, on average or now, with so many arriving per second and so many held now.
    pub(super) fn counted(&self, in_flight: f64, held: f64, rate: f64, held_now: f64) -> f64 {
        let all = in_flight + held;
        if self.whole {
            return all;
        }
        let load = in_flight.max(rate * self.service);
        all.min(load + held_now * self.service / self.horizon)
    }
}
