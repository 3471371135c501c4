//! A gentle start: how many requests a fresh endpoint gets at once.

use std::time::Duration;

use tokio::time::Instant;

/// In flight at first. A runtime that has just opened its port copes with a few requests; a stampede is what kills it.
const FIRST: u32 = 8;
/// The allowance may double once in each of these if answers' heads came in it.
const WINDOW: Duration = Duration::from_millis(50);
/// ... and after this without any, so that a service of long answers isn't starved.
const PATIENCE: Duration = Duration::from_secs(1);
/// From here on there is no ramp.
const OPEN: u32 = 1024;

/// The allowance of one endpoint. Heads are counted, not completions: an open WebSocket never completes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ramp {
    allowance: u32,
    window_start: Instant,
    heads: bool,
}

impl Ramp {
    /// For an endpoint that has just become ready.
    pub(super) fn starting(now: Instant) -> Self {
        Self {
            allowance: FIRST,
            window_start: now,
            heads: false,
        }
    }

    /// For an endpoint that has a hard limit, which is gentle enough.
    pub(super) fn open(now: Instant) -> Self {
        Self {
            allowance: u32::MAX,
            window_start: now,
            heads: false,
        }
    }

    /// In flight at most.
    pub(super) fn allowance(&self) -> u32 {
        self.allowance
    }

    pub(super) fn is_open(&self) -> bool {
        self.allowance == u32::MAX
    }

    /// An answer's head has arrived. Says whether the allowance grew.
    pub(super) fn head(&mut self, now: Instant) -> bool {
        if self.is_open() {
            return false;
        }
        self.heads = true;
        self.tick(now)
    }

    /// Time has passed. Says whether the allowance grew.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        if self.is_open() {
            return false;
        }
        let passed = now.saturating_duration_since(self.window_start);
        let due = if self.heads { WINDOW } else { PATIENCE };
        if passed < due {
            return false;
        }
        self.window_start = now;
        self.heads = false;
        self.allowance = if self.allowance * 2 >= OPEN {
            u32::MAX
        } else {
            self.allowance * 2
        };
        true
    }
}
