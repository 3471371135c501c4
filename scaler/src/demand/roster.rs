//! Who may send requests at all, and how long each has been heard: the same for every workload.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::window::Cutoff;
use super::{MemberNo, SILENT_AFTER};

/// Reports are about this far apart; those that arrive within half of it are added up.
pub(super) const BUCKET: Duration = Duration::from_secs(1);

/// So near to the ends the buckets of a look are looked for one by one.
const NEAR: usize = 8;

/// A report over a longer time than this counts as one over this.
const LONGEST: Duration = Duration::from_secs(3600);

/// Every member, connected or not.
#[derive(Debug, Clone)]
pub struct Roster {
    window: Duration,
    members: BTreeMap<MemberNo, Presence>,
    unseen: u32,
}

/// Members by what is known of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct MemberCounts {
    /// Connected, with a report lately.
    pub reporting: u32,
    /// Connected, without one.
    pub silent: u32,
    /// Not connected, and not proven dead.
    pub disconnected: u32,
    /// Live hosts that have never connected.
    pub expected: u32,
}

/// One member, whatever the workload.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    pub(super) joined: Instant,
    linked: bool,
    /// The last report of the session that is open.
    reported: Option<Instant>,
    /// The last report of any session.
    heard: Option<Instant>,
    sequence: Option<u64>,
    /// Time that reports cover, in buckets that are the same for every workload.
    buckets: VecDeque<Covered>,
    total: Duration,
}

#[derive(Debug, Clone)]
struct Covered {
    start: Instant,
    /// Covered before this bucket.
    before: Duration,
}

impl Roster {
    /// Nobody; time is kept for averages over `window`.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            members: BTreeMap::new(),
            unseen: 0,
        }
    }

    /// Time is kept for averages over `window` from now on, if that is longer.
    pub fn keep(&mut self, window: Duration) {
        self.window = self.window.max(window);
    }

    /// A member opens a session; its reports count up anew from here. Until it reports it counts as missing.
    pub fn join(&mut self, member: MemberNo, now: Instant) {
        let presence = self.members.entry(member).or_insert_with(|| Presence {
            joined: now,
            linked: true,
            reported: None,
            heard: None,
            sequence: None,
            buckets: VecDeque::new(),
            total: Duration::ZERO,
        });
        presence.linked = true;
        presence.reported = None;
        presence.sequence = None;
    }

    /// A member's session is closed, which proves nothing.
    pub fn unlink(&mut self, member: MemberNo) {
        if let Some(presence) = self.members.get_mut(&member) {
            presence.linked = false;
        }
    }

    /// A member is proven dead, or has left.
    pub fn leave(&mut self, member: MemberNo) {
        self.members.remove(&member);
    }

    /// So many live hosts have never connected; they count as members that are missing.
    pub fn expect(&mut self, hosts: usize) {
        self.unseen = u32::try_from(hosts).unwrap_or(u32::MAX);
    }

    /// Takes one report's time. A repeated or overtaken one (by its sequence) counts for nothing: `None`. Otherwise the start of the
    /// bucket that its workloads' parts belong to.
    pub fn report(
        &mut self,
        member: MemberNo,
        sequence: u64,
        length: Duration,
        now: Instant,
    ) -> Option<Instant> {
        let window = self.window;
        let presence = self.members.get_mut(&member)?;
        if presence.sequence.is_some_and(|last| sequence <= last) {
            return None;
        }
        presence.sequence = Some(sequence);
        presence.reported = Some(now);
        presence.heard = Some(now);
        Some(presence.cover(length.min(LONGEST), window, now))
    }

    /// Whether the member's session is open.
    #[must_use]
    pub fn is_linked(&self, member: MemberNo) -> bool {
        self.members
            .get(&member)
            .is_some_and(|presence| presence.linked)
    }

    /// Members, those expected among them.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.members.len())
            .unwrap_or(u32::MAX)
            .saturating_add(self.unseen)
    }

    /// Whether there is no member, and none is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Members whose demand is not known at this moment.
    #[must_use]
    pub fn missing(&self, now: Instant) -> u32 {
        let missing = self.members.values().filter(|one| one.is_missing(now));
        u32::try_from(missing.count())
            .unwrap_or(u32::MAX)
            .saturating_add(self.unseen)
    }

    /// Members by what is known of them.
    #[must_use]
    pub fn counts(&self, now: Instant) -> MemberCounts {
        let mut counts = MemberCounts {
            expected: self.unseen,
            ..MemberCounts::default()
        };
        for member in self.members.values() {
            if !member.linked {
                counts.disconnected += 1;
            } else if member.is_missing(now) {
                counts.silent += 1;
            } else {
                counts.reporting += 1;
            }
        }
        counts
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MemberNo, &Presence)> {
        self.members.iter().map(|(no, presence)| (*no, presence))
    }
}

impl Presence {
    fn cover(&mut self, length: Duration, window: Duration, now: Instant) -> Instant {
        let age = |bucket: &Covered| now.saturating_duration_since(bucket.start);
        while self.buckets.front().is_some_and(|b| age(b) >= window) {
            self.buckets.pop_front();
        }
        let start = match self.buckets.back() {
            Some(last) if age(last) < BUCKET / 2 => last.start,
            _ => {
                let (start, before) = (now, self.total);
                self.buckets.push_back(Covered { start, before });
                now
            }
        };
        self.total = self.total.saturating_add(length);
        start
    }

    /// Time covered by reports later than `cutoff`, not long before `since`.
    pub(super) fn covered(&self, cutoff: Cutoff, since: Instant) -> Duration {
        let old = |bucket: &Covered| cutoff.is_old(bucket.start) || bucket.start + BUCKET <= since;
        let is_old = |index: usize| self.buckets.get(index).is_some_and(old);
        // Most looks reach back to the first ones, or to the last ones.
        let (len, mut first) = (self.buckets.len(), 0);
        if is_old(NEAR) {
            first = len.saturating_sub(NEAR);
            if is_old(first) {
                while is_old(first) {
                    first += 1;
                }
            } else {
                first = self.buckets.partition_point(old);
            }
        } else {
            while is_old(first) {
                first += 1;
            }
        }
        self.buckets.get(first).map_or(Duration::ZERO, |bucket| {
            self.total.saturating_sub(bucket.before)
        })
    }

    /// When the newest bucket began, and the time that it covers.
    pub(super) fn newest(&self) -> Option<(Instant, Duration)> {
        let newest = self.buckets.back()?;
        Some((newest.start, self.total.saturating_sub(newest.before)))
    }

    pub(super) fn is_missing(&self, now: Instant) -> bool {
        let old = |at: Instant| now.saturating_duration_since(at) > SILENT_AFTER;
        !self.linked || self.reported.is_none_or(old)
    }

    /// Time without a report, when it is too long.
    pub(super) fn silent_for(&self, now: Instant) -> Duration {
        self.heard
            .map(|at| now.saturating_duration_since(at))
            .filter(|silent| *silent > SILENT_AFTER)
            .unwrap_or_default()
    }
}
