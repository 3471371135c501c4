use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use serde::{Deserialize, Serialize};

/// What the scaler says about a workload in a cluster. Times are RFC 3339 in UTC, e.g. `2026-01-31T09:30:00Z`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The `metadata.generation` that this was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What scales: kind/name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The target's wanted count as last seen: by it a stop by a person is told from sleep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Replicas that take requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// The last decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<i32>,
    /// Where it stands.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "known_state"
    )]
    pub state: Option<State>,
    /// The last decision's reason in words, or what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The last time it went from 0 to 1 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_wake: Option<LastWake>,
    /// The last time it went to 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sleep: Option<LastSleep>,
    /// Replica-hours not run for being asleep, against max(min, onWake) always on; decimal, e.g. `12.50`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_hours_saved: Option<String>,
    /// With `verifyChanges`: the revision of the target's pod template that was tried last; the condition `RevisionVerified` says with
    /// what success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried_revision: Option<String>,
    /// With `mode: observe`: what would have been done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_have: Option<WouldHave>,
    /// With `http.front`: where its callers are led.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front: Option<FrontStatus>,
    /// One of each type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// What a workload that is only observed would have done, in sums.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WouldHave {
    /// Since when it is observed.
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
    /// Times that it would have gone to sleep.
    pub sleeps: u64,
    /// Times that a request or a trigger would have woken it.
    pub wakes: u64,
    /// The replica-hours that there were, less those that there would have been; decimal, e.g. `12.50`. Below zero: it would have had more.
    pub replica_hours_saved: String,
}

/// Where the callers of a front are led.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FrontStatus {
    /// The port of every proxy that is this workload's.
    pub port: i32,
    /// Proxies that are ready in the Service's EndpointSlices.
    pub proxies: i32,
}

/// Where a workload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum State {
    /// No replicas, and none wanted.
    Asleep,
    /// Replicas are wanted, none is ready.
    Waking,
    /// At least one replica is ready.
    Awake,
    /// The proxies are asked whether it may sleep.
    Quiescing,
    /// Scaled to zero; replicas are ending.
    Stopping,
    /// No replica can come up.
    Failed,
    /// Another took the count to 0: it stays there.
    StoppedByHand,
    /// Annotated so: nothing is scaled.
    Paused,
    /// Another autoscaler owns the target.
    OwnedElsewhere,
    /// There is no such target.
    TargetNotFound,
    /// The resource is refused; `why` says what is wrong.
    Invalid,
}

/// A state that another version wrote and this one doesn't know is none.
fn known_state<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<State>, D::Error> {
    let written = Option::<String>::deserialize(deserializer)?;
    let known =
        |text: String| State::deserialize(IntoDeserializer::<ValueError>::into_deserializer(text));
    Ok(written.and_then(|text| known(text).ok()))
}

/// A wake.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LastWake {
    /// When it began.
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
    /// What woke it.
    pub cause: String,
    /// Until a replica was ready, e.g. `1s250ms`. Absent: not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
}

/// A sleep.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LastSleep {
    /// When its count became 0.
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
    /// Why.
    pub why: String,
}

/// As `metav1.Condition`: its fields, and their meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// E.g. `Ready`.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The `metadata.generation` that this was said of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Since when `status` is what it is.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// A word for programs, e.g. `TargetNotFound`.
    pub reason: String,
    /// A sentence for people.
    #[serde(default)]
    pub message: String,
}

/// Types of conditions. Unknown ones come from another version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The resource is valid, its target is there and may be scaled, and its proxies know it.
    Ready,
    /// At least one replica is ready.
    Awake,
    /// Something is wrong, and part of it works still.
    Degraded,
    /// An older workload has one of its routes, or its namespace was not granted it.
    RouteConflict,
    /// The target's current pod template has been ready once.
    RevisionVerified,
    /// With `http.front`: the callers of its Service come to a proxy.
    FrontReady,
    /// Another version's.
    Other(String),
}

impl ConditionType {
    const KNOWN: [Self; 6] = [
        Self::Ready,
        Self::Awake,
        Self::Degraded,
        Self::RouteConflict,
        Self::RevisionVerified,
        Self::FrontReady,
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ready => "Ready",
            Self::Awake => "Awake",
            Self::Degraded => "Degraded",
            Self::RouteConflict => "RouteConflict",
            Self::RevisionVerified => "RevisionVerified",
            Self::FrontReady => "FrontReady",
            Self::Other(other) => other,
        }
    }
}

impl Serialize for ConditionType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ConditionType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = Self::KNOWN.into_iter().find(|known| known.as_str() == text);
        Ok(known.unwrap_or(Self::Other(text)))
    }
}

impl JsonSchema for ConditionType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ConditionType".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "maxLength": 316})
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_versions_words_are_read() {
        let condition = serde_json::json!({
            "type": "Newer", "status": "True", "lastTransitionTime": "2026-01-31T09:30:00Z", "reason": "R",
        });
        let written = serde_json::json!({"state": "Newer", "desired": 2, "conditions": [condition], "newer": 1});
        let status: Status = serde_json::from_value(written).unwrap();
        assert_eq!((status.state, status.desired), (None, Some(2)));
        let newer = ConditionType::Other("Newer".to_owned());
        assert_eq!(status.conditions[0].kind, newer);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let status = Status {
            state: Some(State::StoppedByHand),
            conditions: vec![Condition {
                kind: ConditionType::RouteConflict,
                status: ConditionStatus::False,
                observed_generation: Some(3),
                last_transition_time: "2026-01-31T09:30:00Z".to_owned(),
                reason: "NoConflict".to_owned(),
                message: String::new(),
            }],
            ..Status::default()
        };
        let written = serde_json::to_value(&status).unwrap();
        assert_eq!(written["state"], "StoppedByHand");
        assert_eq!(written["conditions"][0]["type"], "RouteConflict");
        assert_eq!(serde_json::from_value::<Status>(written).unwrap(), status);
        let empty = serde_json::to_value(Status::default()).unwrap();
        assert_eq!(empty, serde_json::json!({}));
    }
}
