//! The state as people and programs read it. Times are ages in seconds.

use rouse_api::link::Failure;
use rouse_api::workload::WorkloadId;
use serde::Serialize;
use tokio::time::Instant;

use super::entry::{Entry, Phase};
use super::{Controller, WakeStages};
use crate::decide::Decision;
use crate::platform::ReplicaState;

/// Everything the scaler knows.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct ScalerStatus {
    /// Proxies connected.
    pub sessions: usize,
    /// By name.
    pub workloads: Vec<WorkloadStatus>,
}

/// One workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// Its name.
    pub workload: WorkloadId,
    /// `asleep`, `waking`, `awake`, `quiescing`, `stopping`, `failed` or `removing`.
    pub phase: &'static str,
    /// Replicas asked of the platform.
    pub wanted: u32,
    /// Replicas that take requests.
    pub ready: u32,
    /// All of them.
    pub replicas: Vec<ReplicaStatus>,
    /// Requests in flight, by the newest reports.
    pub in_flight: u32,
    /// Requests held, by the newest reports.
    pub held: u32,
    /// Since the last demand.
    pub idle_seconds: Option<f64>,
    /// The last decision.
    pub decision: Option<DecisionStatus>,
    /// The last wake that ended.
    pub last_wake: Option<WakeStatus>,
    /// The last sleep.
    pub last_sleep: Option<SleepStatus>,
    /// The last failure; it stands while the phase is `failed`.
    pub failure: Option<FailureStatus>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaStatus {
    /// Its name.
    pub id: String,
    /// Where it listens.
    pub address: String,
    /// `starting`, `ready`, `draining` or `terminating`.
    pub state: &'static str,
    /// It runs an older specification.
    pub outdated: bool,
    /// Since it was started.
    pub age_seconds: f64,
}

/// The last decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionStatus {
    /// In words.
    pub why: String,
    /// As data.
    #[serde(flatten)]
    pub decision: Decision,
}

/// How a wake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum WakeOutcome {
    /// A replica was ready.
    Ready,
    /// None could come up.
    Failed,
    /// Nobody waited any more.
    Abandoned,
}

/// The last wake.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WakeStatus {
    /// Since it ended.
    pub seconds_ago: f64,
    /// How it ended.
    pub outcome: WakeOutcome,
    /// What it was made of.
    #[serde(flatten)]
    pub stages: WakeStages,
}

/// The last sleep.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SleepStatus {
    /// Since it began.
    pub seconds_ago: f64,
    /// The decision.
    pub why: String,
}

/// The last failure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureStatus {
    /// Since it was observed.
    pub seconds_ago: f64,
    /// A stable word.
    pub reason: String,
    /// The cause.
    pub message: String,
}

/// What happened last, each with its time.
#[derive(Debug, Default)]
pub(super) struct Last {
    wake: Option<(WakeOutcome, WakeStages, Instant)>,
    sleep: Option<(String, Instant)>,
    failure: Option<(Failure, Instant)>,
}

impl Last {
    pub(super) fn woke(&mut self, outcome: WakeOutcome, stages: WakeStages, now: Instant) {
        self.wake = Some((outcome, stages, now));
    }

    pub(super) fn slept(&mut self, why: String, now: Instant) {
        self.sleep = Some((why, now));
    }

    pub(super) fn failed(&mut self, failure: Failure, now: Instant) {
        self.failure = Some((failure, now));
    }
}

fn ago(at: Instant, now: Instant) -> f64 {
    now.saturating_duration_since(at).as_secs_f64()
}

impl Controller {
    /// Everything known at this moment.
    #[must_use]
    pub fn status(&self, now: Instant) -> ScalerStatus {
        ScalerStatus {
            sessions: self.sessions.len(),
            workloads: self
                .entries
                .values()
                .map(|entry| entry.status(now))
                .collect(),
        }
    }
}

impl Entry {
    fn status(&self, now: Instant) -> WorkloadStatus {
        let demand = self.demand.snapshot(now);
        WorkloadStatus {
            workload: self.id().clone(),
            phase: if self.removed {
                "removing"
            } else {
                self.phase.word()
            },
            wanted: self.wanted,
            ready: self.ready(),
            replicas: self.replicas(now),
            in_flight: demand.in_flight,
            held: demand.held,
            idle_seconds: demand.idle.map(|idle| idle.as_secs_f64()),
            decision: self.decision.clone().map(|decision| DecisionStatus {
                why: decision.to_string(),
                decision,
            }),
            last_wake: self.last.wake.map(|(outcome, stages, at)| WakeStatus {
                seconds_ago: ago(at, now),
                outcome,
                stages,
            }),
            last_sleep: self.last.sleep.clone().map(|(why, at)| SleepStatus {
                seconds_ago: ago(at, now),
                why,
            }),
            failure: self
                .last
                .failure
                .clone()
                .map(|(failure, at)| FailureStatus {
                    seconds_ago: ago(at, now),
                    reason: failure.reason,
                    message: failure.message,
                }),
        }
    }

    fn replicas(&self, now: Instant) -> Vec<ReplicaStatus> {
        let status = |replica: &crate::platform::Replica| ReplicaStatus {
            id: replica.id.0.to_string(),
            address: replica.address.to_string(),
            state: match replica.state {
                ReplicaState::Terminating => "terminating",
                _ if self.is_draining(&replica.id) => "draining",
                ReplicaState::Ready => "ready",
                ReplicaState::Starting => "starting",
            },
            outdated: replica.outdated,
            age_seconds: ago(replica.started, now),
        };
        self.observed.iter().map(status).collect()
    }
}

impl Phase {
    fn word(&self) -> &'static str {
        match self {
            Self::Asleep => "asleep",
            Self::Waking(_) => "waking",
            Self::Awake => "awake",
            Self::Quiescing(_) => "quiescing",
            Self::Stopping { .. } => "stopping",
            Self::Failed { .. } => "failed",
        }
    }
}
