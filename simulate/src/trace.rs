//! Requests by time and workload.

mod csv;
mod generate;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::Duration;

pub use csv::{TraceError, read};
pub use generate::{Generated, Kind};

/// One request: when it comes, and how long a replica works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Since the trace's beginning.
    pub at: Duration,
    /// At the replica, without any wait.
    pub duration: Duration,
}

/// All requests to one workload, by time.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// By time.
    pub requests: Vec<Request>,
}

/// Where workloads come from. Generated ones are made when they are needed and not kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Trace {
    /// From a file.
    Recorded {
        /// In the order of their first request's line.
        workloads: Vec<Workload>,
        /// Accounts are made up to here.
        length: Duration,
    },
    /// From a seed.
    Generated(Generated),
}

impl Trace {
    /// How many workloads.
    #[must_use]
    pub fn workloads(&self) -> usize {
        match self {
            Self::Recorded { workloads, .. } => workloads.len(),
            Self::Generated(generated) => generated.workloads,
        }
    }

    /// Accounts are made up to here.
    #[must_use]
    pub fn length(&self) -> Duration {
        match self {
            Self::Recorded { length, .. } => *length,
            Self::Generated(generated) => generated.length,
        }
    }

    /// The requests of the workload with this number; none of one that is not there.
    #[must_use]
    pub fn requests(&self, workload: usize) -> Cow<'_, [Request]> {
        match self {
            Self::Recorded { workloads, .. } => workloads
                .get(workload)
                .map_or(Cow::Borrowed(&[]), |one| Cow::Borrowed(&one.requests)),
            Self::Generated(generated) => Cow::Owned(generated.requests(workload)),
        }
    }
}
