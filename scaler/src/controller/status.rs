//! The state as people and programs read it. Times are ages in seconds.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use jiff::Timestamp;
use rouse_api::link::{Caller, Failure, Term};
use rouse_api::workload::WorkloadId;
use serde::Serialize;
use tokio::time::Instant;

use super::entry::{Entry, Phase};
use super::{Controller, WakeCause, WakeStages};
use crate::decide::{Decision, Rule};
use crate::demand::{MemberCounts, Roster};
use crate::platform::ReplicaState;

/// Everything the scaler knows.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct ScalerStatus {
    /// Proxies connected.
    pub sessions: usize,
    /// The term this scaler leads in; absent: another leads.
    pub leads: Option<Term>,
    /// Proxies that may send requests.
    pub members: MemberCounts,
    /// By name.
    pub workloads: Vec<WorkloadStatus>,
}

/// One workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// Its name.
    pub workload: WorkloadId,
    /// `asleep`, `waking`, `awake`, `quiescing`, `stopping`, `failed` or `removing`; or why nothing is scaled: `StoppedByHand`,
    /// `Paused`, `OwnedElsewhere`, `TargetNotFound` or `Blocked`.
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
    /// What woke it last.
    pub last_cause: Option<CauseStatus>,
    /// Why nothing is scaled, while that is so.
    pub blocked: Option<FailureStatus>,
    /// Why it takes long, while that is not known to be final.
    pub progress: Option<FailureStatus>,
    /// A trigger could not be read at the last try; its last good value may still stand.
    pub trigger: Option<FailureStatus>,
    /// Another autoscaler rules the count above zero, and never below this.
    pub governed: Option<u32>,
    /// For all time asleep, the replicas there were when it was awake last (one at least), in replica-seconds; since this scaler
    /// knows the workload.
    pub saved_replica_seconds: f64,
    /// It is only observed: what would have been done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_have: Option<WouldHaveStatus>,
    /// With `verifyChanges`: what is known of its pod template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifyStatus>,
    /// The last failure; it stands while the phase is `failed`.
    pub failure: Option<FailureStatus>,
}

/// What is known of a pod template.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyStatus {
    /// What replicas are started as now.
    pub revision: String,
    /// It is the one that was tried last.
    pub current: bool,
    /// It is being tried.
    pub tries: bool,
    /// The one that was tried last.
    pub tried: Option<String>,
    /// Why no replica of that one was ready.
    pub failure: Option<FailureStatus>,
}

/// What a workload that is only observed would have done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WouldHaveStatus {
    /// Replicas that it would have now.
    pub replicas: u32,
    /// Since when it is observed, RFC 3339.
    #[serde(serialize_with = "timestamp")]
    pub since: Timestamp,
    /// Times that it would have gone to sleep.
    pub sleeps: u64,
    /// Times that something would have woken it.
    pub wakes: u64,
    /// Replica-seconds that there were, less those that there would have been.
    pub saved_replica_seconds: f64,
}

fn timestamp<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
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
    /// Why it began.
    pub cause: WakeCause,
    /// What it was made of.
    #[serde(flatten)]
    pub stages: WakeStages,
}

/// What woke it last, whether that wake has ended or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CauseStatus {
    /// Since it began.
    pub seconds_ago: f64,
    /// Why it began.
    pub cause: WakeCause,
    /// The request that did: method, host and who sent it, as far as the proxy told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
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
    /// Since it was observed; zero where that is not kept.
    pub seconds_ago: f64,
    /// A stable word.
    pub reason: String,
    /// The cause.
    pub message: String,
}

/// What happened last, each with its time.
#[derive(Debug, Default)]
pub(super) struct Last {
    wake: Option<(WakeOutcome, WakeCause, WakeStages, Instant)>,
    cause: Option<(WakeCause, Option<Arc<Caller>>, Instant)>,
    sleep: Option<(String, Instant)>,
    failure: Option<(Failure, Instant)>,
}

impl Last {
    pub(super) fn wakes(&mut self, cause: WakeCause, by: Option<Arc<Caller>>, now: Instant) {
        self.cause = Some((cause, by, now));
    }

    pub(super) fn woke(
        &mut self,
        outcome: WakeOutcome,
        cause: WakeCause,
        stages: WakeStages,
        now: Instant,
    ) {
        self.wake = Some((outcome, cause, stages, now));
    }

