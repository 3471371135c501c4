//! Whose word counts, and what the proxy is told when that changes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rouse_api::link::{Routes, Term, ToProxy, WorkloadState};
use rouse_api::workload::WorkloadId;

use super::view::{View, keep};
use super::{Mux, Told};

/// How much a scaler's word is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It believes it leads, but another has led later: the last resort.
    Deposed,
    Follows,
    Leads(Term),
}

impl Mux {
    fn rank(&self, view: &View) -> Option<Rank> {
        // In a snapshot's midst it would have the proxy forget what has not yet been told.
        if !view.synced || view.outbox.is_none() {
            return None;
        }
        Some(match view.leads {
            None => Rank::Follows,
            Some(term) if Some(term) < self.term => Rank::Deposed,
            Some(term) => Rank::Leads(term),
        })
    }

    /// The best; of those alike the present one.
    fn best(&self) -> Option<SocketAddr> {
        let views = self.views.iter();
        let ranked = views.filter_map(|(address, view)| {
            let present = self.source == Some(*address);
            Some((self.rank(view)?, present, *address))
        });
        ranked.max().map(|(_, _, address)| address)
    }

    pub(super) fn source_leads(&self) -> bool {
        let view = self.source.and_then(|source| self.views.get(&source));
        let rank = view.and_then(|view| self.rank(view));
        matches!(rank, Some(Rank::Leads(_)))
    }

    /// Looks again whose word counts; returns what the proxy is to be told then.
    pub(super) fn choose(&mut self) -> Vec<ToProxy> {
        // A connection made anew has to tell anew, even when it is the one whose word counted.
        let best = self.best();
        if best == self.source {
            return Vec::new();
        }
        self.source = best;
        self.metrics.linked.set(i64::from(best.is_some()));
        let Some(view) = best.and_then(|best| self.views.get(&best)) else {
            self.without = Some(self.now);
            // Nobody leads, as far as is known here: what the proxy owns it keeps.
            return vec![ToProxy::Role { leads: None }];
        };
        self.metrics.source_changes.inc();
        self.without = None;
        let mut say = vec![ToProxy::Role { leads: view.leads }];
        say.extend(self.told.route_as(view));
        let leads = self.source_leads();
        let holds = |sleep: &&ToProxy| match sleep {
            ToProxy::Quiesce { epoch, .. } => leads && !self.void(*epoch),
            ToProxy::Resume { epoch, .. } | ToProxy::Asleep { epoch, .. } => !self.void(*epoch),
            _ => false,
        };
        // That it slept ends what the proxy knew of its replicas: what there is by now is told after it, and anew.
        let (asleep, others): (Vec<ToProxy>, _) = view
            .sleeps
            .values()
            .filter(holds)
            .cloned()
            .partition(|sleep| matches!(sleep, ToProxy::Asleep { .. }));
        for message in &asleep {
            if let ToProxy::Asleep { workload, .. } = message
                && view.states.contains_key(workload)
            {
                self.told.states.remove(workload);
            }
        }
        say.extend(asleep);
        let states = self.believed(view);
        say.extend(self.told.become_as(states));
        say.extend(others);
        for message in &say {
            match message {
                ToProxy::State(state) if leads => self.ended.lives(state),
                message => self.heed(message),
            }
        }
        // Only now: until then the proxy does not dial pods, whose addresses may be stale.
        if std::mem::take(&mut self.unlinked) {
            say.push(ToProxy::Linked);
        }
        if !std::mem::replace(&mut self.told.synced, true) {
            say.push(ToProxy::Synced);
        }
        say
    }
}

impl Mux {
    /// What a scaler tells of replicas, as far as it is believed: a leader in full, another only of what no leader has ended.
    fn believed(&self, view: &View) -> BTreeMap<WorkloadId, WorkloadState> {
        let mut states = BTreeMap::new();
        let leads = self.source_leads();
        for state in view.states.values() {
            let mut state = state.clone();
            if !leads {
                self.ended.scrub(&mut state);
            }
            keep(&mut states, &state);
        }
        states
    }

    /// The source leads now, or leads no more: another part of what it tells is believed.
    pub(super) fn tell_states(&mut self) -> Vec<ToProxy> {
        let Some(view) = self.source.and_then(|source| self.views.get(&source)) else {
            return Vec::new();
        };
        let states = self.believed(view);
        self.told.become_as(states)
    }
}

impl Told {
    pub(super) fn keep(&mut self, state: &WorkloadState) {
        keep(&mut self.states, state);
    }

    /// Versions are each scaler's own: the proxy is told ones that only grow.
    pub(super) fn route(&mut self, routes: Arc<Routes>) -> ToProxy {
        let last = self.routes.as_ref().map(|told| told.version);
        let routes = match last {
            Some(last) if routes.version <= last => Arc::new(Routes {
                version: last.saturating_add(1),
                workloads: routes.workloads.clone(),
            }),
            _ => routes,
        };
        self.routes = Some(routes.clone());
        ToProxy::Routes(routes)
    }

    /// The route table that this scaler says, when the proxy knows another.
    fn route_as(&mut self, view: &View) -> Option<ToProxy> {
        let routes = view.routes.as_ref()?;
        let told = self.routes.as_ref();
        let differs = told.is_none_or(|told| told.workloads != routes.workloads);
        differs.then(|| self.route(routes.clone()))
    }

    /// All states that differ between what the proxy knows and these.
    fn become_as(&mut self, states: BTreeMap<WorkloadId, WorkloadState>) -> Vec<ToProxy> {
        let mut say = Vec::new();
        let gone = self.states.keys().filter(|id| !states.contains_key(id));
        say.extend(gone.map(|id| ToProxy::State(WorkloadState::empty(id.clone()))));
        let differs = |state: &&WorkloadState| self.states.get(&state.workload) != Some(*state);
        let news = states.values().filter(differs);
        say.extend(news.cloned().map(ToProxy::State));
        self.states = states;
        say
    }
}
