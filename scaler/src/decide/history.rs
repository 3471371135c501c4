use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Answers within one step are one entry: the largest.
const STEP: Duration = Duration::from_secs(1);

/// What was asked for lately. Never more entries than the stable window has seconds, and one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct History {
    asked: VecDeque<(Instant, u32)>,
    /// Data has been complete since then.
    complete_since: Option<Instant>,
}

impl History {
    pub(super) fn remember(&mut self, asked: u32, complete: bool, window: Duration, now: Instant) {
        self.complete_since = if complete {
            self.complete_since.or(Some(now))
        } else {
            None
        };
        while self
            .asked
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > window + STEP)
        {
            self.asked.pop_front();
        }
        match self.asked.back_mut() {
            Some((at, most)) if now.saturating_duration_since(*at) < STEP => {
                *most = (*most).max(asked);
            }
            _ => self.asked.push_back((now, asked)),
        }
    }

    /// Whether the data has been complete for all of the window.
    pub(super) fn covers(&self, window: Duration, now: Instant) -> bool {
        self.complete_since
            .is_some_and(|since| now.saturating_duration_since(since) >= window)
    }

    /// The most that was asked for.
    pub(super) fn most(&self) -> u32 {
        self.asked
            .iter()
            .map(|(_, asked)| *asked)
            .max()
            .unwrap_or(0)
    }
}
