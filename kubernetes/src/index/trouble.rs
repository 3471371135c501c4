//! What keeps a pod from coming up, in kubelet's and the scheduler's words.

use k8s_openapi::api::core::v1 as core;

/// Restarts after which a crash loop is taken for final.
const FINAL_RESTARTS: i32 = 2;

/// Longest message kept, in characters: some runtimes put whole logs there.
const LONGEST: usize = 512;

/// Why a pod is not up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How bad it is.
    pub kind: TroubleKind,
    /// A stable word, e.g. `ImagePullBackOff`.
    pub reason: String,
    /// In the words of who knows it.
    pub message: String,
}

/// How bad a trouble is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// It will not come up unless somebody changes something.
    Final,
    /// The first time that an image could not be pulled: final the second time.
    Pull,
    /// No node takes it: final after a while, or when the autoscaler of nodes has declined.
    Unschedulable,
    /// It takes its time.
    Waits,
}

impl Trouble {
    /// Of a pod's status; `None`: it starts as it should, or runs.
    #[must_use]
    pub fn of(status: &core::PodStatus) -> Option<Self> {
        if let Some(trouble) = unscheduled(status) {
            return Some(trouble);
        }
        let inits = status.init_container_statuses.iter().flatten();
        let containers = status.container_statuses.iter().flatten();
        let mut worst: Option<Self> = None;
        for trouble in inits.chain(containers).filter_map(of_container) {
            if worst
                .as_ref()
                .is_none_or(|worst| trouble.rank() > worst.rank())
            {
                worst = Some(trouble);
            }
        }
        worst
    }

    fn rank(&self) -> u8 {
        match self.kind {
            TroubleKind::Final => 3,
            TroubleKind::Pull => 2,
            TroubleKind::Unschedulable => 1,
            TroubleKind::Waits => 0,
        }
    }
}

fn unscheduled(status: &core::PodStatus) -> Option<Trouble> {
    let mut conditions = status.conditions.iter().flatten();
    let condition = conditions.find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    let reason = condition
        .reason
        .clone()
        .unwrap_or_else(|| "Unschedulable".to_owned());
    let kind = if reason == "Unschedulable" {
        TroubleKind::Unschedulable
    } else {
        TroubleKind::Waits
    };
    Some(Trouble {
        kind,
        reason,
        message: short(
            condition
                .message
                .as_deref()
                .unwrap_or("it is not scheduled"),
        ),
    })
}

fn of_container(status: &core::ContainerStatus) -> Option<Trouble> {
    let state = status.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        return of_waiting(status, waiting);
    }
    let ended = state.terminated.as_ref()?;
    // Between its end and the next back-off; an init container that has done its work ends with 0.
    if ended.exit_code == 0 {
        return None;
    }
    let kind = if status.restart_count >= FINAL_RESTARTS {
        TroubleKind::Final
    } else {
        TroubleKind::Waits
    };
    Some(Trouble {
        kind,
        reason: "CrashLoopBackOff".to_owned(),
        message: short(&format!("container {} {}", status.name, end(ended))),
    })
}

fn of_waiting(
    status: &core::ContainerStatus,
    waiting: &core::ContainerStateWaiting,
) -> Option<Trouble> {
    let reason = waiting
        .reason
        .as_deref()
        .filter(|reason| !reason.is_empty())?;
    let kind = match reason {
        "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "CreateContainerConfigError"
        | "CreateContainerError" => TroubleKind::Final,
        "ErrImagePull" => TroubleKind::Pull,
        "CrashLoopBackOff" if status.restart_count >= FINAL_RESTARTS => TroubleKind::Final,
        _ => TroubleKind::Waits,
    };
    let mut message = format!("container {}", status.name);
    let ended = status
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    if let Some(ended) = ended {
        message = format!(
            "{message} {} ({} restarts)",
            end(ended),
            status.restart_count
        );
    }
    match waiting.message.as_deref() {
        Some(text) if !text.is_empty() => message = format!("{message}: {text}"),
        _ => message = format!("{message}: {reason}"),
    }
    Some(Trouble {
        kind,
        reason: reason.to_owned(),
        message: short(&message),
    })
}

fn end(ended: &core::ContainerStateTerminated) -> String {
    let mut text = format!("ended with exit code {}", ended.exit_code);
    let reason = ended
        .reason
        .as_deref()
        .filter(|reason| !matches!(*reason, "" | "Error"));
    if let Some(reason) = reason {
        text = format!("{text}, {reason}");
    }
    if let Some(message) = ended
        .message
        .as_deref()
        .filter(|message| !message.is_empty())
    {
        text = format!("{text}, saying {:?}", message.trim());
    }
    text
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
