//! What came out, in numbers for people and programs.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::outcome::Outcome;
use crate::run::{PolicyKind, Results};

/// One trace's results.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The trace: a kind or a file.
    pub trace: String,
    /// The seed of a generated one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How many workloads.
    pub workloads: usize,
    /// The trace's length.
    pub length_seconds: f64,
    /// By policy.
    pub policies: Vec<Summary>,
}

/// One policy's part. Times are sums over all workloads.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its name.
    pub policy: &'static str,
    /// Requests that came.
    pub requests: u64,
    /// Requests that were never served.
    pub unserved: u64,
    /// Requests that waited at all.
    pub delayed: u64,
    /// The median of their waits.
    pub wait_p50_seconds: f64,
    /// The 99th percentile of their waits.
    pub wait_p99_seconds: f64,
    /// The sum of their waits.
    pub waited_seconds: f64,
    /// Replicas that existed over time.
    pub replica_seconds: f64,
    /// More than needed, of it.
    pub over_seconds: f64,
    /// Fewer ready than needed.
    pub under_seconds: f64,
    /// From zero to one or more.
    pub wakes: u64,
    /// Replicas started.
    pub starts: u64,
    /// The largest count of any workload.
    pub peak: u32,
}

impl Report {
    /// Of a trace's results.
    #[must_use]
    pub fn new(trace: impl Into<String>, seed: Option<u64>, results: &Results) -> Self {
        let summary = |(kind, outcome): &(PolicyKind, Outcome)| Summary::of(*kind, outcome);
        Self {
            trace: trace.into(),
            seed,
            workloads: results.workloads,
            length_seconds: results.length.as_secs_f64(),
            policies: results.policies.iter().map(summary).collect(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "within a billionth")]
impl Summary {
    fn of(kind: PolicyKind, outcome: &Outcome) -> Self {
        let mut waits = outcome.waits.clone();
        waits.sort_unstable();
        let seconds = |nanos: u128| nanos as f64 / 1e9;
        Self {
            policy: kind.name(),
            requests: outcome.requests,
            unserved: outcome.requests - outcome.served,
            delayed: waits.len() as u64,
            wait_p50_seconds: seconds(percentile(&waits, 50).into()),
            wait_p99_seconds: seconds(percentile(&waits, 99).into()),
            waited_seconds: seconds(waits.iter().map(|wait| u128::from(*wait)).sum()),
            replica_seconds: seconds(outcome.replicas),
            over_seconds: seconds(outcome.over),
            under_seconds: seconds(outcome.under),
            wakes: outcome.wakes,
            starts: outcome.starts,
            peak: outcome.peak,
        }
    }
}

/// The smallest value that so many percent are not above; zero of none.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

const COLUMNS: [&str; 10] = [
    "policy",
    "delayed",
    "% of all",
    "p50 s",
    "p99 s",
    "replica-s",
    "over",
    "under",
    "wakes",
    "peak",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.policies.first().map_or(0, |one| one.requests);
        write!(
            f,
            "{}: {} workloads, {requests} requests",
            self.trace, self.workloads
        )?;
        write!(f, " in {} s", self.length_seconds)?;
        match self.seed {
            Some(seed) => writeln!(f, ", seed {seed}")?,
            None => writeln!(f)?,
        }
        let mut rows = vec![COLUMNS.map(str::to_owned)];
        rows.extend(self.policies.iter().map(Summary::row));
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
        for row in &rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(line, "{cell:<width$}")?,
                    _ => write!(line, "  {cell:>width$}")?,
                }
            }
            writeln!(f, "{line}")?;
        }
        for one in self.policies.iter().filter(|one| one.unserved > 0) {
            writeln!(
                f,
                "{}: {} requests were never served",
                one.policy, one.unserved
            )?;
        }
        Ok(())
    }
}

impl Summary {
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    fn row(&self) -> [String; COLUMNS.len()] {
        let share = self.delayed as f64 * 100.0 / (self.requests.max(1)) as f64;
        [
            self.policy.to_owned(),
            self.delayed.to_string(),
            format!("{share:.3}"),
            format!("{:.2}", self.wait_p50_seconds),
            format!("{:.2}", self.wait_p99_seconds),
            format!("{:.0}", self.replica_seconds),
            format!("{:.0}", self.over_seconds),
            format!("{:.0}", self.under_seconds),
            self.wakes.to_string(),
            self.peak.to_string(),
        ]
    }
}
