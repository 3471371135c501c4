//! A limit on silence that costs nothing while there is none: its timer exists only from the first pending poll on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

#[derive(Debug)]
pub(crate) struct IdleTimer {
    limit: Duration,
    quiet_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl IdleTimer {
    /// Zero: no limit.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            quiet_since: None,
            timer: None,
        }
    }

    /// Something has come: the silence is over.
    pub(crate) fn stir(&mut self) {
        self.quiet_since = None;
    }

    /// Nothing has come. Ready once the silence has lasted too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.limit.is_zero() {
            return Poll::Pending;
        }
        let deadline = *self.quiet_since.get_or_insert_with(Instant::now) + self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() < deadline && timer.as_mut().poll(cx).is_ready() {
            timer.as_mut().reset(deadline);
        }
        if timer.deadline() < deadline {
            // It fires early, and is then set to the deadline of this silence.
            return Poll::Pending;
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests;
