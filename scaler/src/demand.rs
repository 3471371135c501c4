//! What the proxies report about one workload, as windows over time. Pure: the time is a parameter, and it is the scaler's.

mod member;
mod roster;
mod window;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use rouse_api::link::WorkloadReport;
use serde::Serialize;
use tokio::time::Instant;

use member::Member;
pub use roster::{MemberCounts, Roster};
use window::{Cutoff, Over, Spans};

/// A member that has not reported for this long is silent: its last counts stand, and nothing scales down. Three report
/// intervals.
pub const SILENT_AFTER: Duration = Duration::from_secs(3);

/// Reports are this far apart.
const REPORT: Duration = Duration::from_secs(1);

/// A member by the number that the controller gave it. Never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberNo(pub u64);

/// One workload's demand: a window for each member that has ever said something about it. Of a member that has not, there
/// never was any: no request, idle since it joined.
#[derive(Debug, Clone)]
pub struct Demand {
    window: Duration,
    recent: Duration,
    created: Instant,
    /// It was woken for a reason that no member told, at that moment.
    woken: Option<Instant>,
    members: BTreeMap<MemberNo, Member>,
}

/// Demand at one moment, over all members.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// Proxies that may send to the workload, connected or not; with those that are expected.
    pub members: u32,
    /// Those of them that are not connected, have not reported yet or are silent.
    pub missing: u32,
    /// Requests in flight, by the newest reports.
    pub in_flight: u32,
    /// Requests held, by the newest reports and wakes.
    pub held: u32,
    /// Time-weighted average of requests in flight and held over the window.
    pub concurrency: f64,
    /// Of it, requests held.
    pub waiting: f64,
    /// Requests per second over the window.
    pub rate: f64,
    /// As `concurrency`, over the recent window.
    pub recent_concurrency: f64,
    /// Of it, requests held.
    pub recent_waiting: f64,
    /// Requests per second over the recent window.
    pub recent_rate: f64,
    /// Requests per second in each proxy's last report.
    pub last_rate: f64,
    /// Requests per second in each proxy's last two reports.
    pub latest_rate: f64,
    /// The window the averages are over; shorter while it fills.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub window: Duration,
    /// The recent window, which a burst is seen over; shorter while it fills.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub recent_window: Duration,
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
    /// Of a workload known since `created`; averages will be over `window`, and over `recent`.
    #[must_use]
    pub fn new(window: Duration, recent: Duration, created: Instant) -> Self {
        Self {
            window,
            recent: recent.min(window),
            created,
            woken: None,
            members: BTreeMap::new(),
        }
    }

    /// Averages are over these from now on. What a shorter window has dropped is not known to a longer one.
    pub fn look_over(&mut self, window: Duration, recent: Duration) {
        self.window = window;
        self.recent = recent.min(window);
        self.members.values_mut().for_each(Member::look_over);
    }

    /// The member is proven dead: what it reported counts no more.
    pub fn leave(&mut self, member: MemberNo) {
        self.members.remove(&member);
    }

    /// Takes one report's part about this workload; `bucket` is what [`Roster::report`] gave for it.
    pub fn report(
        &mut self,
        member: MemberNo,
        bucket: Instant,
        report: &WorkloadReport,
        now: Instant,
    ) {
        let spans = Spans {
            whole: self.window,
            recent: self.recent,
        };
        let member = self.members.entry(member).or_default();
        member.report(bucket, report, spans, now);
    }

    /// The member holds `held` requests at this moment.
    pub fn held(&mut self, member: MemberNo, held: u32, now: Instant) {
        self.members.entry(member).or_default().holds(held, now);
    }

    /// Somebody else has woken the workload: it is idle since now at most.
    pub fn woken(&mut self, now: Instant) {
        self.woken = Some(now);
    }

    /// A whole report did not list the workload: the member has nothing in flight or held.
    pub fn reset(&mut self, member: MemberNo, now: Instant) {
        if let Some(member) = self.members.get_mut(&member) {
            member.reset(now);
        }
    }

    /// In flight and held at one member, by its newest word.
    #[must_use]
    pub fn current_of(&self, member: MemberNo) -> u32 {
        self.members.get(&member).map_or(0, Member::current)
    }

    /// Held at one member, by its newest word.
    #[must_use]
    pub fn held_by(&self, member: MemberNo) -> u32 {
        self.members.get(&member).map_or(0, Member::holding)
    }

    /// The moment of the latest demand; of a member that never told of any it is when both it and the workload were known.
    /// `None` without members.
    #[must_use]
    pub fn last_active(&self, roster: &Roster) -> Option<Instant> {
        let of = |(no, presence): (MemberNo, &roster::Presence)| {
            let told = self.members.get(&no).and_then(Member::last_active);
            told.unwrap_or(presence.joined.max(self.created))
        };
        let last = roster.iter().map(of).max()?;
        Some(self.woken.map_or(last, |woken| woken.max(last)))
    }

    /// The last moment with a request that any member has told of.
    #[must_use]
    pub fn told_active(&self) -> Option<Instant> {
        self.members.values().filter_map(Member::last_active).max()
    }

    /// Requests in flight and held, by the newest reports and wakes.
    #[must_use]
    pub fn current(&self) -> u32 {
        let all = self.members.values().map(Member::current);
        all.fold(0, u32::saturating_add)
    }

    /// Requests held, by the newest reports and wakes.
    #[must_use]
    pub fn held_by_all(&self) -> u32 {
        let all = self.members.values().map(Member::holding);
        all.fold(0, u32::saturating_add)
    }

    /// Demand as it stands.
    #[must_use]
    pub fn snapshot(&self, roster: &Roster, now: Instant) -> Snapshot {
        let mut all = Snapshot {
            members: roster.len(),
            missing: roster.missing(now),
            in_flight: 0,
            held: 0,
            concurrency: 0.0,
            waiting: 0.0,
            rate: 0.0,
            recent_concurrency: 0.0,
            recent_waiting: 0.0,
            recent_rate: 0.0,
            last_rate: 0.0,
            latest_rate: 0.0,
            window: Duration::ZERO,
            recent_window: Duration::ZERO,
            idle: None,
        };
        let (whole, recent) = (Cutoff::of(self.window, now), Cutoff::of(self.recent, now));
        let mut told = self.members.iter().peekable();
        for (no, presence) in roster.iter() {
            let over = |span: Duration, cutoff: Cutoff| Over {
                span,
                reported: presence.covered(cutoff, self.created),
                silent: presence.silent_for(now),
            };
            let over_whole = over(self.window, whole);
            let over_recent = over(self.recent, recent);
            all.window = all.window.max(over_whole.covered());
            all.recent_window = all.recent_window.max(over_recent.covered());
            // Both are in order of their numbers.
            while told.next_if(|(other, _)| **other < no).is_some() {}
            let Some((_, member)) = told.next_if(|(other, _)| **other == no) else {
                continue;
            };
            all.in_flight = all.in_flight.saturating_add(member.in_flight());
            all.held = all.held.saturating_add(member.holding());
            let average = member.average(over_whole, whole);
            all.concurrency += average.in_flight + average.held;
            all.waiting += average.held;
            all.rate += average.rate;
            let average = member.recent(over_recent, recent);
            all.recent_concurrency += average.in_flight + average.held;
            all.recent_waiting += average.held;
            all.recent_rate += average.rate;
            if let Some((newest, length)) = presence.newest() {
                let (last, latest) = member.latest(newest);
                let length = length.max(REPORT).as_secs_f64();
                all.last_rate += last / length;
                all.latest_rate += latest / (length + REPORT.as_secs_f64());
            }
        }
        if all.is_complete() {
            all.idle = self
                .last_active(roster)
                .map(|at| now.saturating_duration_since(at));
        }
        all
    }
}
