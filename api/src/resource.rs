//! The `ScaledWorkload` schema as people write it: the same in a cluster and in a standalone file.
//!
//! The types hold what was written, with scalars (durations, hosts, quantities) already checked one by one. What is left
//! out stays `None`: defaults and rules between fields belong to [`crate::load`].

mod asked;
mod credential;
mod http;
mod process;
mod scalar;
mod schema;
mod spec;
mod status;
mod trigger;
mod upstream;
mod waking;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use asked::{AnswerFormat, ApiKey, ExternalScaler, MetricsApi};
pub use credential::{BasicSpec, CredentialSpec, SecretKey, ServerTls};
pub use http::{
    Concurrency, FrontSpec, HoldSpec, HttpSpec, PortRef, ProtocolSpec, Readiness, RequestRate,
    RouteSpec, ServiceRef, TimeoutsSpec,
};
pub use process::{
    ExecProbe, GrpcProbe, HttpGetProbe, HttpHeader, ProcessSpec, ReadinessProbe, TcpSocketProbe,
};
pub use scalar::{
    ApiVersion, CronExpression, Duration, HeaderName, HeaderValue, Host, Kind, Method, Name,
    Network, NotNegative, ObjectName, Path, Positive, Quantity, RequestUrl, ServerUrl, StatusCode,
    UserAgent, ZoneName,
};
pub(crate) use scalar::{LONGEST_NAME, NAME};
pub use spec::{Behavior, LightSleep, Mode, OnDelete, Replicas, ScaleIn, Sleep, Spec, TargetSpec};
pub use status::{
    Condition, ConditionStatus, ConditionType, FrontStatus, LastSleep, LastWake, State, Status,
    WouldHave,
};
pub use trigger::{
    AwsKeys, Cron, FallbackReplicas, PodsTrigger, Prometheus, Sqs, Trigger, UsageTrigger, WhenEmpty,
};
pub use upstream::{Dial, Tls, TlsFiles, Upstream};
pub use waking::{
    Fallback, NoWake, Respond, Rule, RuleAction, RuleMatch, Wake, WakeRequires, WhileWaking,
};

/// The only `apiVersion` that this version reads.
pub const API_VERSION: &str = "rouse.dev/v1alpha1";

/// The only `kind`.
pub const KIND: &str = "ScaledWorkload";

/// One document: something that scales, and how.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaledWorkload {
    /// [`API_VERSION`]. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// [`KIND`]. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Who it is.
    #[serde(default)]
    pub metadata: Metadata,
    /// What it does. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<Spec>,
}

/// Who a workload is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Unique within its namespace. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Absent: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Name>,
    /// Free; Rouse doesn't read them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Free; Rouse doesn't read them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}
