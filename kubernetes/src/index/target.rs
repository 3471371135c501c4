//! What workloads scale.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, ManagedFieldsEntry, ObjectMeta,
};
use rouse_api::workload::{Scalable, WorkloadId};
use rouse_scaler::platform::{Count, Revision};

use super::selector::PodSelector;

/// The field manager under which counts are changed.
pub const FIELD_MANAGER: &str = "rouse-scaler";

/// The field manager under which a zero is kept that no ScaledWorkload names any more: nobody may wake it.
pub const KEEPER: &str = "rouse-kept";

/// Stops all scaling while it is `true`, on a ScaledWorkload or its target.
pub const PAUSED: &str = "rouse.dev/paused";

/// A Deployment's controller counts its pod templates here, also with no replicas.
const DEPLOYMENT_REVISION: &str = "deployment.kubernetes.io/revision";

/// Which object a workload scales. Cheap enough to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetKey {
    /// API group; empty for the core group. Versions of one group are the same objects.
    pub group: Arc<str>,
    /// Its kind.
    pub kind: Arc<str>,
    /// `namespace/name`.
    pub name: WorkloadId,
}

impl TargetKey {
    /// What is named in a namespace by `apiVersion`, kind and name.
    #[must_use]
    pub fn new(namespace: &str, api_version: &str, kind: &str, name: &str) -> Self {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self {
            group: group.into(),
            kind: kind.into(),
            name: WorkloadId::new(namespace, name),
        }
    }

    /// What a workload of this namespace names.
    #[must_use]
    pub fn of(namespace: &str, scalable: &Scalable) -> Self {
        Self::new(
            namespace,
            &scalable.api_version,
            &scalable.kind,
            &scalable.name,
        )
    }
}

impl TargetKey {
    /// Of a kind whose scale subresource can be applied to.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        &*self.group == "apps"
    }
}

impl std::fmt::Display for TargetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// An object with a scale subresource.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Who it is.
    pub key: TargetKey,
    /// `metadata.uid`.
    pub uid: Arc<str>,
    /// `spec.replicas` and the version of the object.
    pub count: Count,
    /// Its pods. `None`: not known.
    pub selector: Option<PodSelector>,
    /// Who changed `spec.replicas` last.
    pub writer: Writer,
    /// It carries [`PAUSED`].
    pub paused: bool,
    /// In the words of its controller: why it can't make pods.
    pub replica_failure: Option<String>,
    /// Its pod template; `None`: its controller has not looked at it since it was changed, or doesn't tell.
    pub revision: Option<Revision>,
}

/// Who owns `spec.replicas` by the object's managed fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writer {
    /// Rouse does, perhaps with others that want the same.
    Ours,
    /// Another manager, by this name.
    Other(Arc<str>),
    /// Nobody does: it was never written.
    Nobody,
    /// A zero that a scale has found there; the object was not seen since.
    Unknown,
}

impl Target {
    /// Of a Deployment; `None`: it has no name.
    #[must_use]
    pub fn deployment(object: Deployment) -> Option<Self> {
        let spec = object.spec;
        let status = object.status.unwrap_or_default();
        let annotations = object.metadata.annotations.as_ref();
        let revision = annotations.and_then(|all| all.get(DEPLOYMENT_REVISION));
        let revision = revision.map(|name| Revision {
            name: numbered(name, object.metadata.uid.as_deref()),
            whole: status.updated_replicas.unwrap_or(0) >= status.replicas.unwrap_or(0),
        });
        let seen = status.observed_generation >= object.metadata.generation;
        let conditions = status.conditions;
        let failure = replica_failure(
            conditions
                .unwrap_or_default()
                .into_iter()
                .map(|c| (c.type_, c.status, c.message)),
        );
        let target = Self::new(
            "Deployment",
            object.metadata,
            spec.replicas,
            spec.selector,
            failure,
        )?;
        let revision = revision.filter(|_| seen);
        Some(Self { revision, ..target })
    }

    /// Of a ReplicaSet; `None`: it has no name.
    #[must_use]
    pub fn replica_set(object: ReplicaSet) -> Option<Self> {
        let spec = object.spec;
        let conditions = object.status.and_then(|status| status.conditions);
        let failure = replica_failure(
            conditions
                .unwrap_or_default()
                .into_iter()
                .map(|c| (c.type_, c.status, c.message)),
        );
        Self::new(
            "ReplicaSet",
            object.metadata,
            spec.replicas,
            spec.selector,
            failure,
        )
    }

