//! Events of Pods to sets of those alive; pure.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::runtime::watcher::Event;

/// The Pods that are alive, by their UID.
#[derive(Debug)]
pub struct MemberIndex {
    container: String,
    alive: BTreeMap<Arc<str>, Run>,
    /// What a list under way has brought so far.
    listing: Option<BTreeMap<Arc<str>, Run>>,
    /// There was a whole list.
    listed: bool,
}

/// What tells one run of the Pod's container from the next.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    restarts: Option<i32>,
    id: Option<String>,
}

impl MemberIndex {
    /// Of Pods whose proxy is the container of this name.
    #[must_use]
    pub fn new(container: &str) -> Self {
        Self {
            container: container.to_owned(),
            alive: BTreeMap::new(),
            listing: None,
            listed: false,
        }
    }

    /// The last set; `None`: there was no whole list yet.
    #[must_use]
    pub fn known(&self) -> Option<BTreeSet<Arc<str>>> {
        self.listed.then(|| self.alive.keys().cloned().collect())
    }

    /// Takes an event of the watch; returns the sets that follow from it, in order: none, one or two.
    pub fn take(&mut self, event: Event<Pod>) -> Vec<BTreeSet<Arc<str>>> {
        match event {
            Event::Init => {
                self.listing = Some(BTreeMap::new());
                Vec::new()
            }
            Event::InitApply(pod) => {
                if let (Some(listing), Some((uid, Some(run)))) =
                    (&mut self.listing, read(&pod, &self.container))
                {
                    listing.insert(uid, run);
                }
                Vec::new()
            }
            Event::InitDone => match self.listing.take() {
                Some(alive) => self.replace(alive),
                None => Vec::new(),
            },
            Event::Apply(pod) => match read(&pod, &self.container) {
                Some((uid, run)) => self.change(uid, run),
                None => Vec::new(),
            },
            Event::Delete(pod) => match pod.metadata.uid {
                Some(uid) => self.change(uid.into(), None),
                None => Vec::new(),
            },
        }
    }

    fn change(&mut self, uid: Arc<str>, run: Option<Run>) -> Vec<BTreeSet<Arc<str>>> {
        let mut alive = self.alive.clone();
        match run {
            Some(run) => alive.insert(uid, run),
            None => alive.remove(&uid),
        };
        self.replace(alive)
    }

    fn replace(&mut self, alive: BTreeMap<Arc<str>, Run>) -> Vec<BTreeSet<Arc<str>>> {
        let set = |pods: &BTreeMap<Arc<str>, Run>| pods.keys().cloned().collect::<BTreeSet<_>>();
        let before = set(&self.alive);
        let after = set(&alive);
        let restarted: BTreeSet<_> = alive
            .iter()
            .filter(|(uid, run)| self.alive.get(*uid).is_some_and(|old| old != *run))
            .map(|(uid, _)| uid.clone())
            .collect();
        let first = !std::mem::replace(&mut self.listed, true);
        self.alive = alive;
        let mut sets = Vec::new();
        if !restarted.is_empty() {
            sets.push(after.difference(&restarted).cloned().collect());
        }
        if first || before != after || !restarted.is_empty() {
            sets.push(after);
        }
        sets
    }
}

/// The Pod's UID, and its run if it is alive. Being told to stop is not death.
fn read(pod: &Pod, container: &str) -> Option<(Arc<str>, Option<Run>)> {
    let uid = pod.metadata.uid.as_deref()?;
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    let over = matches!(phase, Some("Failed" | "Succeeded"));
    let statuses = status
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default();
    let named = statuses.iter().any(|status| status.name == container);
    let mut running = statuses
        .iter()
        .filter(|status| !named || status.name == container)
        .filter(|status| runs(status));
    let run = running.next().map(|status| Run {
        // Of a container that may not be the proxy a restart says nothing.
        restarts: named.then_some(status.restart_count),
        id: status.container_id.clone().filter(|_| named),
    });
    Some((uid.into(), run.filter(|_| !over)))
}

fn runs(status: &ContainerStatus) -> bool {
    let state = status.state.as_ref();
    state.is_some_and(|state| state.running.is_some())
}
