use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ApiVersion, Duration, HttpSpec, Kind, Name, ObjectName, Positive, ProcessSpec, Quantity,
    Trigger,
};

/// What scales, between which bounds, and for which demand.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// The installation that looks after it, by its `--class`. Absent: the one without a class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Name>,
    /// Absent: active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Absent: the Deployment of the resource's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetSpec>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Replicas>,
    /// Without any demand for this long it sleeps. Absent: 300s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_after: Option<Duration>,
    /// Absent: sleep means zero replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sleep: Option<Sleep>,
    /// What becomes of the target when this resource is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<OnDelete>,
    /// A changed pod template of a sleeping Deployment or StatefulSet is woken once until Ready, and goes back to sleep. Absent: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_changes: Option<bool>,
    /// Absent: a worker that only triggers scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSpec>,
    /// How fast replicas follow demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
    /// Sources of demand other than HTTP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// Workloads of the same namespace that are woken together with this one and kept while it is awake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wakes: Vec<Name>,
}

/// Whether decisions are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Yes.
    Active,
    /// No: serves, counts, decides and says so, changes nothing. `concurrency.limit` is not kept.
    Observe,
}

/// What scales.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetSpec {
    /// Absent: `apps/v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<ApiVersion>,
    /// Absent: `Deployment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Absent: the resource's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<ObjectName>,
    /// Standalone mode: one local process per replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::anything")]
    pub process: Option<ProcessSpec>,
}

/// How many replicas.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replicas {
    /// Absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// Absent: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<NonZeroU32>,
    /// What a wake asks for at least. Absent: 1, or `min` when that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_wake: Option<NonZeroU32>,
    /// The count that a new resource begins with. Absent: what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial: Option<u32>,
}

/// How it sleeps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sleep {
    /// One replica stays, with almost nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub light: Option<LightSleep>,
    /// From light sleep to zero replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_after: Option<Duration>,
}

/// What a parked replica keeps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LightSleep {
    /// In CPUs, e.g. `5m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// In bytes, e.g. `16Mi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

/// What becomes of the target when its resource is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnDelete {
    /// At least one replica.
    Wake,
    /// Nothing.
    Keep,
    /// The count found at the start.
    Restore,
}

/// How fast replicas follow demand between 1 and `max`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Behavior {
    /// Demand is averaged over this. 6s to 1h. Absent: 60s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_window: Option<Duration>,
    /// A burst is seen over this. 1s to the stable window. Absent: a tenth of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panic_window: Option<Duration>,
    /// A burst asks for more than this, in percent of what the ready replicas are for. 110 to 1000. Absent: 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panic_threshold: Option<Positive>,
    /// A lower count must have been enough for this long. At most 1h. Absent: 0s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay: Option<Duration>,
    /// Largest factor up in one step. Above 1. Absent: 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_scale_up_rate: Option<Positive>,
    /// Largest factor down in one step. Above 1. Absent: 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_scale_down_rate: Option<Positive>,
    /// What part of a target is scaled for, in percent. Absent: 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilization: Option<Positive>,
    /// How replicas go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_in: Option<ScaleIn>,
}

/// How replicas go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ScaleIn {
    /// Step by step, as demand falls.
    Gradual,
    /// All at once, and only when there is no demand at all: no replica goes while another has work, for which has it nobody knows.
    WhenIdle,
}
