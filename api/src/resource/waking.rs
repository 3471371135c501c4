use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HeaderName, HeaderValue, Path, ServiceRef, StatusCode};

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
    /// Any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path_prefixes: Vec<Path>,
    /// Any of these; a star stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_agents: Vec<String>,
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
}

/// Has no fields: written `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoWake {}
