//! ScaledWorkload objects.

use std::sync::Arc;

use kube::api::DynamicObject;
use rouse_api::link::Failure;
use rouse_api::load;
use rouse_api::resource::{self, Condition, ConditionStatus, ConditionType, State, Status};
use rouse_api::workload::{Target, WhileWaking, Workload};
use rouse_scaler::platform::{Verified, WouldHave};
use serde_json::Value;

use super::event::Key;
use super::target::{TargetKey, is_paused};
use crate::origin::Origin;

/// A ScaledWorkload object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Who it is.
    pub key: Key,
    /// `metadata.uid`.
    pub uid: Arc<str>,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.resourceVersion`.
    pub resource_version: Arc<str>,
    /// The installation that looks after it, also while it is invalid.
    pub class: Option<Arc<str>>,
    /// It carries a deletion timestamp.
    pub deleted: bool,
    /// It carries the annotation that stops all scaling.
    pub paused: bool,
    /// What it asks for, or why it is invalid.
    pub workload: Result<Arc<Workload>, Arc<[String]>>,
    /// What it means to scale, as far as that can be read, also while it is invalid.
    pub named: TargetKey,
    /// Its `status` as JSON; empty without one.
    pub status: Arc<str>,
    /// What matters of the status.
    pub recorded: Recorded,
    /// What kind of object it is.
    pub origin: Origin,
}

/// What the status of an object tells of the past.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recorded {
    /// The target's count.
    pub replicas: Option<u32>,
    /// It was stopped by hand, and the object had this generation.
    pub stopped: Option<i64>,
    /// What it would have done while it was observed.
    pub would_have: Option<WouldHave>,
    /// The pod template that was tried last.
    pub verified: Option<Verified>,
}

impl Object {
    /// `None`: it has no name.
    #[must_use]
    pub fn of(object: &DynamicObject) -> Option<Self> {
        let meta = &object.metadata;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let name = meta.name.as_deref()?;
        let status = object
            .data
            .get("status")
            .filter(|status| status.is_object());
        Some(Self {
            key: Key::new(namespace, name),
            named: named(namespace, name, &object.data),
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            generation: meta.generation.unwrap_or_default(),
            resource_version: meta.resource_version.as_deref().unwrap_or_default().into(),
            class: class(&object.data),
            deleted: meta.deletion_timestamp.is_some(),
            paused: meta.annotations.as_ref().is_some_and(is_paused),
            workload: workload(object),
            status: status.map(Value::to_string).unwrap_or_default().into(),
            recorded: status.map(recorded).unwrap_or_default(),
            origin: Origin::ScaledWorkload,
        })
    }

    /// What it scales; `None` while it is invalid.
    #[must_use]
    pub fn target(&self) -> Option<TargetKey> {
        match &self.workload.as_ref().ok()?.target {
            Target::Scalable(scalable) => Some(TargetKey::of(self.key.namespace(), scalable)),
            Target::Process(_) => None,
        }
    }

    /// The Service whose pods take its requests; `None`: it takes none.
    #[must_use]
    pub fn service(&self) -> Option<Key> {
        let http = self.workload.as_ref().ok()?.http.as_ref()?;
        let name = http.service.as_ref().map(|service| service.name.as_str());
        Some(Key::new(
            self.key.namespace(),
            name.unwrap_or(self.key.name()),
        ))
    }
}

/// The Services that a workload looks at: its own, that of its fallback, and its front.
pub(super) fn services(object: &Object) -> impl Iterator<Item = Key> {
    let http = object.workload.as_ref().ok();
    let http = http.and_then(|workload| workload.http.as_ref());
    let fallback = match http.map(|http| &http.while_waking) {
        Some(WhileWaking::Fallback(service)) => {
            Some(Key::new(object.key.namespace(), &service.name))
        }
        _ => None,
    };
    let front = http.and_then(|http| http.front.as_ref());
    let front = front.map(|front| Key::new(object.key.namespace(), &front.service.name));
    object.service().into_iter().chain(fallback).chain(front)
}

fn workload(object: &DynamicObject) -> Result<Arc<Workload>, Arc<[String]>> {
    let refuse = |problem: String| -> Arc<[String]> { Arc::new([problem]) };
    let mut value = serde_json::to_value(object).map_err(|error| refuse(error.to_string()))?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    load::object(&value)
        .map(Arc::new)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn class(data: &Value) -> Option<Arc<str>> {
    let class = data.pointer("/spec/class")?.as_str()?;
    (!class.is_empty()).then(|| class.into())
}

pub(super) fn named(namespace: &str, name: &str, data: &Value) -> TargetKey {
    let field = |field: &str, default| {
        let given = data.pointer(&format!("/spec/target/{field}"));
        given.and_then(Value::as_str).unwrap_or(default)
    };
    let (api_version, kind) = (field("apiVersion", "apps/v1"), field("kind", "Deployment"));
    TargetKey::new(namespace, api_version, kind, field("name", name))
}

pub(super) fn recorded(status: &Value) -> Recorded {
    let Ok(status) = serde_json::from_value::<Status>(status.clone()) else {
        return Recorded::default();
    };
    let stopped = status.state == Some(State::StoppedByHand);
    let would_have = status.would_have.as_ref().and_then(would_have);
    Recorded {
        replicas: status.replicas.and_then(|count| u32::try_from(count).ok()),
        stopped: status.observed_generation.filter(|_| stopped),
        would_have,
        verified: verified(&status),
    }
}

fn verified(status: &Status) -> Option<Verified> {
    let revision = status.tried_revision.as_deref()?;
    let of = |one: &&Condition| one.kind == ConditionType::RevisionVerified;
    let condition = status.conditions.iter().find(of);
    let failed = condition.filter(|one| one.status == ConditionStatus::False);
    Some(Verified {
        revision: revision.into(),
        failure: failed.map(|one| Failure {
            reason: one.reason.clone(),
            message: one.message.clone(),
        }),
    })
}

/// `None`: it can't be read, and the sums begin anew.
fn would_have(status: &resource::WouldHave) -> Option<WouldHave> {
    let hours: f64 = status.replica_hours_saved.parse().ok()?;
    Some(WouldHave {
        since: status.since.parse().ok()?,
        sleeps: status.sleeps,
        wakes: status.wakes,
        saved_replica_seconds: Some(hours * 3600.0).filter(|seconds| seconds.is_finite())?,
    })
}
