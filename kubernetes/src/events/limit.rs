use std::collections::BTreeMap;
use std::time::Duration;

use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

/// Of one workload at once; then one each [`EACH`].
const BURST: u32 = 10;
const EACH: Duration = Duration::from_mins(1);

/// Of all at once; then one each [`EACH_OF_ALL`].
const BURST_OF_ALL: u32 = 50;
const EACH_OF_ALL: Duration = Duration::from_millis(200);

/// How many Events may be written: a bucket for each workload, and one for all.
#[derive(Debug, Default)]
pub(super) struct Limit {
    all: Bucket,
    /// Those that are not full: as many as were told of in the last `BURST * EACH`.
    each: BTreeMap<WorkloadId, Bucket>,
    swept: Option<Instant>,
}

/// Full when the debt is paid off.
#[derive(Debug, Default)]
struct Bucket {
    /// Until then each that was taken costs.
    paid: Option<Instant>,
}

impl Bucket {
    fn has(&self, burst: u32, each: Duration, now: Instant) -> bool {
        let debt = self.paid.map(|paid| paid.saturating_duration_since(now));
        debt.unwrap_or_default() + each <= each * burst
    }

    fn take(&mut self, each: Duration, now: Instant) {
        self.paid = Some(self.paid.map_or(now, |paid| paid.max(now)) + each);
    }
}

impl Limit {
    /// Whether one more may be written, and counts it.
    pub(super) fn take(&mut self, workload: &WorkloadId, now: Instant) -> bool {
        self.sweep(now);
        let own = self.each.get(workload);
        let has_own = own.is_none_or(|own| own.has(BURST, EACH, now));
        if !has_own || !self.all.has(BURST_OF_ALL, EACH_OF_ALL, now) {
            return false;
        }
        self.all.take(EACH_OF_ALL, now);
        self.each
            .entry(workload.clone())
            .or_default()
            .take(EACH, now);
        true
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + EACH) {
            return;
        }
        self.swept = Some(now);
        self.each
            .retain(|_, bucket| bucket.paid.is_some_and(|paid| paid > now));
    }
}
