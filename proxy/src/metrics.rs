//! What the proxy counts. Families are registered once; a workload's label sets are resolved once and go with it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use crate::access::{AccessLog, Entry};
use crate::client::Serving;

/// From a local answer to a long poll; a cold start lies in the middle.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWorkload {
    workload: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByClass {
    workload: String,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByProblem {
    problem: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByException {
    workload: String,
    kind: &'static str,
}

/// What became of a request that was not simply held or forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exception {
    /// Answered by a rule.
    Respond,
    /// A rule's `noWake`, of a workload that is not awake.
    NoWake,
    /// It lacks what a wake needs.
    WakeRequires,
    /// The waiting page.
    Page,
    /// Sent to the fallback.
    Fallback,
    /// Answered because the workload is not awake.
    WhileWaking,
}

impl Exception {
    const ALL: [Self; 6] = [
        Self::Respond,
        Self::NoWake,
        Self::WakeRequires,
        Self::Page,
        Self::Fallback,
        Self::WhileWaking,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Respond => "respond",
            Self::NoWake => "no-wake",
            Self::WakeRequires => "wake-requires",
            Self::Page => "page",
            Self::Fallback => "fallback",
            Self::WhileWaking => "while-waking",
        }
    }
}

type Histograms = Family<ByWorkload, Histogram, fn() -> Histogram>;

/// All families of the proxy.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    requests: Family<ByClass, Counter>,
    duration: Histograms,
    hold: Histograms,
    retries: Family<ByWorkload, Counter>,
    in_flight: Family<ByWorkload, Gauge>,
    held: Family<ByWorkload, Gauge>,
    held_limit: Family<ByWorkload, Gauge>,
    problems: Family<ByProblem, Counter>,
    exceptions: Family<ByException, Counter>,
    probes: Family<ByOutcome, Counter>,
    pub(crate) tls_failures: Counter,
    pub(crate) connections: Gauge,
    pub(crate) fronts: Gauge,
    pub(crate) front_failures: Counter,
    pub(crate) unlinked: Gauge,
    pub(crate) scaler_silence: Gauge<f64, AtomicU64>,
}

/// Tries of starting endpoints' readiness probes.
#[derive(Debug)]
pub(crate) struct ProbeMetrics {
    pub(crate) passed: Counter,
    pub(crate) failed: Counter,
}

