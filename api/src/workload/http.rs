use std::num::NonZeroU32;
use std::time::Duration;

use super::{Route, Rule, Tls, WakeRequires, WhileWaking};

/// How requests reach a workload and how they are treated on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// The requests that are its own. At least one, unless there is a front.
    pub routes: Vec<Route>,
    /// The Service whose pods take the requests, in a cluster.
    pub service: Option<Service>,
    /// The Service whose callers are led here, in a cluster.
    pub front: Option<Front>,
    /// What its replicas speak.
    pub protocol: Protocol,
    /// How a starting replica is found ready, in a cluster.
    pub readiness: Readiness,
    /// Which address is dialled.
    pub dial: Dial,
    /// How connections to it are protected.
    pub tls: Tls,
    /// Requests in flight (per replica) to scale for. Absent: concurrency does not scale it.
    pub concurrency_per_replica: Option<f64>,
    /// Requests in flight per replica, over all proxies, never exceeded.
    pub concurrency_limit: Option<NonZeroU32>,
    /// Requests per second (per replica) to scale for.
    pub request_rate_per_replica: Option<f64>,
    /// Bounds on what waits for a replica.
    pub hold: Hold,
    /// Bounds on what is under way.
    pub timeouts: Timeouts,
    /// Exceptions; the first match wins.
    pub rules: Vec<Rule>,
    /// What a request must have to wake it. Absent: nothing.
    pub wake_requires: Option<WakeRequires>,
    /// What becomes of requests until a replica is ready.
    pub while_waking: WhileWaking,
}

impl Http {
    /// These routes, and the defaults.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        Self {
            routes,
            service: None,
            front: None,
            protocol: Protocol::default(),
            readiness: Readiness::default(),
            dial: Dial::default(),
            tls: Tls::default(),
            concurrency_per_replica: None,
            concurrency_limit: None,
            request_rate_per_replica: None,
            hold: Hold::default(),
            timeouts: Timeouts::default(),
            rules: Vec::new(),
            wake_requires: None,
            while_waking: WhileWaking::default(),
        }
    }
}

/// The protocol towards the replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// As the Service's `appProtocol` says; the scaler finds out, and to a proxy it is HTTP/1.1.
    Auto,
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 with prior knowledge.
    H2c,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, in the workload's namespace.
    pub name: String,
    /// Absent: its only port.
    pub port: Option<ServicePort>,
}

/// A Service without a selector, whose endpoints are the proxies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    /// Which, and which of its ports.
    pub service: Service,
    /// The port of every proxy that leads to this workload alone, whatever a request's host. Absent: it has been given none yet.
    pub listen: Option<u16>,
}

/// Which port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServicePort {
    /// By name.
    Name(String),
    /// By number: the Service's port, not the container's.
    Number(u16),
}

/// How a starting replica is found ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Readiness {
    /// A proxy probes it as its own readinessProbe says, where that can be done from outside.
    #[default]
    Auto,
    /// kubelet says so.
    Kubelet,
}

/// Which address is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dial {
    /// Each replica's own.
    #[default]
    Pod,
    /// The Service's: for meshes that intercept it. Without limits, ramp, drain and direct readiness.
    Service,
}

/// Bounds on held requests, per workload and proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Past this a held request gets a 504.
    pub timeout: Duration,
    /// Requests held at once; one more gets a 503 with Retry-After.
    pub max_requests: u32,
    /// Body bytes kept of held requests, together; one byte more and reading stops (bodies then wait with the client).
    pub max_bytes: u64,
}

impl Default for Hold {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(55),
            max_requests: 200,
            max_bytes: 16 << 20,
        }
    }
}

/// Bounds on a request under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a TCP connection to a replica.
    pub connect: Duration,
    /// From the request's last byte (or its head, when the body goes on) to the answer's head.
    pub response_header: Duration,
    /// Without a byte in either direction of a body or a tunnel. Zero: no limit.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            response_header: Duration::from_secs(300),
            idle: Duration::from_secs(300),
        }
    }
}
