//! Events that say why pods don't come up.

use std::sync::Arc;

use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

/// One Event object.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What it says.
    pub reason: NoteReason,
    /// The uid of what it is about: a Pod's, or a target's.
    pub about: Arc<str>,
    /// `namespace/name` of that.
    pub name: WorkloadId,
    /// In the words of who said it.
    pub message: String,
    /// When it was said last.
    pub at: Instant,
}

/// Reasons that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteReason {
    /// The autoscaler of nodes won't make room for the pod.
    NotTriggerScaleUp,
    /// It makes room.
    TriggeredScaleUp,
    /// A controller could not make a pod.
    FailedCreate,
}

impl NoteReason {
    /// The reason as Events write it; `None`: it doesn't matter.
    #[must_use]
    pub fn parse(reason: &str) -> Option<Self> {
        match reason {
            "NotTriggerScaleUp" => Some(Self::NotTriggerScaleUp),
            "TriggeredScaleUp" => Some(Self::TriggeredScaleUp),
            "FailedCreate" => Some(Self::FailedCreate),
            _ => None,
        }
    }
}
