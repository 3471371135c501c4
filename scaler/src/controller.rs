//! The state machine over all workloads. Pure: events and the time go in, actions come out.
//!
//! Every workload is an [`Entry`](entry::Entry). An event changes what is known about it, and one look at everything known
//! ([`evaluate`]) says what to do; so a repeated or a late event does no harm.

mod apply;
mod drain;
mod entry;
mod evaluate;
mod event;
mod link;
mod notice;
mod sleep;
mod status;
mod wake;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rouse_api::link::{Epoch, Routes, ToProxy};
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use crate::ScalerConfig;
use crate::platform::Observation;
use entry::Entry;
pub use event::{Action, Event, SessionId};
pub use notice::{EventKind, WakeCause, WakeStages, WorkloadEvent};
pub use status::{
    DecisionStatus, FailureStatus, ReplicaStatus, ScalerStatus, SleepStatus, WakeOutcome,
    WakeStatus, WorkloadStatus,
};

/// The state of all workloads.
#[derive(Debug)]
pub struct Controller {
    config: ScalerConfig,
    sessions: BTreeSet<SessionId>,
    entries: BTreeMap<WorkloadId, Entry>,
    deadlines: BTreeSet<(Instant, WorkloadId)>,
    routes: Arc<Routes>,
    epoch: Epoch,
}

/// What an entry needs while it handles one event.
struct Turn<'a> {
    now: Instant,
    config: &'a ScalerConfig,
    sessions: &'a BTreeSet<SessionId>,
    epoch: &'a mut Epoch,
    out: &'a mut Vec<Action>,
}

impl Turn<'_> {
    fn broadcast(&mut self, message: &ToProxy) {
        self.out.extend(
            self.sessions
                .iter()
                .map(|session| Action::Send(*session, message.clone())),
        );
    }
}

impl Controller {
    /// Knows no workload and no session.
    #[must_use]
    pub fn new(config: ScalerConfig) -> Self {
        Self {
            config,
            sessions: BTreeSet::new(),
            entries: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            routes: Arc::default(),
            epoch: 0,
        }
    }

    /// Takes one event and says what to do. `now` never goes back.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Applied(workloads) => self.applied(workloads, now, &mut out),
            Event::SessionOpened(session) => self.opened(session, now, &mut out),
            Event::SessionClosed(session) => self.closed(session, now, &mut out),
            Event::Link(session, message) => self.link(session, message, now, &mut out),
            Event::Observed(observation) => self.observed(observation, now, &mut out),
            Event::ScaleDone(workload) => self.with(&workload, now, &mut out, Entry::scale_done),
            Event::ScaleFailed(workload, why) => {
                self.with(&workload, now, &mut out, |entry, turn| {
                    entry.scale_failed(why, turn);
                });
            }
            Event::Tick => self.tick(now, &mut out),
        }
        out
    }

    /// When [`Event::Tick`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Changes one entry, looks at it, and keeps its next deadline.
    fn with(
        &mut self,
        workload: &WorkloadId,
        now: Instant,
        out: &mut Vec<Action>,
        change: impl FnOnce(&mut Entry, &mut Turn<'_>),
    ) {
        let Some(entry) = self.entries.get_mut(workload) else {
            return;
        };
        let mut turn = Turn {
            now,
            config: &self.config,
            sessions: &self.sessions,
            epoch: &mut self.epoch,
            out,
        };
        change(entry, &mut turn);
        entry.evaluate(&mut turn);
        let (gone, deadline) = (entry.is_gone(), entry.deadline(now, &self.config));
        if let Some(old) = entry.due.replace(deadline) {
            self.deadlines.remove(&(old, workload.clone()));
        }
        if gone {
            self.entries.remove(workload);
            let (workload, kind) = (workload.clone(), EventKind::Removed);
            out.push(Action::Forget(workload.clone()));
            out.push(Action::Emit(WorkloadEvent { workload, kind }));
        } else {
            self.deadlines.insert((deadline, workload.clone()));
        }
    }

    fn with_all(
        &mut self,
        now: Instant,
        out: &mut Vec<Action>,
        change: impl Fn(&mut Entry, &mut Turn<'_>),
    ) {
        let all: Vec<WorkloadId> = self.entries.keys().cloned().collect();
        for workload in all {
            self.with(&workload, now, out, &change);
        }
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Action>) {
        let due: Vec<WorkloadId> = self
            .deadlines
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, workload)| workload.clone())
            .collect();
        for workload in due {
            self.with(&workload, now, out, |_, _| {});
        }
    }

    fn observed(&mut self, observation: Observation, now: Instant, out: &mut Vec<Action>) {
        let workload = observation.workload.clone();
        self.with(&workload, now, out, |entry, _| entry.observe(observation));
    }
}
