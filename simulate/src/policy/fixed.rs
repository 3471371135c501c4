//! Always the same count.

use std::time::Duration;

use super::{Policy, View};

/// Always on.
#[derive(Debug, Clone, Copy)]
pub struct Fixed(
    /// So many.
    pub u32,
);

impl Policy for Fixed {
    fn initial(&self) -> u32 {
        self.0
    }

    fn due(&self) -> Option<Duration> {
        None
    }

    fn look(&mut self, _: &View, _: Duration) -> u32 {
        self.0
    }

    fn arrived(&mut self, _: &View, _: Duration) -> Option<u32> {
        None
    }
}
