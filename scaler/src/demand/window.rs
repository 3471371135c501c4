use std::collections::VecDeque;
use std::ops::{AddAssign, SubAssign};
use std::time::Duration;

use tokio::time::Instant;

use super::roster::BUCKET;

/// Averages of less than this would make much of one request.
const LEAST_COVERED: Duration = Duration::from_secs(1);

/// Request-seconds are counted in millionths: whole numbers can be taken away again exactly.
const UNIT: f64 = 1e6;

/// Sums of one member's reports about one workload, in the member's buckets; never more of them than the window has seconds times
/// two, and one. Time that the member's reports cover and no bucket stands for was without demand. The sums over both windows are kept as
/// reports come, so that a look need not add up.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    buckets: VecDeque<Bucket>,
    /// Of all buckets.
    whole: Sums,
    /// Of the newest ones.
    recent: Sums,
    /// How many these are.
    recent_len: usize,
}

#[derive(Debug, Clone)]
struct Bucket {
    start: Instant,
    sums: Sums,
}

/// Millionths of request-seconds, and requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    in_flight: u64,
    held: u64,
    requests: u64,
}

impl Sums {
    /// Request-seconds in flight and held, and requests that came. What is no amount, as it may come over a wire, counts as none.
    pub(super) fn new(in_flight: f64, held: f64, requests: u64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let units = |seconds: f64| match seconds.is_finite() {
            true => (seconds * UNIT).round() as u64,
            false => 0,
        };
        Self {
            in_flight: units(in_flight),
            held: units(held),
            requests,
        }
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.in_flight = self.in_flight.saturating_add(other.in_flight);
        self.held = self.held.saturating_add(other.held);
        self.requests = self.requests.saturating_add(other.requests);
    }
}

impl SubAssign for Sums {
    fn sub_assign(&mut self, other: Self) {
        self.in_flight = self.in_flight.saturating_sub(other.in_flight);
        self.held = self.held.saturating_sub(other.held);
        self.requests = self.requests.saturating_sub(other.requests);
    }
}

/// The two windows' lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spans {
    pub(super) whole: Duration,
    /// At most `whole`.
    pub(super) recent: Duration,
}

/// What is older than a span reaches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutoff(Option<Instant>);

impl Cutoff {
    pub(super) fn of(span: Duration, now: Instant) -> Self {
        Self(now.checked_sub(span))
    }

    pub(super) fn is_old(self, at: Instant) -> bool {
        self.0.is_some_and(|cutoff| at <= cutoff)
    }
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
    pub(super) fn add(&mut self, start: Instant, sums: Sums, spans: Spans, now: Instant) {
        self.forget(spans, now);
        self.whole += sums;
        self.recent += sums;
        match self.buckets.back_mut() {
            Some(last) if last.start == start => last.sums += sums,
            _ => {
                self.buckets.push_back(Bucket { start, sums });
                self.recent_len += 1;
            }
        }
    }

    /// Takes away what the windows don't reach.
    fn forget(&mut self, spans: Spans, now: Instant) {
        let (whole, recent) = (Cutoff::of(spans.whole, now), Cutoff::of(spans.recent, now));
        while self.recent_len > 0
            && let Some(oldest) = self.buckets.get(self.buckets.len() - self.recent_len)
            && recent.is_old(oldest.start)
        {
            self.recent -= oldest.sums;
            self.recent_len -= 1;
        }
        while let Some(oldest) = self.buckets.front()
            && self.buckets.len() > self.recent_len
            && whole.is_old(oldest.start)
        {
            self.whole -= oldest.sums;
            self.buckets.pop_front();
        }
        // The last bucket may be merged into yet, and must be among the recent ones then.
        if self.recent_len == 0 {
            self.recent = Sums::default();
            if let Some(last) = self.buckets.back() {
                self.recent = last.sums;
                self.recent_len = 1;
            }
        }
    }

    /// The windows are of other lengths from now on.
    pub(super) fn look_over(&mut self) {
        self.recent = self.whole;
        self.recent_len = self.buckets.len();
    }

    /// Over the whole window; for the silent time what is `assumed` in flight and held is taken to have gone on.
    pub(super) fn average(&self, over: Over, cutoff: Cutoff, assumed: (f64, f64)) -> Average {
        average(
            self.within(self.whole, self.buckets.len(), cutoff),
            over,
            assumed,
        )
    }

    /// The same over the recent window.
    pub(super) fn recent(&self, over: Over, cutoff: Cutoff, assumed: (f64, f64)) -> Average {
        average(
            self.within(self.recent, self.recent_len, cutoff),
            over,
            assumed,
        )
    }

    /// `sums` of the newest `len` buckets, without those that have become old since the last report.
    fn within(&self, mut sums: Sums, len: usize, cutoff: Cutoff) -> Sums {
        if self
            .buckets
            .back()
            .is_none_or(|last| cutoff.is_old(last.start))
        {
            return Sums::default();
        }
        let first = self.buckets.len().saturating_sub(len);
        for bucket in self.buckets.range(first..) {
            if !cutoff.is_old(bucket.start) {
                break;
            }
            sums -= bucket.sums;
        }
        sums
    }

    /// Requests in the last report, which began a bucket at `last`, and in the last two.
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 requests in two seconds are out of reach"
    )]
    pub(super) fn latest(&self, last: Instant) -> (f64, f64) {
        let (mut newest, mut both) = (0_u64, 0_u64);
        for bucket in self.buckets.iter().rev() {
            // Reports are a second apart, about.
            let age = last.saturating_duration_since(bucket.start);
            if age >= BUCKET * 3 / 2 {
                break;
            }
            both = both.saturating_add(bucket.sums.requests);
            if age < BUCKET / 2 {
                newest = newest.saturating_add(bucket.sums.requests);
            }
        }
        (newest as f64, both as f64)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 millionths are a billion request-seconds"
)]
fn average(sums: Sums, over: Over, assumed: (f64, f64)) -> Average {
    let silent = over.silent.min(over.span).as_secs_f64();
    let covered = over.covered().max(LEAST_COVERED).as_secs_f64();
    let mean = |sum: u64, assumed: f64| (sum as f64 / UNIT + assumed * silent) / covered;
    Average {
        in_flight: mean(sums.in_flight, assumed.0),
        held: mean(sums.held, assumed.1),
        rate: sums.requests as f64 / over.reported.max(LEAST_COVERED).as_secs_f64(),
    }
}
