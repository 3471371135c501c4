//! What runs replicas. The controller says how many; the platform makes it so and says what it observes.

pub mod local;

mod observations;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rouse_api::link::{EndpointId, Failure, Fallback};
use rouse_api::workload::{Probe, Usage, Workload, WorkloadId};
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
    /// Why it takes long, while that is not known to be final.
    pub progress: Option<Failure>,
    /// The count as the platform has it, where others can change it too. `None`: only Rouse can.
    pub count: Option<Count>,
    /// Set while nothing may be scaled, neither down nor by a wake: paused, stopped by hand, owned by another, target not there.
    /// Requests are told so while no replica is ready.
    pub blocked: Option<Failure>,
    /// Another autoscaler rules the count above zero, and never below this: then Rouse does zero and this, nothing between.
    pub governed: Option<u32>,
    /// The Service's own address.
    pub service: Option<SocketAddr>,
    /// The platform has no record that the workload was ever scaled or looked after: it may begin with its initial count.
    pub fresh: bool,
    /// Where requests go until a replica is ready.
    pub fallback: Option<Box<Fallback>>,
    /// What is on record of a workload that is only observed.
    pub would_have: Option<WouldHave>,
    /// What replicas are started as; `None`: not known now.
    pub revision: Option<Revision>,
    /// The revision on record as tried last.
    pub verified: Option<Verified>,
}

/// What replicas are started as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Another for another specification.
    pub name: Arc<str>,
    /// None of the replicas is of an older one.
    pub whole: bool,
}

/// A revision that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its name.
    pub revision: Arc<str>,
    /// Why no replica of it was ready; `None`: one was.
    pub failure: Option<Failure>,
}

/// What a workload that is only observed would have done, in sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WouldHave {
    /// Since when it is observed.
    pub since: Timestamp,
    /// Times that it would have gone to sleep.
    pub sleeps: u64,
    /// Times that something would have woken it.
    pub wakes: u64,
    /// Replica-seconds that there were, less those that there would have been.
    pub saved_replica_seconds: f64,
}

/// How many replicas a target shall have, by the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count {
    /// Larger is newer; of one target only.
    pub version: u64,
    /// `spec.replicas`.
    pub replicas: u32,
}

impl Observation {
    /// Replicas and nothing more.
    #[must_use]
    pub fn of(workload: WorkloadId, replicas: Vec<Replica>, failure: Option<Failure>) -> Self {
        Self {
            workload,
            replicas,
            failure,
            progress: None,
            count: None,
            blocked: None,
            governed: None,
            service: None,
            fresh: false,
            fallback: None,
            would_have: None,
            revision: None,
            verified: None,
        }
    }
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
    /// While it is starting: how a proxy may find out that it is ready. `None`: only the platform can.
    pub probe: Option<Arc<Probe>>,
    /// The service account that it runs as, of the workload's namespace; `None`: there is no such thing here.
    pub service_account: Option<Arc<str>>,
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
pub enum PlatformError {
    /// It can't or won't; a sentence for people.
    #[error("{0}")]
    Refused(String),
    /// The count was another than `from`: somebody else has changed it, and nothing was done.
    #[error("the count was changed to {} by somebody else", .0.replicas)]
    Changed(Count),
}

/// A count that is asked of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleOrder {
    /// The workload.
    pub workload: WorkloadId,
    /// The count that the scaler believes there is.
    pub from: u32,
    /// How many there shall be, beside outdated ones. Above `from` it only ever raises: a higher count that is there already
    /// stays. Below `from` it is done only if the count is still `from`.
    pub to: u32,
    /// These go first, where the platform can choose.
    pub victims: Vec<EndpointId>,
}

/// What runs replicas.
pub trait Platform: Send + Sync + 'static {
    /// From now on the workload's replicas are as its target says. Replaces running ones when that has changed: new ones are
    /// started beside them, and the old ones are observed as outdated. Returns at once.
    fn apply(&self, workload: Arc<Workload>);

    /// The workload is no more: what is left of it stops. Returns at once.
    fn forget(&self, workload: &WorkloadId);

    /// Changes a count; outdated replicas go only when named as victims, or when the count is zero. Asked again with a count above
    /// zero it tries anew what had failed for good. Done when the platform has taken it on, not when the replicas are there.
    /// Returns the count that stands then.
    fn scale(&self, order: ScaleOrder)
    -> impl Future<Output = Result<Count, PlatformError>> + Send;

    /// The next workload whose observation has changed. Safe to drop and call again.
    fn observe(&self) -> impl Future<Output = Observation> + Send;

    /// An entry of a Secret, as new as some seconds.
    ///
    /// # Errors
    /// With a sentence, when it can't be had.
    fn secret(
        &self,
        _namespace: &str,
        name: &str,
        _key: &str,
    ) -> impl Future<Output = Result<Vec<u8>, String>> + Send {
        let told = format!("there are no Secrets here, and so no {name}");
        async { Err(told) }
    }

    /// What the workload's replicas use, as [`Usage`] says, reckoned over its whole count; 0 while there are none. Of those that nobody has
    /// measured it is taken for nothing where the others alone are above `target`, and for the target where they are not.
    ///
    /// # Errors
    /// With a sentence, when it is not known.
    fn usage(
        &self,
        _workload: &WorkloadId,
        usage: &Usage,
        _target: f64,
    ) -> impl Future<Output = Result<f64, String>> + Send {
        let told = format!(
            "nobody tells here how much {} is used",
            usage.resource.word()
        );
        async { Err(told) }
    }

    /// How many pods of a namespace have all of these labels and have not ended; `None`: there are no pods here.
    fn pods(&self, _namespace: &str, _labels: &BTreeMap<String, String>) -> Option<u32> {
        None
    }

    /// Stops everything that must not outlive Rouse, gracefully within `deadline`.
    fn shutdown(&self, deadline: Duration) -> impl Future<Output = ()> + Send;
}
