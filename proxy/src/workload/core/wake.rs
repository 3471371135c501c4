//! Asking for a wake while something is held: at once, then again and again, ever less often.

use std::time::Duration;

use rouse_api::link::Wake;
use tokio::time::Instant;

use super::Core;

/// Between the first two Wakes; doubled up to [`WAKE_SLOWEST`].
const WAKE_FIRST: Duration = Duration::from_millis(20);
const WAKE_SLOWEST: Duration = Duration::from_secs(1);

impl Core {
    /// Something is held. True: the pacer has yet to be told.
    pub(in crate::workload) fn begin_pace(&mut self) -> bool {
        !std::mem::replace(&mut self.paced, true)
    }

    /// Time has passed while something is held. Returns the Wake that is due, and whether to look again.
    pub(in crate::workload) fn pace(&mut self, now: Instant) -> (Option<Wake>, bool) {
        for key in &self.eligible {
            self.slots[*key].ramp.tick(now);
        }
        self.dispatch(now);
        self.give_back();
        self.expire(now);
        self.paced = !self.waiting.is_empty() || (self.is_of_interest() && !self.is_awake());
        (self.wake_due(now), self.paced)
    }

    /// The Wake to send now, if one is wanted and the last is long enough ago.
    pub(in crate::workload) fn wake_due(&mut self, now: Instant) -> Option<Wake> {
        let since = self.wanted_since()?;
        if self.is_awake() {
            self.woke = None;
            return None;
        }
        self.wake_paced(now).then(|| Wake {
            workload: self.id.clone(),
            held: self.wanted(),
            oldest: now.saturating_duration_since(since),
            by: self.wanted_by.clone(),
        })
    }

    /// The Wake of a request that was refused because the workload can't start: it may be tried again.
    pub(in crate::workload) fn wake_refused(&mut self, now: Instant) -> Option<Wake> {
        self.wake_paced(now).then(|| Wake {
            workload: self.id.clone(),
            held: 1,
            oldest: Duration::ZERO,
            by: self.wanted_by.clone(),
        })
    }

    fn wake_paced(&mut self, now: Instant) -> bool {
        let next = match self.woke {
            Some((last, pause)) if now.saturating_duration_since(last) < pause => return false,
            // A long silence begins anew: this is another wake.
            Some((last, pause)) if now.saturating_duration_since(last) < pause * 4 => {
                (pause * 2).min(WAKE_SLOWEST)
            }
            _ => WAKE_FIRST,
        };
        self.woke = Some((now, next));
        true
    }
}
