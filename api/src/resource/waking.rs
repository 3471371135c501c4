use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HeaderName, HeaderValue, Method, Network, Path, ServiceRef, StatusCode, UserAgent};

/// What becomes of requests while a workload is asleep or waking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhileWaking {
    /// Held.
    Hold,
    /// Browsers get a 503 waiting page, everything else is held.
    Page,
    /// Sent elsewhere.
    Fallback(Fallback),
    /// Answered at once.
    Respond(Respond),
}

/// Elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fallback {
    /// A Service that is always awake.
    pub service: ServiceRef,
}

/// A fixed answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Respond {
    /// 200 to 599.
    pub status: StatusCode,
    /// Its headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
    /// Absent: empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// An exception for some requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Which requests.
    #[serde(rename = "match")]
    pub matches: RuleMatch,
    /// What becomes of them.
    pub action: RuleAction,
}

/// Which requests: each part that is given must match.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleMatch {
    /// Any of these, as they stand in the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
    /// Any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path_prefixes: Vec<Path>,
    /// All of these; the value `"*"` means: there, whatever its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
    /// Any of these; a star stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_agents: Vec<UserAgent>,
    /// Any of these: the client's, which a trusted peer may tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_addresses: Vec<Network>,
}

/// What becomes of matching requests. Exactly one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleAction {
    /// Answered at once: neither wakes nor counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond: Option<Respond>,
    /// Forwarded when awake, 503 when asleep, never counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_wake: Option<NoWake>,
    /// Nothing: an exception from the rules behind it, the proxies' own among them. Written `{}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake: Option<Wake>,
}

/// Forwarded when awake, never counted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoWake {
    /// The answer while asleep or waking. Absent: 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub respond: Option<Respond>,
}

/// Has no fields: written `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wake {}

/// What a request must have to wake a workload.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WakeRequires {
    /// Each of them must be there, and not be empty. At least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderName>,
    /// What a request without them gets while it is asleep or waking: 401, 403 or 503. Absent: 401.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusCode>,
}
