//! Accounts over time: replicas against what is needed, and who waits.

use std::time::Duration;

use crate::ideal::Ideal;
use crate::outcome::{BINS, Outcome};

/// Integrates between changes, within the trace's length.
pub(crate) struct Meter<'a> {
    ideal: &'a Ideal,
    /// The next change of what is needed.
    step: usize,
    needed: u32,
    at: Duration,
    length: Duration,
}

/// What stands between two changes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    pub(crate) existing: u32,
    pub(crate) ready: u32,
    pub(crate) held: u32,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(ideal: &'a Ideal, length: Duration) -> Self {
        Self {
            ideal,
            step: 0,
            needed: 0,
            at: Duration::ZERO,
            length,
        }
    }

    /// So it has stood since the last call, until `now`.
    pub(crate) fn advance(&mut self, now: Duration, standing: Standing, outcome: &mut Outcome) {
        let end = now.min(self.length);
        while let Some(step) = self
            .ideal
            .steps
            .get(self.step)
            .filter(|step| step.at <= end)
        {
            self.piece(step.at, standing, outcome);
            self.needed = step.needed;
            self.step += 1;
        }
        self.piece(end, standing, outcome);
    }

    fn piece(&mut self, end: Duration, standing: Standing, outcome: &mut Outcome) {
        let Some(span) = end.checked_sub(self.at).filter(|span| !span.is_zero()) else {
            return;
        };
        let times = |count: u32| span.as_nanos() * u128::from(count);
        outcome.replicas += times(standing.existing);
        outcome.over += times(standing.existing.saturating_sub(self.needed));
        outcome.under += times(self.needed.saturating_sub(standing.ready));
        if standing.existing > 0 {
            let amount = f64::from(standing.existing);
            spread(
                &mut outcome.series.replicas,
                self.at,
                end,
                self.length,
                amount,
            );
        }
        if standing.held > 0 {
            let amount = f64::from(standing.held);
            spread(&mut outcome.series.held, self.at, end, self.length, amount);
        }
        self.at = end;
    }
}

/// Adds `amount` times the seconds from `from` to `to` to the bins they lie in.
pub(crate) fn spread(
    bins: &mut [f64],
    from: Duration,
    to: Duration,
    length: Duration,
    amount: f64,
) {
    let width = length.as_secs_f64() / BINS as f64;
    let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
    let mut bin = bin_at(from, width);
    let mut at = from;
    while at < to {
        let end = if bin + 1 < BINS {
            ((bin + 1) as f64 * width).min(to)
        } else {
            to
        };
        if let Some(sum) = bins.get_mut(bin) {
            *sum += amount * (end - at).max(0.0);
        }
        if bin + 1 >= BINS {
            return;
        }
        at = at.max(end);
        bin += 1;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the bins"
)]
fn bin_at(at: f64, width: f64) -> usize {
    (at / width).clamp(0.0, (BINS - 1) as f64) as usize
}
