//! What was needed at each moment, and the clairvoyant bound that follows from it.
//!
//! **Needed** are the replicas for the requests that would be at work if `max` replicas had been ready all along: their number over the
//! capacity, rounded up. It depends on the trace alone, so every policy is measured by it.
//!
//! **Clairvoyant**: knows the trace. Serves every request as early as `max` replicas can (at once, unless those are too few), with
//! replicas started the start-up time before they are needed and stopped in the moment they are not, except where staying costs no
//! more than starting anew. Requests may move between its replicas for nothing. No policy with at most `max`
//! replicas can start any request earlier in the order of arrival, and none that starts each as early can have fewer replica-seconds.
//! (Replicas that were let go and finish what they have are not counted against `max`, as in Kubernetes; with them a policy can have more
//! at work than the bound.) Starts before the trace's beginning count from the beginning.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::Settings;
use crate::engine::meter::{Meter, Standing};
use crate::outcome::{BINS, Outcome};
use crate::trace::Request;

/// From `at` on so many are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Since the trace's beginning.
    pub at: Duration,
    /// Requests at work.
    pub requests: u32,
    /// Replicas, at most `max`.
    pub needed: u32,
}

/// What was needed, and how long requests wait all the same.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ideal {
    /// By time, each at another.
    pub steps: Vec<Step>,
    /// By request, in the trace's order: not zero where `max` replicas are too few.
    pub waits: Vec<Duration>,
}

impl Ideal {
    /// Of one workload's requests, by time.
    #[must_use]
    pub fn of(requests: &[Request], settings: &Settings) -> Self {
        let slots = usize::try_from(u64::from(settings.capacity) * u64::from(settings.max))
            .unwrap_or(usize::MAX);
        let mut busy = BinaryHeap::new();
        let mut changes = Vec::with_capacity(requests.len() * 2);
        let mut waits = Vec::with_capacity(requests.len());
        for request in requests {
            while busy.peek().is_some_and(|Reverse(end)| *end <= request.at) {
                busy.pop();
            }
            let mut start = request.at;
            if busy.len() >= slots
                && let Some(Reverse(end)) = busy.pop()
            {
                start = start.max(end);
            }
            busy.push(Reverse(start + request.duration));
            changes.push((start, 1_i64));
            changes.push((start + request.duration, -1));
            waits.push(start - request.at);
        }
        changes.sort_unstable();
        Self {
            steps: steps(&changes, settings),
            waits,
        }
    }

    /// The most that were needed.
    #[must_use]
    pub fn peak(&self) -> u32 {
        self.steps.iter().map(|step| step.needed).max().unwrap_or(0)
    }

    /// Requests at work over time: request-seconds in each bin.
    #[must_use]
    pub fn demand(&self, length: Duration) -> Vec<f64> {
        let mut bins = vec![0.0; BINS];
        for pair in self.steps.windows(2) {
            let [from, to] = pair else { continue };
            if from.requests > 0 && from.at < length {
                let end = to.at.min(length);
                let amount = f64::from(from.requests);
                crate::engine::meter::spread(&mut bins, from.at, end, length, amount);
            }
        }
        bins
    }

    /// The bound.
    #[must_use]
    pub fn clairvoyant(&self, settings: &Settings, length: Duration) -> Outcome {
        let mut outcome = Outcome {
            requests: self.waits.len() as u64,
            peak: self.peak(),
            ..Outcome::default()
        };
        for wait in &self.waits {
            outcome.sent(*wait);
        }
        let mut meter = Meter::new(self, length);
        let mut existing = 0_i64;
        for (at, change) in self.replicas(settings.start_up, &mut outcome) {
            meter.advance(at, standing(existing), &mut outcome);
            existing += change;
        }
        meter.advance(length, standing(existing), &mut outcome);
        outcome.under = 0;
        outcome
    }

    /// When the clairvoyant's replicas come and go.
    fn replicas(&self, start_up: Duration, outcome: &mut Outcome) -> Vec<(Duration, i64)> {
        let mut changes = Vec::new();
        // Of each that was ever needed: until when it last was.
        let mut left: Vec<Option<Duration>> = Vec::new();
        let mut needed = 0;
        for step in &self.steps {
            let wanted = step.needed as usize;
            left.resize(left.len().max(wanted), None);
            for (level, left) in left.iter_mut().enumerate().take(wanted).skip(needed) {
                let idle = left.map(|at| (at, step.at - at));
                match idle {
                    Some((_, idle)) if idle <= start_up => {}
                    _ => {
                        if let Some((at, _)) = idle {
                            changes.push((at, -1));
                        }
                        changes.push((step.at.saturating_sub(start_up), 1));
                        outcome.starts += 1;
                        outcome.wakes += u64::from(level == 0);
                    }
                }
            }
            for left in left.iter_mut().take(needed).skip(wanted) {
                *left = Some(step.at);
            }
            needed = wanted;
        }
        changes.extend(left.iter().skip(needed).flatten().map(|at| (*at, -1)));
        changes.sort_unstable();
        changes
    }
}

fn standing(existing: i64) -> Standing {
    let existing = u32::try_from(existing).unwrap_or(0);
    Standing {
        existing,
        ready: existing,
        held: 0,
    }
}

/// Changes at one moment are one; those that leave things as they were are none.
fn steps(changes: &[(Duration, i64)], settings: &Settings) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut requests = 0_i64;
    for same in changes.chunk_by(|a, b| a.0 == b.0) {
        let Some((at, _)) = same.first() else {
            continue;
        };
        let sum: i64 = same.iter().map(|(_, change)| change).sum();
        requests += sum;
        if sum != 0 {
            let requests = u32::try_from(requests).unwrap_or(u32::MAX);
            steps.push(Step {
                at: *at,
                requests,
                needed: settings.needed(requests),
            });
        }
    }
    steps
}
