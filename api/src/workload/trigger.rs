use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::resource::AnswerFormat;
use crate::schedule::Schedule;

/// A source of demand other than HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its place among the workload's triggers, from 0.
    pub place: usize,
    /// What it looks at.
    pub source: Source,
}

/// What a trigger looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The clock.
    Cron(Cron),
    /// Something that has to be asked.
    Polled(Polled),
}

/// So many replicas within a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron {
    /// The window.
    pub schedule: Schedule,
    /// How many, at least; from 1 to the workload's `max`.
    pub replicas: u32,
}

/// A value that is asked for again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Polled {
    /// Whom to ask.
    pub of: Asked,
    /// The value that is wished for; above 0.
    pub target: f64,
    /// The target is for the value as it is, not for each replica's part of it.
    pub total: bool,
    /// Not above this it needs no replica.
    pub activation: f64,
    /// How often it is asked for.
    pub every: Duration,
    /// For one answer.
    pub timeout: Duration,
    /// So many at least when it has not been known for long; at most the workload's `max`.
    pub fallback: Option<u32>,
}

/// Who is asked for a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// A server with Prometheus' API.
    Prometheus(Box<Query>),
    /// A queue of Amazon SQS.
    Sqs(Box<Queue>),
    /// A URL that answers with the value somewhere in it.
    MetricsApi(Box<MetricsApi>),
    /// A scaler of its own, by its address. What it says is in replicas: its target is 1.
    External(Box<External>),
    /// Nobody who could be asked, and why: it is never known.
    Nobody(String),
    /// The platform: what the workload's own pods use.
    Usage(Usage),
    /// The platform: how many pods of the workload's namespace have these labels and have not ended.
    Pods(BTreeMap<String, String>),
}

/// One query of a server with Prometheus' API.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Its base URL, without slashes at the end.
    pub server: String,
    /// `PromQL`.
    pub query: String,
    /// No result is 0; otherwise it is unknown.
    pub empty_is_zero: bool,
    /// What is sent with it.
    pub access: Access,
}

/// A number in what a URL answers.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsApi {
    /// What is asked for.
    pub url: String,
    /// What the answer is written in.
    pub format: AnswerFormat,
    /// Where in it the number is.
    pub location: String,
    /// What is sent with it.
    pub access: Access,
}

/// A gRPC service with KEDA's contract for external scalers.
#[derive(Debug, Clone, PartialEq)]
pub struct External {
    /// Its base URL.
    pub address: String,
    /// Told to it with each question.
    pub metadata: BTreeMap<String, String>,
    /// It also says by itself when there is something to do.
    pub push: bool,
    /// Whom to trust, and who to be.
    pub access: Access,
}

/// A queue of Amazon SQS.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Its URL.
    pub url: String,
    /// Its region.
    pub region: String,
    /// Messages that are being worked on count, too.
    pub in_flight: bool,
    /// Messages that may not be received yet count, too.
    pub delayed: bool,
    /// Who is asked instead of AWS.
    pub endpoint: Option<String>,
    /// The role to assume.
    pub role: Option<String>,
    /// Id, secret and, if there is one, session token; `None`: the scaler's own identity.
    pub keys: Option<(Credential, Credential, Option<Credential>)>,
}

/// What a workload's own pods use. Its value is per pod in cores or bytes, or in percent of what they request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Of what.
    pub resource: Resource,
    /// In percent of what they request.
    pub of_requests: bool,
    /// Only of this container.
    pub container: Option<String>,
}

/// What pods use and request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Processor time, in cores.
    Cpu,
    /// Memory, in bytes.
    Memory,
}

impl Resource {
    /// As Kubernetes calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }
}

/// How one gets access to a server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Access {
    /// Headers as they are written.
    pub headers: BTreeMap<String, String>,
    /// A bearer token.
    pub bearer: Option<Credential>,
    /// A user's name and password.
    pub basic: Option<(String, Credential)>,
    /// A key by its name.
    pub key: Option<(KeyIn, String, Credential)>,
    /// Whom to trust; `None`: whom the system trusts.
    pub ca: Option<Credential>,
    /// The client's certificate and its key.
    pub identity: Option<(Credential, Credential)>,
}

/// Where a key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyIn {
    /// Into a header.
    Header,
    /// Into the URL's query.
    Query,
}

/// Where something secret is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Credential {
    /// In a Secret of the workload's namespace: its name and the entry.
    Secret(String, String),
    /// In a file.
    File(PathBuf),
}

impl Source {
    /// Its name in the schema.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cron(_) => "cron",
            Self::Polled(polled) => match polled.of {
                Asked::Prometheus(_) => "prometheus",
                Asked::Sqs(_) => "sqs",
                Asked::Nobody(_) => "not carried over",
                Asked::MetricsApi(_) => "metricsApi",
                Asked::External(ref external) if external.push => "externalPush",
                Asked::External(_) => "external",
                Asked::Usage(ref usage) => usage.resource.word(),
                Asked::Pods(_) => "pods",
            },
        }
    }
}

/// E.g. `triggers[0] (cron)`.
impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "triggers[{}] ({})", self.place, self.source.word())
    }
}
