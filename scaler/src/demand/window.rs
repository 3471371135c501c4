use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Reports that arrive within one bucket's span are added up.
const BUCKET: Duration = Duration::from_secs(1);

/// Averages of less than this would make much of one request.
const LEAST_COVERED: Duration = Duration::from_secs(1);

/// Sums of one member's reports in buckets of a second; never more of them than the window has seconds, and one.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    buckets: VecDeque<Bucket>,
}

#[derive(Debug, Clone)]
struct Bucket {
    start: Instant,
    /// Request-seconds, in flight and held.
    integral: f64,
    requests: u64,
    length: Duration,
}

/// One member's averages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Average {
    pub(super) concurrency: f64,
    pub(super) rate: f64,
    pub(super) covered: Duration,
}

impl Window {
    pub(super) fn add(
        &mut self,
        integral: f64,
        requests: u64,
        length: Duration,
        window: Duration,
        now: Instant,
    ) {
        while self
            .buckets
            .front()
            .is_some_and(|b| now.saturating_duration_since(b.start) >= window)
        {
            self.buckets.pop_front();
        }
        match self.buckets.back_mut() {
            Some(last) if now.saturating_duration_since(last.start) < BUCKET => {
                last.integral += integral;
                last.requests = last.requests.saturating_add(requests);
                last.length = last.length.saturating_add(length);
            }
            _ => self.buckets.push_back(Bucket {
                start: now,
                integral,
                requests,
                length,
            }),
        }
    }

    /// Averages over the last `span`. For `silent` (time without a report) the `assumed` concurrency is taken to have gone on.
    pub(super) fn average(
        &self,
        span: Duration,
        silent: Duration,
        assumed: f64,
        now: Instant,
    ) -> Average {
        let silent = silent.min(span);
        let mut integral = assumed * silent.as_secs_f64();
        let mut requests = 0_u64;
        let mut reported = Duration::ZERO;
        for bucket in self.buckets.iter().rev() {
            if now.saturating_duration_since(bucket.start) >= span {
                break;
            }
            integral += bucket.integral;
            requests = requests.saturating_add(bucket.requests);
            reported = reported.saturating_add(bucket.length);
        }
        let covered = reported.saturating_add(silent);
        Average {
            concurrency: integral / covered.max(LEAST_COVERED).as_secs_f64(),
            #[expect(
                clippy::cast_precision_loss,
                reason = "2^53 requests in a window are out of reach"
            )]
            rate: requests as f64 / reported.max(LEAST_COVERED).as_secs_f64(),
            covered,
        }
    }
}
