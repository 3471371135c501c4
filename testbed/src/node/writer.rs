//! Writes a pod's status when it has changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use super::context::Context;
use super::state::{PodState, Seen, containers};
use super::status::{build, ready, started};

/// How long the API server may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// After a failure.
const RETRY: Duration = Duration::from_millis(200);

/// What makes a container's readiness probe look at once, by the container's name.
pub(crate) type AtOnce = BTreeMap<String, Arc<Notify>>;

/// Writes one pod's status.
pub(crate) struct Writer {
    pub(crate) context: Arc<Context>,
    pub(crate) state: Arc<PodState>,
    pub(crate) at_once: AtOnce,
    changes: watch::Receiver<Seen>,
    written: Option<PodStatus>,
}

/// What became of a status.
enum Outcome {
    Written,
    /// The pod is not there any more, or another has its name.
    Gone,
    Failed,
}

impl Writer {
    pub(crate) fn new(context: &Arc<Context>, state: &Arc<PodState>, at_once: AtOnce) -> Self {
        Self {
            context: Arc::clone(context),
            state: Arc::clone(state),
            at_once,
            changes: state.seen.subscribe(),
            written: None,
        }
    }

    /// Follows the pod until dropped.
    pub(crate) async fn run(mut self) {
        // The sender lives as long as `self.state`.
        while self.changes.changed().await.is_ok() {
            self.trigger();
            self.context.knobs.answering().await;
            let delay = self.context.knobs.read(|settings| settings.status_delay);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
                self.context.knobs.answering().await;
            }
            if matches!(self.write().await, Outcome::Failed) {
                tokio::time::sleep(RETRY).await;
                self.changes.mark_changed();
            }
        }
    }

    /// Writes what is known now, however often it takes; returns when it is written or the pod is gone.
    pub(crate) async fn flush(&mut self) {
        loop {
            self.context.knobs.answering().await;
            if !matches!(self.write().await, Outcome::Failed) {
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// As kubelet: whenever a status is made of a container that has started and is not ready, it is probed at once.
    fn trigger(&self) {
        let pod = self.state.object();
        for container in containers(&pod) {
            let seen = self.state.container(&container.name);
            let waits = seen.reported && started(container, &seen) && !ready(container, &seen);
            if let Some(at_once) = self.at_once.get(&container.name).filter(|_| waits) {
                at_once.notify_one();
            }
        }
    }

    async fn write(&mut self) -> Outcome {
        let pod = self.state.object();
        let before = self.written.as_ref().or(pod.status.as_ref());
        let status = build(
            &pod,
            &self.state.seen(),
            self.context.host,
            before,
            Timestamp::now(),
        );
        let others = ready_in(&pod.status) != ready_in(&Some(status.clone()));
        if self.written.as_ref() == Some(&status) && !others {
            return Outcome::Written;
        }
        let api: Api<Pod> = Api::namespaced(self.context.client.clone(), &self.state.namespace);
        let patch = Patch::Strategic(patch(&self.state.uid, &status));
        let parameters = PatchParams::default();
        let sent = api.patch_status(&self.state.name, &parameters, &patch);
        match tokio::time::timeout(DEADLINE, sent).await {
            Ok(Ok(_)) => {
                self.written = Some(status);
                Outcome::Written
            }
            Ok(Err(kube::Error::Api(error))) if matches!(error.code, 404 | 409) => Outcome::Gone,
            Ok(Err(error)) => {
                tracing::warn!(pod = self.state.name, %error, "status not written");
                Outcome::Failed
            }
            Err(_) => Outcome::Failed,
        }
    }
}

/// A strategic merge keeps others' conditions; what a condition no longer says must be taken out by name.
fn patch(uid: &str, status: &PodStatus) -> Value {
    let mut status = json!(status);
    let conditions = status["conditions"].as_array_mut();
    for condition in conditions.into_iter().flatten() {
        for field in ["reason", "message"] {
            if condition.get(field).is_none() {
                condition[field] = Value::Null;
            }
        }
    }
    json!({"metadata": {"uid": uid}, "status": status})
}

/// The status of the Ready condition.
fn ready_in(status: &Option<PodStatus>) -> Option<String> {
    let conditions = status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|found| found.type_ == "Ready")?;
    Some(ready.status.clone())
}
