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
    /// When more were asked for last, until all of them are ready: before a replica has an address it waits for a node and an image.
    pub(super) asked: Option<Instant>,
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
            let from = self
                .starts
                .asked
                .map_or(started, |asked| asked.min(started));
            self.starts.note(at.saturating_duration_since(from));
            self.starts.until = Some(at);
        }
        if self.ready() >= self.wanted {
            self.starts.asked = None;
        }
        Capacity {
            ready: self.ready(),
            start_time: self.starts.time,
        }
    }
}
