//! How many retries a workload's requests may cost: a share of what succeeds, so that a failing workload is not hit twice as hard.

use parking_lot::Mutex;
use tokio::time::Instant;

/// Retries earned by each request: one for every four.
const EARNED: f64 = 0.25;
/// Retries per second that even a quiet workload may make.
const MIN_PER_SECOND: f64 = 10.0;
/// Earned retries are kept up to this.
const MOST: f64 = 100.0;

/// A token bucket filled by requests and, slowly, by time.
#[derive(Debug)]
pub(crate) struct RetryBudget(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    last: Instant,
}

impl RetryBudget {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Bucket {
            tokens: MIN_PER_SECOND,
            last: now,
        }))
    }

    /// A request was answered.
    pub(crate) fn earn(&self) {
        let mut bucket = self.0.lock();
        bucket.tokens = (bucket.tokens + EARNED).min(MOST);
    }

    /// Whether one more retry is allowed; it is taken.
    pub(crate) fn spend(&self, now: Instant) -> bool {
        let mut bucket = self.0.lock();
        let passed = now.saturating_duration_since(bucket.last).as_secs_f64();
        bucket.last = now;
        if bucket.tokens < MIN_PER_SECOND {
            bucket.tokens = (bucket.tokens + passed * MIN_PER_SECOND).min(MIN_PER_SECOND);
        }
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn retries_are_a_share_of_requests_with_a_small_floor() {
        let start = Instant::now();
        let budget = RetryBudget::new(start);
        let spend = |n: usize, now| (0..n).filter(|_| budget.spend(now)).count();
        assert_eq!(spend(100, start), 10, "the floor");
        (0..40).for_each(|_| budget.earn());
        assert_eq!(spend(100, start), 10, "a quarter of forty");
        assert_eq!(
            spend(100, start + Duration::from_millis(500)),
            5,
            "half a second of the floor"
        );
        assert_eq!(
            spend(100, start + Duration::from_secs(100)),
            10,
            "time alone never fills it above the floor"
        );
    }
}