    /// Of a StatefulSet; `None`: it has no name.
    #[must_use]
    pub fn stateful_set(object: StatefulSet) -> Option<Self> {
        let spec = object.spec;
        let status = object.status.unwrap_or_default();
        let seen = status.observed_generation >= object.metadata.generation;
        let revision = status.update_revision.filter(|_| seen);
        let revision = revision.map(|name| Revision {
            name: name.into(),
            whole: status.updated_replicas.unwrap_or(0) >= status.replicas,
        });
        let target = Self::new(
            "StatefulSet",
            object.metadata,
            spec.replicas,
            spec.selector,
            None,
        )?;
        Some(Self { revision, ..target })
    }

    fn new(
        kind: &str,
        metadata: ObjectMeta,
        replicas: Option<i32>,
        selector: LabelSelector,
        replica_failure: Option<String>,
    ) -> Option<Self> {
        let replicas = replicas.map_or(1, |count| u32::try_from(count).unwrap_or(0));
        let selector = PodSelector::of_selector(selector);
        let target = Self::of_meta("apps", kind, &metadata, replicas, selector)?;
        Some(Self {
            replica_failure,
            ..target
        })
    }

    /// Of any object's metadata and what its scale subresource says; `None`: it has no name.
    #[must_use]
    pub fn of_meta(
        group: &str,
        kind: &str,
        metadata: &ObjectMeta,
        replicas: u32,
        selector: Option<PodSelector>,
    ) -> Option<Self> {
        let name = metadata.name.as_deref()?;
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let annotations = metadata.annotations.as_ref();
        Some(Self {
            key: TargetKey {
                group: group.into(),
                kind: kind.into(),
                name: WorkloadId::new(namespace, name),
            },
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            count: Count {
                version: version(metadata.resource_version.as_deref()),
                replicas,
            },
            selector,
            writer: writer(metadata.managed_fields.as_deref().unwrap_or_default()),
            paused: annotations.is_some_and(is_paused),
            replica_failure: None,
            revision: None,
        })
    }
}

/// Each Deployment counts from 1: one that was made anew, or is the target instead of another, would be taken for what was tried.
fn numbered(revision: &str, uid: Option<&str>) -> Arc<str> {
    let of: String = uid.unwrap_or_default().chars().take(8).collect();
    format!("{revision}-{of}").into()
}

/// Why no replica can be made, as conditions (type, status, message) say.
fn replica_failure(
    mut conditions: impl Iterator<Item = (Option<String>, Option<String>, Option<String>)>,
) -> Option<String> {
    conditions.find_map(|(kind, status, message)| {
        let failed = kind.as_deref() == Some("ReplicaFailure") && status.as_deref() == Some("True");
        failed.then(|| message.unwrap_or_default())
    })
}

/// Whether annotations say [`PAUSED`].
pub fn is_paused(annotations: &std::collections::BTreeMap<String, String>) -> bool {
    annotations.get(PAUSED).is_some_and(|value| value == "true")
}

/// Resource versions of one kind are integers that can be compared (Kubernetes 1.35 on); 0: it can't be read.
#[must_use]
pub fn version(resource_version: Option<&str>) -> u64 {
    resource_version
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn writer(entries: &[ManagedFieldsEntry]) -> Writer {
    let mut last: Option<&ManagedFieldsEntry> = None;
    let kept = |entry: &&ManagedFieldsEntry| entry.manager.as_deref() == Some(KEEPER);
    if entries.iter().filter(kept).any(owns_replicas) {
        return Writer::Other(KEEPER.into());
    }
    for entry in entries.iter().filter(|entry| owns_replicas(entry)) {
        if entry.manager.as_deref() == Some(FIELD_MANAGER) {
            return Writer::Ours;
        }
        let newer = last.is_none_or(|last| {
            entry.time.as_ref().map(|time| time.0) >= last.time.as_ref().map(|time| time.0)
        });
        if newer {
            last = Some(entry);
        }
    }
    let name = |entry: &ManagedFieldsEntry| entry.manager.as_deref().unwrap_or("unknown").into();
    last.map_or(Writer::Nobody, |entry| Writer::Other(name(entry)))
}

fn owns_replicas(entry: &ManagedFieldsEntry) -> bool {
    let fields = entry.fields_v1.as_ref();
    fields.is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
}
