//! What a node knows of one pod: the object, its containers, and how it ends.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use tokio::sync::watch;
use tokio::time::Instant;

/// One pod on this node.
#[derive(Debug)]
pub(crate) struct PodState {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    /// The newest object seen.
    pub(crate) pod: watch::Sender<Arc<Pod>>,
    /// Until when its containers may take to end, once it must end.
    pub(crate) ending: watch::Sender<Option<Instant>>,
    /// What the status is made of.
    pub(crate) seen: watch::Sender<Seen>,
}

/// The facts a status is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) sandbox: bool,
    /// All containers have ended and none will start again.
    pub(crate) ended: bool,
    pub(crate) containers: BTreeMap<String, ContainerSeen>,
}

/// One container.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContainerSeen {
    /// Whether the status may tell of it: all containers of a pod come up in one update.
    pub(crate) reported: bool,
    pub(crate) now: Now,
    pub(crate) last: Option<Terminated>,
    pub(crate) restarts: i32,
    /// Of the process that runs or ran last.
    pub(crate) id: Option<String>,
    pub(crate) pid: Option<i32>,
    /// The startup probe has passed.
    pub(crate) startup: bool,
    /// What the readiness probe said last.
    pub(crate) readiness: bool,
}

/// A container's state.
#[derive(Debug, Clone)]
pub(crate) enum Now {
    Waiting { reason: String, message: String },
    Running { at: Timestamp, since: Instant },
    Terminated(Terminated),
}

impl Default for Now {
    fn default() -> Self {
        Self::waiting("ContainerCreating", "")
    }
}

impl Now {
    pub(crate) fn waiting(reason: &str, message: impl Into<String>) -> Self {
        Self::Waiting {
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terminated {
    pub(crate) code: i32,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) id: Option<String>,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Timestamp,
}

impl PodState {
    pub(crate) fn new(pod: Pod) -> Self {
        let meta = &pod.metadata;
        Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            pod: watch::Sender::new(Arc::new(pod)),
            ending: watch::Sender::new(None),
            seen: watch::Sender::default(),
        }
    }

    /// The newest object.
    pub(crate) fn object(&self) -> Arc<Pod> {
        Arc::clone(&self.pod.borrow())
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    pub(crate) fn container(&self, name: &str) -> ContainerSeen {
        let seen = self.seen.borrow();
        seen.containers.get(name).cloned().unwrap_or_default()
    }

    /// Changes the facts; the status follows.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Seen)) {
        self.seen.send_modify(change);
    }

    /// Changes what is known of a container; the status follows.
    pub(crate) fn update_container(&self, name: &str, change: impl FnOnce(&mut ContainerSeen)) {
        self.update(|seen| change(seen.containers.entry(name.to_owned()).or_default()));
    }

    /// The pod must end by `deadline`; an earlier one said before stands.
    pub(crate) fn end(&self, deadline: Instant) {
        self.ending.send_if_modified(|ending| {
            let sooner = ending.is_none_or(|before| deadline < before);
            if sooner {
                *ending = Some(deadline);
            }
            sooner
        });
    }

    /// Takes a newer object; whether the pod itself changed, not just its status.
    pub(crate) fn replace(&self, pod: Pod) -> bool {
        let before = self.pod.send_replace(Arc::new(pod));
        let pod = self.object();
        let meta = |pod: &Pod| {
            let meta = &pod.metadata;
            (
                meta.labels.clone(),
                meta.annotations.clone(),
                meta.deletion_timestamp.clone(),
            )
        };
        meta(&before) != meta(&pod) || before.spec != pod.spec || gates(&before) != gates(&pod)
    }
}

/// The states of the conditions that the pod's readiness waits for.
fn gates(pod: &Pod) -> Vec<Option<String>> {
    let gates = spec(pod).into_iter().flat_map(|spec| &spec.readiness_gates);
    gates
        .flatten()
        .map(|gate| condition(pod, &gate.condition_type).map(ToOwned::to_owned))
        .collect()
}

/// The status (`True`, `False`, `Unknown`) of a condition.
pub(crate) fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|found| found.type_ == type_)?;
    Some(&found.status)
}

pub(crate) fn spec(pod: &Pod) -> Option<&PodSpec> {
    pod.spec.as_ref()
}

/// Init containers first.
pub(crate) fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    let spec = spec(pod);
    let init = spec.and_then(|spec| spec.init_containers.as_ref());
    init.into_iter()
        .flatten()
        .chain(spec.into_iter().flat_map(|spec| &spec.containers))
}

/// An init container that keeps running beside the others.
pub(crate) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}
