//! Nanoseconds since the run began, and the clocks of processes.

use std::time::Duration;

use tokio::time::Instant;

/// Nanoseconds since the run began.
pub(crate) type Nanos = u64;

pub(crate) const MS: Nanos = 1_000_000;
pub(crate) const SECOND: Nanos = 1_000 * MS;

pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}

/// A process's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    base: Instant,
    /// Parts of a million that it is ahead after a second.
    ahead: i64,
}

impl Clock {
    pub(crate) fn new(base: Instant, ahead: i64) -> Self {
        let base = base + Duration::from_hours(1);
        Self { base, ahead }
    }

    pub(crate) fn at(&self, now: Nanos) -> Instant {
        let ahead = i128::from(now) * i128::from(self.ahead) / 1_000_000;
        let local = i128::from(now) + ahead;
        self.base + Duration::from_nanos(u64::try_from(local).unwrap_or(0))
    }

    /// The first moment at which this clock shows `then` or later.
    pub(crate) fn when(&self, then: Instant) -> Nanos {
        let local = i128::from(nanos(then.saturating_duration_since(self.base)));
        let now = local * 1_000_000 / (1_000_000 + i128::from(self.ahead));
        let mut now = u64::try_from(now).unwrap_or(0).saturating_sub(2);
        while self.at(now) < then {
            now += 1;
        }
        now
    }
}
