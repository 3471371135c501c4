//! What sleeping has saved.

use std::time::Duration;

use tokio::time::Instant;

/// Replica-seconds not run: for all time at zero, the most replicas there were when it was awake last (one, if that is not known).
/// Counted since this scaler knows the workload.
#[derive(Debug, Default)]
pub(super) struct Saved {
    seconds: f64,
    most: u32,
    asleep_since: Option<Instant>,
}

impl Saved {
    pub(super) fn note(&mut self, count: u32, now: Instant) {
        match (count, self.asleep_since) {
            (0, None) => self.asleep_since = Some(now),
            (0, Some(_)) => {}
            (_, None) => self.most = self.most.max(count),
            (_, Some(_)) => {
                self.seconds = self.until(now);
                self.asleep_since = None;
                self.most = count;
            }
        }
    }

    pub(super) fn until(&self, now: Instant) -> f64 {
        let asleep = self
            .asleep_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.seconds + asleep.as_secs_f64() * f64::from(self.most.max(1))
    }
}
