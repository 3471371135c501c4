//! What the proxies report about one workload, as windows over time. Pure: the time is a parameter, and it is the scaler's.

mod member;
mod window;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use rouse_api::link::WorkloadReport;
use serde::Serialize;
use tokio::time::Instant;

use crate::controller::SessionId;
use member::Member;

/// A member that has not reported for this long is silent: its last counts stand, and nothing scales down. Three report
/// intervals.
pub const SILENT_AFTER: Duration = Duration::from_secs(3);

/// The window for the fast answer to a request rate. Knative's panic window (a tenth of its stable window).
pub const RECENT: Duration = Duration::from_secs(6);

/// One workload's demand: a window for each proxy session that may send to it.
#[derive(Debug, Clone)]
pub struct Demand {
    window: Duration,
    members: BTreeMap<SessionId, Member>,
}

/// Demand at one moment, over all members.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// Proxy sessions that may send to the workload.
    pub members: u32,
    /// Those of them that never reported or are silent.
    pub missing: u32,
    /// Requests in flight, by the newest reports.
    pub in_flight: u32,
    /// Requests held, by the newest reports and wakes.
    pub held: u32,
    /// Time-weighted average of requests in flight and held over the window.
    pub concurrency: f64,
    /// Requests per second over the window.
    pub rate: f64,
    /// Requests per second over the last [`RECENT`].
    pub recent_rate: f64,
    /// The window the averages are over; shorter while it fills.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub window: Duration,
    /// Since the last moment with any demand at any member. Absent while a member is missing or there is none.
    #[serde(serialize_with = "crate::seconds::option::serialize")]
    pub idle: Option<Duration>,
}

impl Snapshot {
    /// Requests in flight and held now.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.in_flight.saturating_add(self.held)
    }

    /// Whether every member has reported lately, and there is one.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.members > 0 && self.missing == 0
    }
}

impl Demand {
    /// No members yet; averages will be over `window`.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            members: BTreeMap::new(),
        }
    }

    /// A session that may send to the workload. Until it reports it counts as missing.
    pub fn join(&mut self, session: SessionId) {
        self.members.entry(session).or_default();
    }

    /// The session is proven dead: what it reported counts no more.
    pub fn leave(&mut self, session: SessionId) {
        self.members.remove(&session);
    }

    /// Takes one report. A repeated or overtaken one (by its sequence) changes nothing; returns whether it counted.
    pub fn report(
        &mut self,
        session: SessionId,
        sequence: u64,
        length: Duration,
        report: &WorkloadReport,
        now: Instant,
    ) -> bool {
        let window = self.window;
        match self.members.get_mut(&session) {
            Some(member) => member.report(sequence, length, report, window, now),
            None => false,
        }
    }

    /// The session holds `held` requests at this moment.
    pub fn held(&mut self, session: SessionId, held: u32, now: Instant) {
        if let Some(member) = self.members.get_mut(&session) {
            member.holds(held, now);
        }
    }

    /// The moment of the latest demand known; `None` without any data.
    #[must_use]
    pub fn last_active(&self) -> Option<Instant> {
        self.members.values().filter_map(Member::last_active).max()
    }

    /// Requests in flight and held, by the newest reports and wakes.
    #[must_use]
    pub fn current(&self) -> u32 {
        let of = |member: &Member| member.in_flight().saturating_add(member.holding());
        self.members.values().map(of).fold(0, u32::saturating_add)
    }

    /// Demand as it stands.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let mut all = Snapshot {
            members: u32::try_from(self.members.len()).unwrap_or(u32::MAX),
            missing: 0,
            in_flight: 0,
            held: 0,
            concurrency: 0.0,
            rate: 0.0,
            recent_rate: 0.0,
            window: Duration::ZERO,
            idle: None,
        };
        for member in self.members.values() {
            if member.is_missing(now) {
                all.missing += 1;
            }
            all.in_flight = all.in_flight.saturating_add(member.in_flight());
            all.held = all.held.saturating_add(member.holding());
            let average = member.average(self.window, now);
            all.concurrency += average.concurrency;
            all.rate += average.rate;
            all.recent_rate += member.average(RECENT.min(self.window), now).rate;
            all.window = all.window.max(average.covered);
        }
        if all.is_complete() {
            all.idle = self
                .last_active()
                .map(|at| now.saturating_duration_since(at));
        }
        all
    }
}