    pub(super) fn slept(&mut self, why: String, now: Instant) {
        self.sleep = Some((why, now));
    }

    pub(super) fn failed(&mut self, failure: Failure, now: Instant) {
        self.failure = Some((failure, now));
    }
}

/// What is worth a notice when it changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    phase: &'static str,
    leads: Option<Term>,
    wanted: u32,
    ready: u32,
    decided: Option<(u32, Discriminant<Rule>)>,
    governed: Option<u32>,
    failure: Option<Failure>,
    progress: Option<Failure>,
    trigger: Option<Failure>,
    would_have: Option<(u32, u64)>,
    verify: Option<(Arc<str>, bool, bool)>,
    ended: [Option<Instant>; 3],
}

pub(super) fn standing(failure: &Failure) -> FailureStatus {
    FailureStatus {
        seconds_ago: 0.0,
        reason: failure.reason.clone(),
        message: failure.message.clone(),
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
            sessions: self.members.session_count(),
            leads: self.leads,
            members: self.members.roster.counts(now),
            workloads: self
                .entries
                .values()
                .map(|entry| entry.status(&self.members.roster, now))
                .collect(),
        }
    }

    /// Everything known of one workload at this moment; `None`: there is none of that name.
    #[must_use]
    pub fn workload_status(&self, workload: &WorkloadId, now: Instant) -> Option<WorkloadStatus> {
        let entry = self.entries.get(workload)?;
        Some(entry.status(&self.members.roster, now))
    }

    /// Proxies by what is known of them.
    #[must_use]
    pub fn member_counts(&self, now: Instant) -> MemberCounts {
        self.members.roster.counts(now)
    }
}

impl Entry {
    fn word(&self) -> &'static str {
        match &self.blocked {
            _ if self.removed => "removing",
            Some(blocked) => match &*blocked.reason {
                "StoppedByHand" => "StoppedByHand",
                "Paused" => "Paused",
                "OwnedElsewhere" => "OwnedElsewhere",
                "TargetNotFound" => "TargetNotFound",
                _ => "Blocked",
            },
            None => self.phase.word(),
        }
    }

    pub(super) fn mark(&self, leads: Option<Term>) -> Mark {
        let decision = self.decision.as_ref();
        let failure = self.blocked.as_ref().or(self.failure.as_ref());
        let last = &self.last;
        Mark {
            phase: self.word(),
            leads,
            wanted: self.wanted,
            ready: self.ready(),
            decided: decision.map(|one| (one.replicas, discriminant(&one.rule))),
            governed: self.governed,
            failure: failure.cloned(),
            progress: self.progress.clone(),
            trigger: self.triggers.failure(),
            would_have: self.shadow.mark(),
            verify: self.verify.mark().filter(|_| self.verifies()),
            ended: [
                last.wake.as_ref().map(|(.., at)| *at),
                last.sleep.as_ref().map(|(_, at)| *at),
                last.failure.as_ref().map(|(_, at)| *at),
            ],
        }
    }

    fn status(&self, roster: &Roster, now: Instant) -> WorkloadStatus {
        let demand = self.demand.snapshot(roster, now);
        WorkloadStatus {
            workload: self.id().clone(),
            phase: self.word(),
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
            last_wake: self
                .last
                .wake
                .map(|(outcome, cause, stages, at)| WakeStatus {
                    seconds_ago: ago(at, now),
                    outcome,
                    cause,
                    stages,
                }),
            last_sleep: self.last.sleep.clone().map(|(why, at)| SleepStatus {
                seconds_ago: ago(at, now),
                why,
            }),
            last_cause: self.last.cause.as_ref().map(|(cause, by, at)| CauseStatus {
                seconds_ago: ago(*at, now),
                cause: *cause,
                by: by.as_ref().map(ToString::to_string),
            }),
            blocked: self.blocked.as_ref().map(standing),
            progress: self.progress.as_ref().map(standing),
            trigger: self.triggers.failure().as_ref().map(standing),
            governed: self.governed,
            saved_replica_seconds: self.saved.until(now),
            would_have: self.shadow.status(now),
            verify: self.verify.status().filter(|_| self.verifies()),
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
                _ if self.is_ready(replica) => "ready",
                _ => "starting",
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
