//! When an expression comes, by a zone's clock.
//!
//! Where the clock is put forward, a time that it skips comes at the moment of the change. Where it is put back, a time that it shows
//! twice comes the first time only, as in Vixie's cron; but for `*` hours it comes twice, for those go by hours that pass.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::Expression;

/// The 29th of February may be eight years away.
const DAYS: usize = 8 * 366 + 2;

impl Expression {
    /// The last moment that is not after `at`.
    pub(super) fn last(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        // A change of clocks about midnight may lead to another day, and a line of dates may be crossed.
        let date = zone.to_datetime(at).date();
        let from = date.tomorrow().unwrap_or(date);
        let days = std::iter::successors(Some(from), |date| date.yesterday().ok());
        let days = days.take(DAYS).filter(|date| self.is_on(*date));
        days.flat_map(|date| self.moments(zone, date).into_iter().rev())
            .find(|moment| *moment <= at)
    }

    /// The first moment after `at`.
    pub(super) fn next(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        let date = zone.to_datetime(at).date();
        let from = date.yesterday().unwrap_or(date);
        let days = std::iter::successors(Some(from), |date| date.tomorrow().ok());
        let days = days.take(DAYS).filter(|date| self.is_on(*date));
        days.flat_map(|date| self.moments(zone, date))
            .find(|moment| *moment > at)
    }

    /// On one day, in order.
    fn moments(&self, zone: &TimeZone, date: Date) -> Vec<Timestamp> {
        let mut moments = Vec::new();
        for (hour, minute) in self.clock() {
            let clock = date.at(hour, minute, 0, 0);
            match zone.to_ambiguous_timestamp(clock).offset() {
                AmbiguousOffset::Unambiguous { offset } => {
                    moments.extend(offset.to_timestamp(clock));
                }
                AmbiguousOffset::Gap { before, .. } => {
                    let skipped = before.to_timestamp(clock).ok();
                    let after = skipped.and_then(|at| at.checked_add(SECOND).ok());
                    let change = after.and_then(|at| zone.preceding(at).next());
                    moments.extend(change.map(|change| change.timestamp()));
                }
                AmbiguousOffset::Fold { before, after } => {
                    moments.extend(before.to_timestamp(clock));
                    if self.is_by_hours() {
                        moments.extend(after.to_timestamp(clock));
                    }
                }
            }
        }
        moments.sort_unstable();
        moments.dedup();
        moments
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);
