//! What held requests count for, and what is to be expected by the time that another replica would be ready.
//!
//! While replicas start, requests pile up: their number says how long the start takes, not how many replicas are needed. By Little's law the
//! load is the arrivals' rate times the time that one takes to be served. To that comes what works the pile off within a part of the
//! time that a start takes, so that it is a multiple of the load at most, however long that time is.

use std::time::Duration;

use tokio::time::Instant;

use super::{Policy, State, chance};
use crate::demand::Snapshot;

/// A request is taken to be served in this until that has been measured.
const ASSUMED: f64 = 1.0;

/// A replica is taken to start in this until that has been measured. Knative's mean cold start is 3.4 s by a vendor's documents.
const ASSUMED_START: Duration = Duration::from_secs(5);

/// The first look at a wake counts all that is held: so early it is no pile, but what came at once. Long enough for the controller to
/// raise the first count (20 ms).
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// A pile is to be worked off in this part of a start, once it is known how long a request takes. Smaller: more replicas for a shorter time.
const PART: f64 = 0.25;

/// How held requests are counted at one moment. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Backlog {
    /// All of them count in full.
    pub(super) whole: bool,
    /// For one request.
    pub(super) service: f64,
    /// That was measured.
    measured: bool,
    /// What a replica takes to start.
    start: f64,
    /// Until those that are starting are ready; when none are, a whole start.
    ready_in: f64,
    /// To work the pile off.
    horizon: f64,
}

/// What is to be expected when another replica would be ready.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ahead {
    /// Requests per second that surely come.
    pub(super) rate: f64,
    /// In flight, if all of them have a place.
    pub(super) load: f64,
    /// Places more that work the pile off
    pub(super) pile: f64,
    /// within this time, in seconds.
    pub(super) within: f64,
}

impl Backlog {
    pub(super) fn of(state: &State, now: Instant) -> Self {
        let age = |since: Instant| now.saturating_duration_since(since);
        let whole = state.replicas == 0 || state.woken.is_some_and(|at| age(at) <= FIRST_LOOK);
        let measured = state.service_time().map(|time| time.as_secs_f64());
        let service = measured.unwrap_or(ASSUMED);
        let starting = state.coming_since.map_or(Duration::ZERO, age);
        let start = state.capacity.start_time.unwrap_or(ASSUMED_START);
        let ready_in = start.saturating_sub(starting).as_secs_f64();
        let start = start.max(starting).as_secs_f64();
        let part = measured.map_or(1.0, |_| PART);
        Self {
            whole,
            service,
            measured: measured.is_some(),
            start,
            ready_in,
            horizon: (start * part).max(service).max(1.0),
        }
    }

    /// Of so much in flight and held, on average, with so many arriving per second and so many held now.
    pub(super) fn counted(&self, in_flight: f64, held: f64, rate: f64, held_now: f64) -> f64 {
        let all = in_flight + held;
        if self.whole {
            return all;
        }
        let load = in_flight.max(rate * self.service);
        all.min(load + held_now * self.service / self.horizon)
    }

    /// By what is there now and what comes, less what chance may have added to it.
    ///
    /// Of the requests in flight those stay that are not done by then, and those come that arrive until then. The pile is what is held now, and
    /// what arrives beyond what the ready replicas can serve; without a limit these can serve whatever comes.
    pub(super) fn ahead(&self, policy: &Policy, demand: &Snapshot, ready: u32) -> Ahead {
        let (in_flight, held) = (f64::from(demand.in_flight), f64::from(demand.held));
        let recent = demand.recent_window.as_secs_f64().max(1.0);
        let rate = chance::surely(demand.last_rate, 1.0)
            .max(chance::surely(demand.latest_rate, 2.0))
            .max(chance::surely(demand.recent_rate, recent));
        let within = self.horizon;
        let all = in_flight + held;
        if self.whole {
            let (load, pile) = (all, 0.0);
            return Ahead {
                rate,
                load,
                pile,
                within,
            };
        }
        let stays = (-self.start.max(1.0) / self.service).exp();
        let load = in_flight * stays + rate * self.service * (1.0 - stays);
        let load = load.max(chance::at_least(in_flight));
        let served = match policy.limit {
            Some(limit) => limit * f64::from(ready) / self.service,
            None if ready > 0 => f64::INFINITY,
            None => 0.0,
        };
        let pile = held + (rate - served).max(0.0) * self.ready_in;
        let pile = pile * self.service / self.horizon;
        let (load, pile) = if self.measured {
            (load, pile)
        } else {
            // What is not known is not made more of than is there.
            let load = load.min(all);
            (load, pile.min(all - load))
        };
        Ahead {
            rate,
            load,
            pile,
            within,
        }
    }
}
