use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rouse_api::link::{Routes, Term, ToProxy, WorkloadState};
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::super::ConnectionState;
use super::super::outbox::Outbox;

/// What one scaler has said.
#[derive(Debug)]
pub(super) struct View {
    pub(super) outbox: Option<Arc<Outbox>>,
    pub(super) name: String,
    pub(super) since: Instant,
    pub(super) since_connected: Instant,
    pub(super) error: Option<String>,
    pub(super) leads: Option<Term>,
    pub(super) synced: bool,
    pub(super) routes: Option<Arc<Routes>>,
    /// Those that differ from [`WorkloadState::empty`].
    pub(super) states: BTreeMap<WorkloadId, WorkloadState>,
    /// The last Quiesce, Resume or Asleep.
    pub(super) sleeps: BTreeMap<WorkloadId, ToProxy>,
}

impl View {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            outbox: None,
            name: String::new(),
            since: now,
            since_connected: now,
            error: None,
            leads: None,
            synced: false,
            routes: None,
            states: BTreeMap::new(),
            sleeps: BTreeMap::new(),
        }
    }

    pub(super) fn connected(&mut self, name: String, outbox: Arc<Outbox>) {
        self.name = name;
        self.outbox = Some(outbox);
    }

    pub(super) fn state(&self) -> ConnectionState {
        match (&self.outbox, self.synced) {
            (None, _) => ConnectionState::Connecting,
            (Some(_), false) => ConnectionState::Syncing,
            (Some(_), true) => ConnectionState::Synced,
        }
    }

    pub(super) fn take(&mut self, message: &ToProxy, now: Instant) {
        match message {
            ToProxy::Role { leads } => self.leads = *leads,
            ToProxy::Synced => {
                if !self.synced {
                    self.since = now;
                }
                self.synced = true;
            }
            ToProxy::Routes(routes) => {
                self.prune(routes);
                self.routes = Some(routes.clone());
            }
            ToProxy::State(state) => keep(&mut self.states, state),
            ToProxy::Quiesce { workload, .. }
            | ToProxy::Resume { workload, .. }
            | ToProxy::Asleep { workload, .. } => {
                self.sleeps.insert(workload.clone(), message.clone());
            }
            // Each is said to one leader's account of it: what was said before says nothing.
            ToProxy::Permits(_) | ToProxy::Unlinked | ToProxy::Linked | ToProxy::ReportWhole => {}
        }
    }

    /// Forgets attempts at workloads that are no more. Their states stay until they are told empty: they drain.
    fn prune(&mut self, routes: &Routes) {
        if self.sleeps.is_empty() {
            return;
        }
        let known: HashSet<&WorkloadId> =
            routes.workloads.iter().map(|routed| &routed.id).collect();
        self.sleeps.retain(|workload, _| known.contains(workload));
    }
}

/// An empty state is as good as none.
pub(super) fn keep(states: &mut BTreeMap<WorkloadId, WorkloadState>, state: &WorkloadState) {
    let id = state.workload.clone();
    if *state == WorkloadState::empty(id.clone()) {
        states.remove(&id);
    } else {
        states.insert(id, state.clone());
    }
}
