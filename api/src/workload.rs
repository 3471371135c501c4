//! A validated workload: every default applied, every contradiction already refused.

mod http;
mod id;
mod process;
mod route;
mod scale;

pub use http::{Hold, Http, Protocol, Timeouts};
pub use id::WorkloadId;
pub use process::{Probe, ProbeAction, Process};
pub use route::{HeaderMatch, HostPattern, InvalidHost, InvalidPath, PathPrefix, Route};
pub use scale::Scale;

/// One thing that scales, as the scaler sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Its name, unique in this installation.
    pub id: WorkloadId,
    /// How many replicas, and when.
    pub scale: Scale,
    /// How requests reach it; absent for a worker that only triggers scale.
    pub http: Option<Http>,
    /// What a replica is.
    pub target: Target,
}

/// What a replica of a workload is.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Standalone mode: one local process per replica.
    Process(Process),
}
