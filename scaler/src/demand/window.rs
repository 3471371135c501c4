use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Averages of less than this would make much of one request.
const LEAST_COVERED: Duration = Duration::from_secs(1);

/// Sums of one member's reports about one workload, in the member's buckets of a second; never more of them than the window has seconds,
/// and one. Time that the member's reports cover and no bucket stands for was without demand.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    buckets: VecDeque<Bucket>,
}

#[derive(Debug, Clone)]
struct Bucket {
    start: Instant,
    /// Request-seconds in flight.
    in_flight: f64,
    /// Request-seconds held.
    held: f64,
    requests: u64,
}

/// The time that averages are over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Over {
    pub(super) span: Duration,
    /// Covered by reports within the span.
    pub(super) reported: Duration,
    /// Without a report.
    pub(super) silent: Duration,
}

impl Over {
    /// Reported or silent.
    pub(super) fn covered(self) -> Duration {
        self.reported.saturating_add(self.silent.min(self.span))
    }
}

/// One member's averages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Average {
    pub(super) in_flight: f64,
    pub(super) held: f64,
    pub(super) rate: f64,
}

impl Window {
    /// Adds to the bucket that began at `start`, which never goes back.
    pub(super) fn add(
        &mut self,
        start: Instant,
        (in_flight, held): (f64, f64),
        requests: u64,
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
            Some(last) if last.start == start => {
                last.in_flight += in_flight;
                last.held += held;
                last.requests = last.requests.saturating_add(requests);
            }
            _ => self.buckets.push_back(Bucket {
                start,
                in_flight,
                held,
                requests,
            }),
        }
    }

    /// Averages; for the silent time what is `assumed` in flight and held is taken to have gone on.
    pub(super) fn average(&self, over: Over, assumed: (f64, f64), now: Instant) -> Average {
        let silent = over.silent.min(over.span);
        let mut in_flight = assumed.0 * silent.as_secs_f64();
        let mut held = assumed.1 * silent.as_secs_f64();
        let mut requests = 0_u64;
        for bucket in self.buckets.iter().rev() {
            if now.saturating_duration_since(bucket.start) >= over.span {
                break;
            }
            in_flight += bucket.in_flight;
            held += bucket.held;
            requests = requests.saturating_add(bucket.requests);
        }
        let covered = over.covered();
        Average {
            in_flight: in_flight / covered.max(LEAST_COVERED).as_secs_f64(),
            held: held / covered.max(LEAST_COVERED).as_secs_f64(),
            #[expect(
                clippy::cast_precision_loss,
                reason = "2^53 requests in a window are out of reach"
            )]
            rate: requests as f64 / over.reported.max(LEAST_COVERED).as_secs_f64(),
        }
    }
}
