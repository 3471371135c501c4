use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use rouse_api::workload::WorkloadId;

use crate::controller::{EventKind, WorkloadEvent};
use crate::demand::MemberCounts;

const OUTCOMES: [&str; 3] = ["ready", "failed", "abandoned"];

/// What is counted per workload; a workload's series go when it is forgotten.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    replicas: Family<ReplicaLabels, Gauge>,
    wakes: Family<WakeLabels, Counter>,
    sleeps: Family<WorkloadLabels, Counter>,
    would: Family<WouldLabels, Counter>,
    stages: Family<StageLabels, Histogram, fn() -> Histogram>,
    scales: Family<DirectionLabels, Histogram, fn() -> Histogram>,
    leader: Gauge,
    members: Family<MemberLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReplicaLabels {
    workload: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WakeLabels {
    workload: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkloadLabels {
    workload: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WouldLabels {
    workload: String,
    step: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MemberLabels {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabels {
    direction: &'static str,
}

/// 1 ms to about a minute.
fn stage_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 17))
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            replicas: Family::default(),
            wakes: Family::default(),
            sleeps: Family::default(),
            would: Family::default(),
            stages: Family::new_with_constructor(stage_histogram),
            scales: Family::new_with_constructor(stage_histogram),
            leader: Gauge::default(),
            members: Family::default(),
        };
        let scaler = registry.sub_registry_with_prefix("rouse_scaler");
        scaler.register(
            "replicas",
            "Replicas per workload: desired as asked of the platform, ready as observed, min as kept without any demand",
            metrics.replicas.clone(),
        );
        scaler.register(
            "wakes",
            "Wakes that ended, by how they ended",
            metrics.wakes.clone(),
        );
        scaler.register(
            "sleeps",
            "Times a workload went to sleep",
            metrics.sleeps.clone(),
        );
        scaler.register(
            "would",
            "Times that a workload with mode observe would have gone to sleep, or would have been woken, by step: sleep or wake",
            metrics.would.clone(),
        );
        scaler.register(
            "wake_stage_seconds",
            "What successful wakes were made of: start until the replica was started, ready from there until it was ready",
            metrics.stages.clone(),
        );
        scaler.register(
            "scale_seconds",
            "From the moment a count was asked of the platform to its answer, by direction: up or down",
            metrics.scales.clone(),
        );
        scaler.register(
            "leader",
            "1 while this scaler leads",
            metrics.leader.clone(),
        );
        scaler.register(
            "members",
            "Proxies that may send requests: reporting; connected and silent; disconnected and not proven dead; expected, for their host lives",
            metrics.members.clone(),
        );
        metrics
    }

    pub(super) fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    pub(super) fn members(&self, members: MemberCounts) {
        let counts = [
            ("reporting", members.reporting),
            ("silent", members.silent),
            ("disconnected", members.disconnected),
            ("expected", members.expected),
        ];
        for (state, count) in counts {
            self.members
                .get_or_create(&MemberLabels { state })
                .set(i64::from(count));
        }
    }

    pub(super) fn count(&self, workload: &WorkloadId, desired: u32, ready: u32, min: u32) {
        for (state, count) in [("desired", desired), ("ready", ready), ("min", min)] {
            let workload = workload.to_string();
            self.replicas
                .get_or_create(&ReplicaLabels { workload, state })
                .set(i64::from(count));
        }
    }

    /// The platform has answered.
    pub(super) fn scaled(&self, up: bool, took: Duration) {
        let direction = if up { "up" } else { "down" };
        self.scales
            .get_or_create(&DirectionLabels { direction })
            .observe(took.as_secs_f64());
    }

    pub(super) fn note(&self, event: &WorkloadEvent) {
        let workload = event.workload.to_string();
        let outcome = match &event.kind {
            EventKind::Woke(stages) => {
                for (stage, took) in [("start", stages.start), ("ready", stages.ready)] {
                    self.stages
                        .get_or_create(&StageLabels { stage })
                        .observe(took.as_secs_f64());
                }
                "ready"
            }
            EventKind::Failed { waking: true, .. } => "failed",
            EventKind::WakeAbandoned { .. } => "abandoned",
            EventKind::Slept { .. } => {
                self.sleeps
                    .get_or_create(&WorkloadLabels { workload })
                    .inc();
                return;
            }
            EventKind::WouldSleep { .. } => return self.would(workload, "sleep"),
            EventKind::WouldWake { .. } => return self.would(workload, "wake"),
            _ => return,
        };
        self.wakes
            .get_or_create(&WakeLabels { workload, outcome })
            .inc();
    }

    fn would(&self, workload: String, step: &'static str) {
        let labels = WouldLabels { workload, step };
        self.would.get_or_create(&labels).inc();
    }

    pub(super) fn forget(&self, workload: &WorkloadId) {
        let name = || workload.to_string();
        for state in ["desired", "ready", "min"] {
            let workload = name();
            self.replicas.remove(&ReplicaLabels { workload, state });
        }
        for outcome in OUTCOMES {
            let workload = name();
            self.wakes.remove(&WakeLabels { workload, outcome });
        }
        self.sleeps.remove(&WorkloadLabels { workload: name() });
        for step in ["sleep", "wake"] {
            let workload = name();
            self.would.remove(&WouldLabels { workload, step });
        }
    }
}
