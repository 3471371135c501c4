//! Sessions, and what they say.

use rouse_api::link::{ToProxy, ToScaler};
use tokio::time::Instant;

use super::{Action, Controller, SessionId};

impl Controller {
    pub(super) fn opened(&mut self, session: SessionId, now: Instant, out: &mut Vec<Action>) {
        self.sessions.insert(session);
        out.push(Action::Send(session, ToProxy::Routes(self.routes.clone())));
        for entry in self.entries.values() {
            out.push(Action::Send(session, ToProxy::State(entry.told())));
        }
        self.with_all(now, out, |entry, turn| {
            entry.demand.join(session);
            // It has just been given endpoints and was not asked to stop.
            entry.stay_awake("a proxy has connected", turn);
        });
    }

    pub(super) fn closed(&mut self, session: SessionId, now: Instant, out: &mut Vec<Action>) {
        if !self.sessions.remove(&session) {
            return;
        }
        self.with_all(now, out, |entry, _| {
            entry.demand.leave(session);
            entry.no_longer_waits_for(session);
        });
    }

    pub(super) fn link(
        &mut self,
        session: SessionId,
        message: ToScaler,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        if !self.sessions.contains(&session) {
            return;
        }
        match message {
            ToScaler::Report(report) => {
                for part in &report.workloads {
                    self.with(&part.workload, now, out, |entry, _| {
                        entry
                            .demand
                            .report(session, report.sequence, report.length, part, now);
                    });
                }
            }
            ToScaler::Wake(wake) => self.with(&wake.workload, now, out, |entry, turn| {
                entry.demand.held(session, wake.held.max(1), now);
                entry.asked_since = Some(now.checked_sub(wake.oldest).unwrap_or(now));
                entry.stay_awake("a request is held", turn);
            }),
            ToScaler::Quiesced { workload, epoch } => {
                self.with(&workload, now, out, |entry, turn| {
                    entry.quiesced(session, epoch, turn);
                });
            }
            ToScaler::Busy { workload, epoch } => {
                self.with(&workload, now, out, |entry, turn| entry.busy(epoch, turn));
            }
            ToScaler::Proven { .. } | ToScaler::Leaving => {}
            ToScaler::Drained { workload, endpoint } => {
                self.with(&workload, now, out, |entry, _| {
                    entry.drained(session, &endpoint);
                });
            }
        }
    }
}
