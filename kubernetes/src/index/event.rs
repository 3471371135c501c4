//! What watches tell the index.

use std::collections::HashSet;

use super::adopted::{Raw, RawKey};
use super::object::Object;
use super::owner::Governing;
use super::pod::Pod;
use super::service::Service;
use super::slice::Slice;
use super::target::{Target, TargetKey};
use rouse_api::workload::WorkloadId;

/// `namespace/name` of any object; cheap to clone.
pub type Key = WorkloadId;

/// What a watch has seen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A ScaledWorkload.
    Object(Change<Object>),
    /// A Pod.
    Pod(Change<Pod>),
    /// A Service.
    Service(Change<Service>),
    /// An EndpointSlice.
    Slice(Change<Slice>),
    /// Something that a workload may name as its target.
    Target(Change<Target, TargetKey>),
    /// How it is with a custom kind that workloads name as their target's, but for what it has.
    Kind(Scope, KindSaid),
    /// The scale of a target of a custom kind can't be read, and why.
    Unreadable(TargetKey, String),
    /// A HorizontalPodAutoscaler.
    Hpa(Change<Governing>),
    /// An object of KEDA.
    Keda(Change<Raw, RawKey>),
    /// What the scheduler or an autoscaler of nodes says about a pod, or a controller about its pods.
    Note(super::note::Note),
}

/// A change of one object, or the end of a list.
#[derive(Debug, Clone)]
pub enum Change<T, K = Key> {
    /// It is there, and is now so.
    Apply(T),
    /// It is gone.
    Delete(K),
    /// A whole list has been seen: of what the scope holds, all that is not among these is gone.
    Listed {
        /// What was listed.
        scope: Scope,
        /// All that was in the list.
        seen: HashSet<K>,
    },
}

/// How it is with a custom kind, beside its lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KindSaid {
    /// It can't be listed; a sentence with the cause.
    Trouble(String),
    /// Nobody looks at it any more: what was known of it is old.
    Unwatched,
}

/// What a list covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// `None`: all namespaces.
    pub namespace: Option<String>,
    /// Of targets: which kind. Empty for the others.
    pub kind: String,
}

impl Scope {
    /// Whether an object of this namespace would have been in the list.
    #[must_use]
    pub fn covers(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|own| own == namespace)
    }
}
