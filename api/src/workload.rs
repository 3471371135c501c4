//! A validated workload: every default applied, every contradiction already refused.

mod behavior;
mod edge;
mod http;
mod id;
mod process;
mod route;
mod scale;
mod tls;
mod trigger;

pub use behavior::Behavior;
pub use edge::{Respond, Rule, RuleAction, RuleMatch, WakeRequires, WhileWaking};
pub use http::{Dial, Front, Hold, Http, Protocol, Readiness, Service, ServicePort, Timeouts};
pub use id::WorkloadId;
pub use process::{Probe, ProbeAction, Process};
pub use route::{HeaderMatch, HostPattern, InvalidHost, InvalidPath, PathPrefix, Route};
pub use scale::{OnDelete, Scale};
pub use tls::{Tls, TlsFiles};
pub use trigger::{
    Access, Asked, Credential, Cron, External, KeyIn, MetricsApi, Polled, Query, Queue, Resource,
    Source, Trigger, Usage,
};

/// One thing that scales, as the scaler sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Its name, unique in this installation.
    pub id: WorkloadId,
    /// How many replicas, and when.
    pub scale: Scale,
    /// How requests reach it; absent for a worker that only triggers scale.
    pub http: Option<Http>,
    /// Sources of demand other than HTTP.
    pub triggers: Vec<Trigger>,
    /// Others of its namespace that are woken together with it, and kept while it is awake. It is none of them, but that they are there is
    /// not known, nor that none of them wakes it in turn: see [`wakes`](crate::load::wakes).
    pub wakes: Vec<WorkloadId>,
    /// What a replica is.
    pub target: Target,
    /// Of two workloads that claim one route the smaller keeps it; of two alike the one whose id is smaller. In files their order,
    /// in a cluster the second in which the resource was made.
    pub rank: i64,
}

/// What a replica of a workload is.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Standalone mode: one local process per replica.
    Process(Process),
    /// In a cluster: an object with a scale subresource, in the workload's namespace.
    Scalable(Scalable),
}

/// An object with a scale subresource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scalable {
    /// Group and version, e.g. `apps/v1`.
    pub api_version: String,
    /// Its kind, e.g. `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
}
