//! What came out for one policy.

use std::time::Duration;

/// Parts of the trace's length that plots are drawn from.
pub const BINS: usize = 480;

/// One policy's account, of one workload or the sum over many.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Requests that came.
    pub requests: u64,
    /// Requests that were served; all of them, unless the policy gave none of them a replica for a day after the trace's end.
    pub served: u64,
    /// How long those waited that waited at all, in nanoseconds; in no order.
    pub waits: Vec<u64>,
    /// Replicas that existed, starting and draining ones too, over time within the trace's length; replica-nanoseconds.
    pub replicas: u128,
    /// More than were needed, of it; replica-nanoseconds.
    pub over: u128,
    /// Fewer ready than needed; replica-nanoseconds.
    pub under: u128,
    /// From zero to one or more.
    pub wakes: u64,
    /// Replicas started.
    pub starts: u64,
    /// The largest count asked for; of many workloads the largest of any.
    pub peak: u32,
    /// Over time.
    pub series: Series,
}

/// Sums over each of [`BINS`] equal parts of the trace's length.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Replica-seconds.
    pub replicas: Vec<f64>,
    /// Request-seconds waited.
    pub held: Vec<f64>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            requests: 0,
            served: 0,
            waits: Vec::new(),
            replicas: 0,
            over: 0,
            under: 0,
            wakes: 0,
            starts: 0,
            peak: 0,
            series: Series {
                replicas: vec![0.0; BINS],
                held: vec![0.0; BINS],
            },
        }
    }
}

impl Outcome {
    /// Takes another's account to its own.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.served += other.served;
        self.waits.extend_from_slice(&other.waits);
        self.replicas += other.replicas;
        self.over += other.over;
        self.under += other.under;
        self.wakes += other.wakes;
        self.starts += other.starts;
        self.peak = self.peak.max(other.peak);
        sum(&mut self.series.replicas, &other.series.replicas);
        sum(&mut self.series.held, &other.series.held);
    }

    /// A request was sent to a replica after this wait.
    pub(crate) fn sent(&mut self, waited: Duration) {
        self.served += 1;
        if waited > Duration::ZERO {
            self.waits
                .push(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

pub(crate) fn sum(into: &mut [f64], from: &[f64]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into += from;
    }
}
