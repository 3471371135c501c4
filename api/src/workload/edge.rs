//! What becomes of requests before they are demand: exceptions, and what is done while there is no replica.

use ipnet::IpNet;

use super::{HeaderMatch, PathPrefix, Service};

/// An exception for some requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which.
    pub matches: RuleMatch,
    /// What becomes of them.
    pub action: RuleAction,
}

/// Which requests: each part that is not empty must match; empty altogether: all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleMatch {
    /// Any of these.
    pub methods: Vec<String>,
    /// Any of these.
    pub path_prefixes: Vec<PathPrefix>,
    /// All of these. Names are lower case.
    pub headers: Vec<(String, HeaderMatch)>,
    /// Any of these; a star stands for any text.
    pub user_agents: Vec<String>,
    /// Any of these.
    pub source_addresses: Vec<IpNet>,
}

/// What becomes of matching requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    /// Answered at once: neither wakes nor counts.
    Respond(Respond),
    /// Forwarded when awake, never counted; while asleep or waking this answer, or else 503.
    NoWake(Option<Respond>),
    /// As if there were no rules.
    Wake,
}

/// A fixed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respond {
    /// 200 to 599.
    pub status: u16,
    /// Names are lower case; none of them frames the message.
    pub headers: Vec<(String, String)>,
    /// Empty: none.
    pub body: String,
}

/// What a request must have to wake a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakeRequires {
    /// Each of them, and not empty. Names are lower case.
    pub headers: Vec<String>,
    /// For what lacks one while it is asleep or waking: 401, 403 or 503.
    pub status: u16,
}

/// What becomes of requests that wake a workload, until a replica is ready.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WhileWaking {
    /// Held.
    #[default]
    Hold,
    /// A browser's navigation gets a waiting page, everything else is held.
    Page,
    /// Sent to another Service of the namespace.
    Fallback(Service),
    /// Answered at once.
    Respond(Respond),
}
