//! The wall clock, for schedules. The shell tells it; everything else goes by time that only goes on.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Action, Controller};

/// A clock that was set by more is looked at by every schedule at once. Less is made up for at each one's next change.
const JUMP: SignedDuration = SignedDuration::from_secs(1);

/// What the wall clock said at some moment; nothing before it was told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock(Option<(Instant, Timestamp)>);

impl Clock {
    /// What it says now.
    pub(super) fn at(&self, now: Instant) -> Option<Timestamp> {
        let (then, told) = self.0?;
        let passed = SignedDuration::try_from(now.saturating_duration_since(then)).ok()?;
        told.checked_add(passed).ok()
    }
}

impl Controller {
    /// What the wall clock says at `now`, as far as it was told.
    #[must_use]
    pub fn wall(&self, now: Instant) -> Option<Timestamp> {
        self.clock.at(now)
    }

    /// Takes what the wall clock says.
    pub(super) fn clock(&mut self, told: Timestamp, now: Instant, out: &mut Vec<Action>) {
        let before = self.clock.at(now);
        self.clock = Clock(Some((now, told)));
        if before.is_some_and(|before| told.duration_since(before).abs() < JUMP) {
            return;
        }
        let by_the_clock = |entry: &&super::entry::Entry| entry.triggers.are_by_the_clock();
        let all: Vec<_> = self
            .entries
            .values()
            .filter(by_the_clock)
            .map(|entry| entry.id().clone())
            .collect();
        for workload in all {
            self.with(&workload, now, out, |_, _| {});
        }
    }
}
