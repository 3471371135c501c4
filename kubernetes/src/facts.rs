//! What is to be told about each ScaledWorkload object: for those who write its status.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use rouse_api::link::Failure;
use rouse_api::workload::WorkloadId;
use rouse_scaler::platform::Count;
use serde_json::Value;
use tokio::sync::Notify;

use crate::front::plan::Said;
use crate::origin::Origin;

/// One ScaledWorkload object as the API server has it, and what was found about it in the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Its namespace and name.
    pub id: WorkloadId,
    /// What kind of object it is.
    pub origin: Origin,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// It carries a deletion timestamp.
    pub deleted: bool,
    /// `apps/v1 Deployment hello`; empty while the object is invalid.
    pub target: String,
    /// Never fewer; 0 while the object is invalid.
    pub min: u32,
    /// Never more; 0 while the object is invalid.
    pub max: u32,
    /// It is only observed, and nothing is scaled.
    pub observes: bool,
    /// Changed pod templates are tried.
    pub verifies: bool,
    /// Why the object is invalid, a sentence each with the field's path. With any there is no workload of it.
    pub problems: Vec<String>,
    /// Route claims that another workload holds, a sentence each that names it.
    pub conflicts: Vec<String>,
    /// Route claims that its namespace was not granted, a sentence each.
    pub ungranted: Vec<String>,
    /// What of `wakes` is not done, or that nothing ever wakes it.
    pub wakes: Option<Failure>,
    /// While nothing may be scaled: paused, stopped by hand, owned by another, target not there.
    pub blocked: Option<Failure>,
    /// While no replica can come up.
    pub failure: Option<Failure>,
    /// Why it takes long, while that is not known to be final.
    pub progress: Option<Failure>,
    /// Why requests can't go to the fallback.
    pub fallback: Option<Failure>,
    /// How it is with its front; `None`: it has none.
    pub front: Option<FrontFacts>,
    /// The target's `spec.replicas`; `None` while there is no target.
    pub count: Option<Count>,
    /// Pods that are ready and not told to stop.
    pub ready: u32,
    /// Another autoscaler of the same target.
    pub governed: Option<Governor>,
    /// The object's `status` as it was seen last; null without one.
    pub recorded: Value,
}

/// Where the callers of a workload's front are led.
#[derive(Debug, Clone, PartialEq)]
pub struct FrontFacts {
    /// The Service.
    pub service: WorkloadId,
    /// What those who write its slices have found; `None`: they have not looked yet.
    pub said: Option<Said>,
    /// What is wrong.
    pub failure: Option<Failure>,
    /// Slices of the Service that others have made, a few words each.
    pub foreign: Vec<String>,
}

/// A HorizontalPodAutoscaler on a workload's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governor {
    /// Its name.
    pub name: String,
    /// Its `minReplicas`; absent there: 1. With 0 it and Rouse would both rule the step to zero, and the user must choose.
    pub min: u32,
}

/// Knows the facts of every object.
pub trait FactSource: Send + Sync + 'static {
    /// Of one object; `None`: there is no such object.
    fn facts(&self, id: &WorkloadId) -> Option<Facts>;
}

/// Which objects' facts have changed, and what they are. Cheap to clone; all clones share one set of changes, for one reader.
#[derive(Clone)]
pub struct Objects(Arc<Shared>);

struct Shared {
    source: Arc<dyn FactSource>,
    /// Never more than there are objects, and those that were deleted since.
    changed: Mutex<BTreeSet<WorkloadId>>,
    notify: Notify,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Objects").finish_non_exhaustive()
    }
}

impl Objects {
    /// Facts of this source; nothing has changed yet.
    #[must_use]
    pub fn new(source: Arc<dyn FactSource>) -> Self {
        Self(Arc::new(Shared {
            source,
            changed: Mutex::default(),
            notify: Notify::new(),
        }))
    }

    /// Notes that the object's facts have changed, or that it is gone.
    pub fn touch(&self, id: WorkloadId) {
        self.0.changed.lock().insert(id);
        self.0.notify.notify_one();
    }

    /// Waits for an object whose facts have changed since it was returned last. For one reader; safe to drop and call again.
    pub async fn changed(&self) -> WorkloadId {
        loop {
            if let Some(id) = self.0.changed.lock().pop_first() {
                return id;
            }
            self.0.notify.notified().await;
        }
    }

    /// The object's facts as they are now; `None`: it is gone.
    #[must_use]
    pub fn get(&self, id: &WorkloadId) -> Option<Facts> {
        self.0.source.facts(id)
    }
}
