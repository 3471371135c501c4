//! What runs replicas. The controller says how many; the platform makes it so and says what it observes.

pub mod local;

mod observations;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::{EndpointId, Failure};
use rouse_api::workload::{Workload, WorkloadId};
use tokio::time::Instant;

pub use observations::Observations;

/// Everything about one workload's replicas as the platform sees them: a level, not an edge. Replaces what was observed before.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The workload.
    pub workload: WorkloadId,
    /// Every replica that has an address.
    pub replicas: Vec<Replica>,
    /// Set while none can come up.
    pub failure: Option<Failure>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its name; never used again for another.
    pub id: EndpointId,
    /// Where it listens.
    pub address: SocketAddr,
    /// How far it is.
    pub state: ReplicaState,
    /// It runs another specification than the one applied last; it stays until a scale names it as a victim.
    pub outdated: bool,
    /// When it was started.
    pub started: Instant,
    /// When it was ready for the first time.
    pub ready_since: Option<Instant>,
}

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaState {
    /// Not ready, or not any more.
    Starting,
    /// Takes requests.
    Ready,
    /// Told to stop: nothing may be sent to it, and it counts no more.
    Terminating,
}

/// Why the platform did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlatformError(pub String);

/// What runs replicas.
pub trait Platform: Send + Sync + 'static {
    /// From now on the workload's replicas are as its target says. Replaces running ones when that has changed: new ones are
    /// started beside them, and the old ones are observed as outdated. Returns at once.
    fn apply(&self, workload: Arc<Workload>);

    /// The workload is no more: what is left of it stops. Returns at once.
    fn forget(&self, workload: &WorkloadId);

    /// The workload shall have so many replicas beside its outdated ones; the `victims` go first (outdated ones only when
    /// named, or when `replicas` is zero). Asked again with a count above zero it tries anew what had failed for good.
    /// Done when the platform has taken it on, not when the replicas are there.
    fn scale(
        &self,
        workload: WorkloadId,
        replicas: u32,
        victims: Vec<EndpointId>,
    ) -> impl Future<Output = Result<(), PlatformError>> + Send;

    /// The next workload whose observation has changed. Safe to drop and call again.
    fn observe(&self) -> impl Future<Output = Observation> + Send;

    /// Stops everything that must not outlive Rouse, gracefully within `deadline`.
    fn shutdown(&self, deadline: Duration) -> impl Future<Output = ()> + Send;
}
