//! Until when this process leads.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Until when this process leads, as it knows by its own clock alone: a process that stood still, and does first what it was about to,
/// sees by it that it leads no more. Clones are of one reign; a new one has not begun.
#[derive(Debug, Clone, Default)]
pub struct Reign(Arc<Mutex<Option<Instant>>>);

impl Reign {
    /// `None`: it does not lead.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        *self.0.lock()
    }

    /// Longer than any test.
    #[cfg(test)]
    pub(crate) fn long() -> Self {
        let reign = Self::default();
        reign.set(Some(Instant::now() + std::time::Duration::from_hours(1)));
        reign
    }

    pub(crate) fn set(&self, until: Option<Instant>) {
        *self.0.lock() = until;
    }
}