/// One workload's, with its labels resolved.
#[derive(Debug)]
pub(crate) struct WorkloadMetrics {
    classes: [Counter; 5],
    duration: Histogram,
    pub(crate) hold: Histogram,
    pub(crate) retries: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) held: Gauge,
    pub(crate) held_limit: Gauge,
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let histograms = || Histograms::new_with_constructor(|| Histogram::new(SECONDS));
        let metrics = Self {
            requests: Family::default(),
            duration: histograms(),
            hold: histograms(),
            retries: Family::default(),
            in_flight: Family::default(),
            held: Family::default(),
            held_limit: Family::default(),
            problems: Family::default(),
            exceptions: Family::default(),
            probes: Family::default(),
            tls_failures: Counter::default(),
            connections: Gauge::default(),
            fronts: Gauge::default(),
            front_failures: Counter::default(),
            unlinked: Gauge::default(),
            scaler_silence: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("rouse_proxy");
        registry.register(
            "requests",
            "Requests answered, by class of status",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "From a request's head to its answer's end",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register_with_unit(
            "hold_duration",
            "How long held requests were held",
            Unit::Seconds,
            metrics.hold.clone(),
        );
        registry.register(
            "retries",
            "Requests sent once more",
            metrics.retries.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests sent to an endpoint and not ended",
            metrics.in_flight.clone(),
        );
        registry.register(
            "requests_held",
            "Requests that wait for an endpoint or a permit",
            metrics.held.clone(),
        );
        registry.register(
            "requests_held_limit",
            "Requests of a workload that may wait at this proxy (http.hold.maxRequests); one more is refused",
            metrics.held_limit.clone(),
        );
        registry.register(
            "problems",
            "Requests that the proxy answered itself, by the problem's name",
            metrics.problems.clone(),
        );
        registry.register(
            "exceptions",
            "Requests that rules, wakeRequires or whileWaking kept from being held or forwarded to the workload, by kind",
            metrics.exceptions.clone(),
        );
        registry.register(
            "upstream_tls_failures",
            "Connections to replicas that were given up because of TLS: certificates, names, identities",
            metrics.tls_failures.clone(),
        );
        registry.register(
            "client_connections",
            "Open connections of clients",
            metrics.connections.clone(),
        );
        registry.register(
            "fronts",
            "Ports that are open for one workload each (http.front)",
            metrics.fronts.clone(),
        );
        registry.register(
            "front_failures",
            "Tries to listen on the port of a front that failed",
            metrics.front_failures.clone(),
        );
        registry.register(
            "probes",
            "Tries of starting endpoints' readiness probes, by outcome",
            metrics.probes.clone(),
        );
        registry.register(
            "unlinked",
            "1 while no scaler has been connected for so long that Services' addresses are dialled",
            metrics.unlinked.clone(),
        );
        registry.register_with_unit(
            "scaler_silence",
            "Since a scaler last said something; grows while there is nothing to say, too",
            Unit::Seconds,
            metrics.scaler_silence.clone(),
        );
        metrics
    }

    pub(crate) fn probes(&self) -> ProbeMetrics {
        let outcome = |outcome| self.probes.get_or_create_owned(&ByOutcome { outcome });
        ProbeMetrics {
            passed: outcome("passed"),
            failed: outcome("failed"),
        }
    }

    pub(crate) fn workload(&self, id: &WorkloadId) -> WorkloadMetrics {
        let labels = ByWorkload {
            workload: id.to_string(),
        };
        let class = |code| {
            let workload = id.to_string();
            self.requests
                .get_or_create_owned(&ByClass { workload, code })
        };
        WorkloadMetrics {
            classes: CLASSES.map(class),
            duration: self.duration.get_or_create_owned(&labels),
            hold: self.hold.get_or_create_owned(&labels),
            retries: self.retries.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            held: self.held.get_or_create_owned(&labels),
            held_limit: self.held_limit.get_or_create_owned(&labels),
        }
    }

    /// The workload has gone.
    pub(crate) fn forget(&self, id: &WorkloadId) {
        let labels = ByWorkload {
            workload: id.to_string(),
        };
        for code in CLASSES {
            self.requests.remove(&ByClass {
                workload: id.to_string(),
                code,
            });
        }
        for kind in Exception::ALL {
            self.exceptions.remove(&ByException {
                workload: id.to_string(),
                kind: kind.word(),
            });
        }
        self.duration.remove(&labels);
        self.hold.remove(&labels);
        self.retries.remove(&labels);
        self.in_flight.remove(&labels);
        self.held.remove(&labels);
        self.held_limit.remove(&labels);
    }

    pub(crate) fn exception(&self, id: &WorkloadId, kind: Exception) {
        let labels = ByException {
            workload: id.to_string(),
            kind: kind.word(),
        };
        self.exceptions.get_or_create(&labels).inc();
    }

    pub(crate) fn problem(&self, problem: &'static str) {
        self.problems.get_or_create(&ByProblem { problem }).inc();
    }
}

/// To the microsecond, as people read it.
pub(crate) fn milliseconds(length: Duration) -> f64 {
    (length.as_secs_f64() * 1e6).round() / 1e3
}

/// Accounts for one request when its answer has ended, however it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) workload: Arc<crate::workload::Workload>,
    pub(crate) start: Instant,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) complete: bool,
    pub(crate) error: Option<&'static str>,
    /// The connection is in use until then.
    #[allow(dead_code, reason = "a guard")]
    pub(crate) serving: Serving,
    /// Present when the access log is on.
    pub(crate) entry: Option<(AccessLog, Box<Entry>)>,
}

impl Finished {
    /// It has become another workload's.
    pub(crate) fn move_to(&mut self, workload: &Arc<crate::workload::Workload>) {
        self.workload = workload.clone();
        if let Some((_, entry)) = &mut self.entry {
            entry.workload = workload.id.to_string();
        }
    }
}

impl Drop for Finished {
    fn drop(&mut self) {
        let took = self.start.elapsed();
        let metrics = &self.workload.metrics;
        if let Some(class) = metrics
            .classes
            .get(usize::from(self.status / 100).wrapping_sub(1))
        {
            class.inc();
        }
        metrics.duration.observe(took.as_secs_f64());
        if let Some((log, mut entry)) = self.entry.take() {
            entry.status = self.status;
            entry.bytes = self.bytes;
            entry.duration_ms = milliseconds(took);
            entry.error = self.error.or((!self.complete).then_some("client-left"));
            log.write(*entry);
        }
    }
}
