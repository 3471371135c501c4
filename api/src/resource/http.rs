use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

use schemars::JsonSchema;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Duration, HeaderName, HeaderValue, Host, Name, Path, Positive, Quantity, Rule, Upstream,
    WakeRequires, WhileWaking,
};

/// How requests reach a workload and how they are treated.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpSpec {
    /// Short for one route with hosts only; not together with `routes`. One of the two is needed, unless there is a `front`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Host>,
    /// Any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSpec>,
    /// Absent: the Service of the resource's own name, and its only port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceRef>,
    /// Leads the callers of a Service in the cluster here. Absent: only what is routed to the proxies comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front: Option<FrontSpec>,
    /// What the replicas speak. Absent: auto.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<ProtocolSpec>,
    /// Scales by requests in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Scales by requests per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_rate: Option<RequestRate>,
    /// Bounds on what waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldSpec>,
    /// Bounds on what is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutsSpec>,
    /// Who says that a replica is ready. Absent: auto.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Readiness>,
    /// How replicas are reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// What becomes of requests while it is asleep or waking. Absent: hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::while_waking")]
    pub while_waking: Option<WhileWaking>,
    /// Absent: every request wakes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake_requires: Option<WakeRequires>,
    /// Exceptions; the first match wins. Behind them come the proxies' own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// One way to a workload: each part that is given must match.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteSpec {
    /// Any of these. Absent: any host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Host>,
    /// Any of these. Absent: any path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path_prefixes: Vec<Path>,
    /// All of these; the value `"*"` means: there, whatever its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceRef {
    /// Absent: the resource's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Absent: its only port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<PortRef>,
}

/// The Service whose name callers in the cluster use. It has no selector: the scaler keeps its EndpointSlices at the proxies, so that
/// these callers wake the workload, too, whatever Host they send. The Service in front of the pods is another: `http.service`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FrontSpec {
    /// Its name, in the workload's namespace. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Name>,
    /// The one of its ports whose callers are led here. Absent: its only port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<PortRef>,
}

/// A port by name or number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PortRef {
    /// By number.
    Number(NonZeroU16),
    /// By name.
    Name(String),
}

impl<'de> Deserialize<'de> for PortRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Port;
        impl Visitor<'_> for Port {
            type Value = PortRef;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port's name or its number from 1 to 65535")
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<PortRef, E> {
                u16::try_from(number)
                    .ok()
                    .and_then(NonZeroU16::new)
                    .map(PortRef::Number)
                    .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<PortRef, E> {
                // IANA service names, as Kubernetes has them for ports.
                let letters = name.bytes().any(|c| c.is_ascii_lowercase());
                let valid = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
                if !letters || name.len() > 15 || !name.bytes().all(valid) {
                    return Err(E::invalid_value(Unexpected::Str(name), &self));
                }
                Ok(PortRef::Name(name.to_owned()))
            }
        }
        deserializer.deserialize_any(Port)
    }
}

/// What replicas speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ProtocolSpec {
    /// The Service's `appProtocol`; standalone: HTTP/1.1.
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    H2c,
}

/// Requests in flight.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Concurrency {
    /// What to scale for. Absent: 70 % of `limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_replica: Option<Positive>,
    /// Hard, per replica, over all proxies. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroU32>,
}

/// Requests per second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestRate {
    /// What to scale for. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_replica: Option<Positive>,
}

/// Bounds on held requests, per workload and proxy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldSpec {
    /// Absent: 55s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Absent: 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requests: Option<NonZeroU32>,
    /// Absent: 16Mi.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Quantity>,
}

/// Bounds on a request under way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimeoutsSpec {
    /// Absent: 1s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Duration>,
    /// Absent: 300s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_header: Option<Duration>,
    /// Zero: no limit. Absent: 300s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
}

/// Who says that a replica is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Readiness {
    /// Rouse, probing it as its own readiness probe says.
    Auto,
    /// The kubelet.
    Kubelet,
}
