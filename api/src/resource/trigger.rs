use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BasicSpec, CredentialSpec, CronExpression, Duration, ExternalScaler, HeaderName, HeaderValue,
    MetricsApi, NotNegative, ObjectName, Positive, Quantity, ServerTls, ServerUrl, ZoneName,
};

/// A source of demand other than HTTP. Exactly one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trigger {
    /// A queue of Amazon SQS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqs: Option<Sqs>,
    /// A query's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Prometheus>,
    /// A schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<Cron>,
    /// The number of certain pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodsTrigger>,
    /// The processor time that its pods use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<UsageTrigger>,
    /// The memory that its pods use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<UsageTrigger>,
    /// A number in what a URL answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_api: Option<MetricsApi>,
    /// A scaler of its own, asked for each value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalScaler>,
    /// The same, which also says by itself when there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_push: Option<ExternalScaler>,
    /// How often it is read. 1s to 1h. Absent: 15s. Not for cron.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_interval: Option<Duration>,
    /// When it could not be read for 5 minutes. Absent: the count stays. Not for cron.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackReplicas>,
}

/// How many replicas there are at least while nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FallbackReplicas {
    /// Never more than `replicas.max`.
    pub replicas: std::num::NonZeroU32,
}

/// The number of certain pods in the workload's namespace, but for those that have ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodsTrigger {
    /// Labels that they have.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 16))]
    pub match_labels: BTreeMap<String, String>,
    /// How many of them one replica is for.
    pub per_replica: Positive,
    /// Asleep while there are not more than this. Absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<NotNegative>,
}

/// What the workload's own pods use, by metrics.k8s.io. It sees nothing at zero replicas: it neither wakes nor keeps awake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsageTrigger {
    /// Percent of what they request. This or `average`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilization: Option<Positive>,
    /// Per pod, e.g. `500m` or `200Mi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<Quantity>,
    /// Only of this container. Absent: of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ObjectName>,
}

/// What a query without a result means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WhenEmpty {
    /// Nobody knows: nothing goes down.
    Unknown,
    /// 0.
    Zero,
}

/// A queue of Amazon SQS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sqs {
    /// As AWS shows it: `https://sqs.ap-northeast-1.amazonaws.com/123456789012/orders`.
    #[serde(rename = "queueURL")]
    pub queue_url: ServerUrl,
    /// e.g. `ap-northeast-1`.
    #[schemars(extend("minLength" = 1, "maxLength" = 64, "pattern" = "^[a-z0-9-]+$"))]
    pub region: String,
    /// Messages per replica.
    pub per_replica: Positive,
    /// Asleep while there are not more messages than this. Absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<NotNegative>,
    /// Messages that are being worked on count, too. Absent: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<bool>,
    /// Messages that may not be received yet count, too. Absent: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delayed: Option<bool>,
    /// Who is asked instead of AWS, e.g. a VPC endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<ServerUrl>,
    /// The role to assume for it.
    #[serde(rename = "roleARN", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 2048, "pattern" = "^arn:[a-z0-9-]+:iam::[0-9]{12}:role/.+$"))]
    pub role_arn: Option<String>,
    /// Keys. Absent: the scaler's own identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<AwsKeys>,
}

/// Access keys of AWS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsKeys {
    /// `aws_access_key_id`.
    pub id: CredentialSpec,
    /// `aws_secret_access_key`.
    pub secret: CredentialSpec,
    /// `aws_session_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<CredentialSpec>,
}

/// A query's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prometheus {
    /// Base URL.
    pub server_address: ServerUrl,
    /// PromQL that yields one number.
    #[schemars(extend("minLength" = 1, "maxLength" = 16384))]
    pub query: String,
    /// How much of it one replica takes. This or `total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_replica: Option<Positive>,
    /// What the value shall be, which more replicas lower (within 10%).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Positive>,
    /// Asleep while the value is not above this. Absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<NotNegative>,
    /// What no result, NaN or an infinite one means. Absent: unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_empty: Option<WhenEmpty>,
    /// For one query. 100ms to 30s. Absent: 3s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Sent with each query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
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

/// Replicas from start to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cron {
    /// IANA name, e.g. `Asia/Tokyo`.
    pub timezone: ZoneName,
    /// From then on. Five fields: minute, hour, day of month, month, day of week.
    pub start: CronExpression,
    /// Until then. Where both come at one moment it goes on.
    pub end: CronExpression,
    /// At least this many meanwhile, ready at the start.
    pub replicas: std::num::NonZeroU32,
}
