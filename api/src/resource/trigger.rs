use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CronExpression, NotNegative, Positive, ZoneName};

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
}

/// A queue of Amazon SQS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sqs {
    /// As AWS shows it.
    #[serde(rename = "queueURL")]
    pub queue_url: String,
    /// e.g. `ap-northeast-1`.
    pub region: String,
    /// Messages (waiting and in work) per replica.
    pub per_replica: Positive,
    /// Asleep while there are not more messages than this. Absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<NotNegative>,
}

/// A query's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prometheus {
    /// Base URL.
    pub server_address: String,
    /// PromQL that yields one number.
    pub query: String,
    /// How much of it one replica takes.
    pub per_replica: Positive,
    /// Asleep while the value is not above this. Absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<NotNegative>,
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
