//! Sessions, and what they say.

use std::collections::BTreeSet;
use std::sync::Arc;

use rouse_api::link::{Capabilities, MemberId, Report, ToProxy, ToScaler, WorkloadState};
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::{Action, Controller, SessionEnd, SessionId};
use crate::demand::MemberNo;

impl Controller {
    pub(super) fn opened(
        &mut self,
        session: SessionId,
        (member, capabilities): (MemberId, Capabilities),
        end: SessionEnd,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        let Some(opened) = self.members.open(session, member, end, capabilities, now) else {
            out.push(Action::Close(session));
            return;
        };
        out.extend(opened.replaced.map(Action::Close));
        self.bury_permits(opened.dead.as_slice());
        self.introduce(session, end, out);
        self.with_all(now, out, |entry, turn| {
            if let Some(dead) = opened.dead {
                entry.bury(dead);
            }
            // It has just been given endpoints and was not asked to stop.
            entry.stay_awake("a proxy has connected", turn);
        });
        out.push(Action::Send(session, ToProxy::Synced));
    }

    /// All that a new session is to know. One that may have been asked to stop by another leader, or while it was not connected,
    /// is told how that ended.
    fn introduce(&self, session: SessionId, end: SessionEnd, out: &mut Vec<Action>) {
        let leads = self.leads;
        let mut send = |message| out.push(Action::Send(session, message));
        send(ToProxy::Role { leads });
        send(ToProxy::Routes(self.routes.clone()));
        for entry in self.entries.values() {
            let told = entry.told(&self.members);
            let told = entry.told_to(session, &told, &self.members);
            if told != WorkloadState::empty(told.workload.clone()) {
                send(ToProxy::State(told));
            }
            if leads.is_some() && end == SessionEnd::Silence {
                let word = entry.level(self.epoch).or_else(|| entry.stop_sign());
                word.into_iter().for_each(&mut send);
            }
        }
    }

    pub(super) fn closed(&mut self, session: SessionId, now: Instant, out: &mut Vec<Action>) {
        let Some(dead) = self.members.close(session) else {
            return;
        };
        let dead: Vec<MemberNo> = dead.into_iter().collect();
        self.buried(&dead, now, out);
    }

    pub(super) fn live_hosts(
        &mut self,
        hosts: BTreeSet<Arc<str>>,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        let dead = self.members.live(hosts);
        self.buried(&dead, now, out);
    }

    /// Nothing more is expected of these; and everything is looked at anew.
    fn buried(&mut self, dead: &[MemberNo], now: Instant, out: &mut Vec<Action>) {
        self.bury_permits(dead);
        self.with_all(now, out, |entry, _| {
            for member in dead {
                entry.bury(*member);
            }
        });
    }

    pub(super) fn link(
        &mut self,
        session: SessionId,
        message: ToScaler,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        let Some(member) = self.members.of(session) else {
            return;
        };
        match message {
            ToScaler::Report(report) => self.report(member, &report, now, out),
            ToScaler::Wake(wake) => self.with(&wake.workload, now, out, |entry, turn| {
                entry.demand.held(member, wake.held.max(1), now);
                if wake.by.is_some() {
                    entry.asked_by.clone_from(&wake.by);
                }
                entry.asked_since = Some(now.checked_sub(wake.oldest).unwrap_or(now));
                entry.stay_awake("a request is held", turn);
            }),
            ToScaler::Quiesced { workload, epoch } => {
                self.with(&workload, now, out, |entry, turn| {
                    entry.quiesced(member, session, epoch, turn);
                });
            }
            ToScaler::Busy { workload, epoch } => {
                self.with(&workload, now, out, |entry, turn| entry.busy(epoch, turn));
            }
            ToScaler::Drained { workload, endpoint } => {
                self.with(&workload, now, out, |entry, _| {
                    entry.drained(member, &endpoint);
                });
            }
            ToScaler::Proven { workload, endpoint } => {
                self.with(&workload, now, out, |entry, _| {
                    entry.probing.proven(endpoint, now);
                });
            }
            ToScaler::Permits(owned) => self.owned(member, &owned, now, out),
            // Nothing is decided by it.
            ToScaler::Fronts(_) => {}
            ToScaler::Leaving => {
                let dead: Vec<MemberNo> = self.members.leave(session).into_iter().collect();
                self.buried(&dead, now, out);
            }
        }
    }

    /// Looks only at the workloads that are listed, and at those that a whole report should have listed.
    fn report(&mut self, member: MemberNo, report: &Report, now: Instant, out: &mut Vec<Action>) {
        let roster = &mut self.members.roster;
        let Some(bucket) = roster.report(member, report.sequence, report.length, now) else {
            return;
        };
        for part in &report.workloads {
            self.with(&part.workload, now, out, |entry, _| {
                entry.demand.report(member, bucket, part, now);
            });
        }
        if !report.whole {
            return;
        }
        let listed: BTreeSet<&WorkloadId> = report.workloads.iter().map(|p| &p.workload).collect();
        let silent: Vec<WorkloadId> = self
            .entries
            .iter()
            .filter(|(id, entry)| entry.demand.current_of(member) > 0 && !listed.contains(id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in silent {
            self.with(&id, now, out, |entry, _| entry.demand.reset(member, now));
        }
    }
}
