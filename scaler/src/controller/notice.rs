use std::fmt;
use std::time::Duration;

use rouse_api::workload::WorkloadId;
use serde::Serialize;

/// Something that happened to a workload, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadEvent {
    /// The workload.
    pub workload: WorkloadId,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum EventKind {
    /// A wake began.
    Waking {
        /// Why.
        cause: WakeCause,
        /// Replicas asked for at once.
        replicas: u32,
    },
    /// A wake ended with a ready replica.
    Woke(WakeStages),
    /// A wake ended without one, and without a failure: nobody waited any more.
    WakeAbandoned {
        /// Since it began.
        #[serde(serialize_with = "crate::seconds::serialize")]
        after: Duration,
    },
    /// Another count, neither from zero nor to zero.
    Scaled {
        /// Before.
        from: u32,
        /// After.
        to: u32,
        /// The decision.
        why: String,
    },
    /// Asleep.
    Slept {
        /// The decision.
        why: String,
    },
    /// An attempt to sleep was given up.
    StayedAwake {
        /// The cause.
        why: String,
    },
    /// No replica can come up.
    Failed {
        /// A stable word for programs.
        reason: String,
        /// The cause.
        message: String,
        /// While it was being woken.
        waking: bool,
    },
    /// The platform refused a count.
    ScaleRefused {
        /// Its answer.
        message: String,
    },
    /// Nothing is scaled any more, until somebody changes something.
    Blocked {
        /// A stable word for programs, e.g. `StoppedByHand`.
        reason: String,
        /// The cause.
        message: String,
    },
    /// Only observed: it would have gone to sleep.
    WouldSleep {
        /// The decision.
        why: String,
    },
    /// Only observed, and it would have been asleep: it would have been woken.
    WouldWake {
        /// The decision.
        why: String,
    },
    /// A changed pod template was tried.
    Verified {
        /// It.
        revision: String,
        /// Why no replica of it was ready: a stable word, and the cause. `None`: one was.
        failure: Option<(String, String)>,
    },
    /// No longer among the workloads; its replicas are gone.
    Removed,
}

/// Why a wake began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "name")]
pub enum WakeCause {
    /// Requests wait for it.
    Held {
        /// How many, at that moment.
        held: u32,
    },
    /// It must have replicas.
    Minimum,
    /// A trigger's value asks for it.
    Trigger,
    /// A schedule asks for it.
    Schedule,
    /// Another that needs it is awake.
    Needed,
    /// Its pod template was changed, and is tried.
    Verify,
    /// Another scaler or somebody else has raised its count.
    Elsewhere,
}

/// What a wake was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WakeStages {
    /// From the first request held (or the decision) to the start of the replica.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub start: Duration,
    /// From the start of the replica until it was ready.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub ready: Duration,
    /// Both.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub total: Duration,
    /// Most requests held meanwhile.
    pub held: u32,
}

impl fmt::Display for WorkloadEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.workload, self.kind)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waking { cause, replicas } => {
                write!(f, "is waking, {replicas} to start: {cause}")
            }
            Self::Woke(stages) => {
                let (start, ready, total) = (
                    Millis(stages.start),
                    Millis(stages.ready),
                    Millis(stages.total),
                );
                write!(
                    f,
                    "woke in {total}: started after {start}, ready {ready} later; {} held",
                    stages.held
                )
            }
            Self::WakeAbandoned { after } => write!(
                f,
                "was not ready after {}, and nobody waits any more",
                Millis(*after)
            ),
            Self::Scaled { from, to, why } => write!(f, "scaled from {from} to {to}: {why}"),
            Self::Slept { why } => write!(f, "sleeps: {why}"),
            Self::StayedAwake { why } => write!(f, "stays awake: {why}"),
            Self::Failed {
                reason, message, ..
            } => write!(f, "failed: {reason}: {message}"),
            Self::ScaleRefused { message } => write!(f, "could not be scaled: {message}"),
            Self::Blocked { reason, message } => {
                write!(f, "is not scaled: {reason}: {message}")
            }
            Self::WouldSleep { why } => {
                write!(f, "would go to sleep, were it not only observed: {why}")
            }
            Self::WouldWake { why } => write!(
                f,
                "would be woken, were it asleep and not only observed: {why}"
            ),
            Self::Verified {
                revision,
                failure: None,
            } => {
                write!(f, "comes up as revision {revision}")
            }
            Self::Verified {
                revision,
                failure: Some((reason, message)),
            } => {
                write!(
                    f,
                    "does not come up as revision {revision}: {reason}: {message}"
                )
            }
            Self::Removed => f.write_str("is removed"),
        }
    }
}

impl fmt::Display for WakeCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { held: 1 } => f.write_str("a request is held"),
            Self::Held { held } => write!(f, "{held} requests are held"),
            Self::Minimum => f.write_str("it never has fewer"),
            Self::Trigger => f.write_str("a trigger asks for it"),
            Self::Schedule => f.write_str("a schedule asks for it"),
            Self::Verify => f.write_str("its pod template was changed"),
            Self::Needed => f.write_str("another that needs it is awake"),
            Self::Elsewhere => f.write_str("another has raised its count"),
        }
    }
}

struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1000.0)
    }
}
