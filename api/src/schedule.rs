//! Schedules: when a window begins and ends by a zone's clock. Pure: the time is a parameter, and the zones' rules are in the binary.

mod expression;
mod occurrence;
#[cfg(test)]
mod tests;
mod zone;

use jiff::{SignedDuration, Timestamp};

pub use expression::Expression;
pub(crate) use expression::LONGEST_EXPRESSION;
pub(crate) use zone::LONGEST_ZONE;
pub use zone::Zone;

/// A window that is looked at again no later than this. Every expression comes within 8 years.
const FAR: SignedDuration = SignedDuration::from_hours(24 * 365);

/// A window that begins with each `start` and ends with the next `end`. Where both come at one moment it goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// By its clock.
    pub zone: Zone,
    /// The window begins.
    pub start: Expression,
    /// The window ends. Another than `start`.
    pub end: Expression,
}

/// Where a schedule is at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Within its window.
    pub inside: bool,
    /// This holds until then at least. Inside it is an end, outside it is the next start.
    pub until: Timestamp,
}

impl Schedule {
    /// Where it is at `at`.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Standing {
        let zone = self.zone.rules();
        let (start, end) = (self.start.last(zone, at), self.end.last(zone, at));
        let inside = start.is_some() && start >= end;
        let next = match inside {
            true => self.end.next(zone, at),
            false => self.start.next(zone, at),
        };
        let far = at.saturating_add(FAR).unwrap_or(Timestamp::MAX);
        Standing {
            inside,
            until: next.unwrap_or(far),
        }
    }
}
