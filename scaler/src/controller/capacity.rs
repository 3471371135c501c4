//! What there is to serve demand, and how long a replica takes to start.

use std::time::Duration;

use tokio::time::Instant;

use super::entry::Entry;
use crate::decide::Capacity;

/// A new measurement counts for one part in so many.
const PART: u32 = 4;

/// Starts of replicas as they are observed.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// On average, the newest most.
    time: Option<Duration>,
    /// Replicas that were ready by then are counted.
    until: Option<Instant>,
}

impl Starts {
    fn note(&mut self, took: Duration) {
        self.time = Some(match self.time {
            Some(time) => (time * (PART - 1) + took) / PART,
            None => took,
        });
    }
}

impl Entry {
    /// Counts starts that have not been counted, too.
    pub(super) fn capacity(&mut self) -> Capacity {
        let ready = |replica| Some((self.ready_since(replica)?, replica.started));
        let new = |(at, _): &(Instant, Instant)| self.starts.until.is_none_or(|until| *at > until);
        let mut starts: Vec<_> = self.live().filter_map(ready).filter(new).collect();
        starts.sort();
        for (at, started) in starts {
            self.starts.note(at.saturating_duration_since(started));
            self.starts.until = Some(at);
        }
        Capacity {
            ready: self.ready(),
            start_time: self.starts.time,
        }
    }
}
