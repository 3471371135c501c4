//! The state machine over all workloads. Pure: events and the time go in, actions come out.
//!
//! Every workload is an [`Entry`](entry::Entry). An event changes what is known about it, and one look at everything known
//! ([`evaluate`]) says what to do; so a repeated or a late event does no harm.

mod apply;
mod capacity;
mod clock;
mod counts;
mod deadline;
mod drain;
mod entry;
mod evaluate;
mod event;
mod history;
mod initial;
mod link;
mod members;
mod notice;
mod permits;
mod polled;
mod probers;
mod role;
mod saved;
mod shadow;
mod sleep;
mod status;
mod told;
mod triggers;
mod verify;
mod wake;
mod wakes;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rouse_api::link::{Epoch, Routes, Term, ToProxy};
use rouse_api::workload::{Behavior, WorkloadId};
use tokio::time::Instant;

use crate::ScalerConfig;
use crate::demand::Roster;
use crate::platform::Observation;
use clock::Clock;
use entry::Entry;
pub use event::{Action, Event, SessionId};
pub use history::{DecisionHistory, MOST_DECISIONS, PastDecision};
use members::Members;
pub use members::{MAX_MEMBERS, SessionEnd};
pub use notice::{EventKind, WakeCause, WakeStages, WorkloadEvent};
use permits::Ledgers;
pub use status::{
    DecisionStatus, FailureStatus, ReplicaStatus, ScalerStatus, SleepStatus, VerifyStatus,
    WakeOutcome, WakeStatus, WorkloadStatus, WouldHaveStatus,
};
use wakes::Need;

/// The state of all workloads.
#[derive(Debug)]
pub struct Controller {
    config: ScalerConfig,
    leads: Option<Term>,
    members: Members,
    entries: BTreeMap<WorkloadId, Entry>,
    deadlines: BTreeSet<(Instant, WorkloadId)>,
    ledgers: Ledgers,
    routes: Arc<Routes>,
    epoch: Epoch,
    /// Workloads that are being put to sleep.
    going: usize,
    /// Workloads that are woken only to see whether they start.
    verifying: usize,
    clock: Clock,
    /// Who is woken with whom; without circles.
    wakes: BTreeMap<WorkloadId, Vec<WorkloadId>>,
    /// Not passed on yet; empty between events.
    needs: Vec<Need>,
}

/// What an entry needs while it handles one event.
struct Turn<'a> {
    now: Instant,
    /// The wall clock's time.
    wall: Option<Timestamp>,
    config: &'a ScalerConfig,
    leads: Option<Term>,
    members: &'a Members,
    ledgers: &'a mut Ledgers,
    epoch: &'a mut Epoch,
    /// Workloads that are being put to sleep, before this event.
    going: usize,
    /// Workloads whose pod templates are being tried, before this event.
    verifying: usize,
    out: &'a mut Vec<Action>,
}

impl Turn<'_> {
    fn broadcast(&mut self, message: &ToProxy) {
        self.out.extend(
            self.members
                .sessions()
                .map(|session| Action::Send(session, message.clone())),
        );
    }
}

impl Controller {
    /// Knows no workload and no session.
    #[must_use]
    pub fn new(config: ScalerConfig) -> Self {
        let mut members = Members::new(Roster::new(Behavior::default().stable_window));
        members.lead_permits(config.leads);
        Self {
            leads: config.leads,
            members,
            config,
            ledgers: Ledgers::new(),
            entries: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            routes: Arc::default(),
            epoch: 0,
            going: 0,
            verifying: 0,
            clock: Clock::default(),
            wakes: BTreeMap::new(),
            needs: Vec::new(),
        }
    }

    /// Takes one event and says what to do. `now` never goes back.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Applied(workloads) => self.applied(workloads, now, &mut out),
            Event::SessionOpened {
                session,
                member,
                end,
                capabilities,
            } => self.opened(session, (member, capabilities), end, now, &mut out),
            Event::SessionClosed(session) => self.closed(session, now, &mut out),
            Event::LiveHosts(hosts) => self.live_hosts(hosts, now, &mut out),
            Event::Lead(term) => self.lead(term, now, &mut out),
            Event::Link(session, message) => self.link(session, message, now, &mut out),
            Event::Observed(observation) => self.observed(observation, now, &mut out),
            Event::ScaleDone(workload, count) => {
                self.with(&workload, now, &mut out, |entry, turn| {
                    entry.scale_done(count, turn);
                });
            }
            Event::ScaleFailed(workload, error) => {
                self.with(&workload, now, &mut out, |entry, turn| {
                    entry.scale_failed(&error, turn);
                });
            }
            Event::Read {
                workload,
                trigger,
                value,
            } => self.with(&workload, now, &mut out, |entry, turn| {
                let replicas = (entry.ready(), entry.wanted);
                entry.triggers.read(&trigger, value, replicas, turn.now);
            }),
            Event::Clock(told) => self.clock(told, now, &mut out),
            Event::Tick => self.tick(now, &mut out),
        }
        self.pass_on_needs(now, &mut out);
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
        let went = usize::from(entry.is_going());
        let tried = usize::from(entry.verify.is_trying());
        let mut turn = Turn {
            now,
            wall: self.clock.at(now),
            config: &self.config,
            leads: self.leads,
            members: &self.members,
            ledgers: &mut self.ledgers,
            epoch: &mut self.epoch,
            going: self.going,
            verifying: self.verifying,
            out,
        };
        change(entry, &mut turn);
        entry.evaluate(&mut turn);
        let (gone, deadline) = (entry.is_gone(), entry.deadline(&turn));
        let goes = usize::from(entry.is_going() && !gone);
        let needs = entry.needs_others();
        let needs = (std::mem::replace(&mut entry.needs, needs) != needs).then_some(needs);
        self.going = (self.going + goes).saturating_sub(went);
        let tries = usize::from(entry.verify.is_trying() && !gone);
        self.verifying = (self.verifying + tries).saturating_sub(tried);
        if let Some(old) = std::mem::replace(&mut entry.due, deadline) {
            self.deadlines.remove(&(old, workload.clone()));
        }
        if gone {
            self.entries.remove(workload);
            self.leave_ledger(workload);
            let (workload, kind) = (workload.clone(), EventKind::Removed);
            out.push(Action::Forget(workload.clone()));
            out.push(Action::Emit(WorkloadEvent { workload, kind }));
        } else if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, workload.clone()));
        }
        if let Some(woken) = needs {
            self.note_need(workload, woken);
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
        self.with(&workload, now, out, |entry, turn| {
            entry.observe(observation, turn);
        });
    }
}
