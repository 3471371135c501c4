//! The node's pods as the API server tells them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::watcher::{self, Config, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::context::Context;
use super::pod::{grace, run};
use super::state::{PodState, condition, containers};
use super::status::ready;

/// Follows the pods bound to this node, until dropped; then their processes are killed.
pub(crate) async fn follow(context: Arc<Context>) {
    let api: Api<Pod> = Api::all(context.client.clone());
    let mine = Config::default().fields(&format!("spec.nodeName={}", context.name));
    let mut events = std::pin::pin!(watch(api, mine).default_backoff());
    let mut pods = Pods {
        context,
        known: HashMap::new(),
        listed: HashSet::new(),
        running: JoinSet::new(),
    };
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => pods.event(event).await,
                None => return,
            },
            Some(done) = pods.running.join_next() => {
                if let Ok(uid) = done {
                    pods.known.remove(&uid);
                }
            }
        }
    }
}

struct Pods {
    context: Arc<Context>,
    known: HashMap<String, Arc<PodState>>,
    /// Named by the listing that is under way.
    listed: HashSet<String>,
    running: JoinSet<String>,
}

impl Pods {
    async fn event(&mut self, event: watcher::Result<Event<Pod>>) {
        self.context.knobs.answering().await;
        match event {
            Ok(Event::Init) => self.listed.clear(),
            Ok(Event::InitApply(pod)) => {
                self.listed.extend(pod.metadata.uid.clone());
                self.apply(pod);
            }
            Ok(Event::InitDone) => {
                let known = self.known.values();
                for gone in known.filter(|state| !self.listed.contains(&state.uid)) {
                    end(gone);
                }
            }
            Ok(Event::Apply(pod)) => self.apply(pod),
            Ok(Event::Delete(pod)) => {
                let uid = pod.metadata.uid.unwrap_or_default();
                if let Some(state) = self.known.get(&uid) {
                    end(state);
                }
            }
            Err(error) => tracing::debug!(%error, "the watch of pods is broken"),
        }
    }

    fn apply(&mut self, pod: Pod) {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let deleted = pod.metadata.deletion_timestamp.is_some();
        let state = match self.known.get(&uid) {
            Some(state) => {
                let changed = state.replace(pod);
                if changed || unlike(state) {
                    state.update(|_| {});
                }
                Arc::clone(state)
            }
            None => self.add(uid, pod),
        };
        if deleted {
            end(&state);
        }
    }

    fn add(&mut self, uid: String, pod: Pod) -> Arc<PodState> {
        let state = Arc::new(PodState::new(pod));
        self.context.remember(&state);
        let (context, task) = (Arc::clone(&self.context), Arc::clone(&state));
        self.known.insert(uid.clone(), Arc::clone(&state));
        self.running.spawn(async move {
            run(context, task).await;
            uid
        });
        state
    }
}

/// Deleted, or gone without being deleted first: it gets its time, as the kubelet gives it.
fn end(state: &PodState) {
    state.end(Instant::now() + grace(&state.object()));
}

/// Whether somebody else has said that the pod is not ready although its containers are: the node controller, after a silence.
fn unlike(state: &PodState) -> bool {
    let object = state.object();
    condition(&object, "ContainersReady") == Some("True")
        && condition(&object, "Ready") == Some("False")
        && containers(&object).all(|container| ready(container, &state.container(&container.name)))
}
