use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BasicSpec, CredentialSpec, Duration, HeaderName, HeaderValue, NotNegative, Positive,
    RequestUrl, ServerTls, ServerUrl,
};

/// A number in what a URL answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricsApi {
    /// What is asked for by GET.
    pub url: RequestUrl,
    /// Where in the answer the number is: `jobs.waiting`, `queues.0.length`, `queues.#` (how many); with `format: prometheus` a series:
    /// `jobs{state="waiting"}`.
    #[schemars(extend("minLength" = 1, "maxLength" = 1024))]
    pub value_location: String,
    /// Absent: json.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<AnswerFormat>,
    /// How much of it one replica takes. This or `total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_replica: Option<Positive>,
    /// What the value shall be, which more replicas lower (within 10%).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Positive>,
    /// Asleep while the value is not above this. Absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<NotNegative>,
    /// For one answer. 100ms to 30s. Absent: 3s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Sent with each question.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
    /// A key that goes with each question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKey>,
    /// A bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer: Option<CredentialSpec>,
    /// User name and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicSpec>,
    /// Certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
}

/// What an answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AnswerFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// XML: elements by name, the root first, attributes as `-name`.
    Xml,
    /// Prometheus' text format.
    Prometheus,
}

/// A key, in a header or in the query. Exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKey {
    /// The header's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderName>,
    /// The parameter's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 253, "pattern" = "^[-._~a-zA-Z0-9]+$"))]
    pub query: Option<String>,
    /// The key.
    pub value: CredentialSpec,
}

/// A scaler of its own: a gRPC service with KEDA's contract for external scalers. It says what its values are wished to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalScaler {
    /// `http://` for plain text, `https://` for TLS.
    pub address: ServerUrl,
    /// Told to it with each question.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub metadata: BTreeMap<String, String>,
    /// For one answer. 100ms to 30s. Absent: 3s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
}
