//! Leading and following. Every scaler knows all and wakes; one does the rest.

use std::time::Duration;

use rouse_api::link::{Epoch, Term, ToProxy};
use tokio::time::Instant;

use super::entry::{Entry, Phase, Quiesce};
use super::{Action, Controller};

/// A term's first epoch; its attempts to sleep count up from here.
fn first_epoch(term: Term) -> Epoch {
    u64::from(term) << 32
}

impl Controller {
    /// From now on this scaler leads in `term`, or does not lead.
    pub(super) fn lead(&mut self, term: Option<Term>, now: Instant, out: &mut Vec<Action>) {
        if self.leads == term {
            return;
        }
        self.leads = term;
        if let Some(term) = term {
            self.epoch = self.epoch.max(first_epoch(term));
        }
        self.lead_permits();
        for session in self.members.sessions() {
            out.push(Action::Send(session, ToProxy::Role { leads: term }));
        }
        let epoch = self.epoch;
        self.with_all(now, out, |entry, turn| {
            entry.step_down(epoch);
            entry.triggers.begin(turn.now);
            if let Some(level) = entry.level(epoch) {
                entry.tell_leading(&level, turn);
            }
        });
    }
}

impl Entry {
    /// What ends the attempts to sleep of leaders before: asleep or not. `None` while that is not known, or an attempt is under way
    /// that will end by itself.
    pub(super) fn level(&self, epoch: Epoch) -> Option<ToProxy> {
        if !self.is_seen() || self.removed || self.is_going() {
            return None;
        }
        let workload = self.id().clone();
        Some(match self.wanted {
            0 => ToProxy::Asleep { workload, epoch },
            _ => ToProxy::Resume { workload, epoch },
        })
    }

    /// For who connects while zero is on its way: were this leader lost now, a scaler that has not seen the zero yet would tell of
    /// replicas that end.
    pub(super) fn stop_sign(&self) -> Option<ToProxy> {
        let Phase::Stopping { epoch, .. } = self.phase else {
            return None;
        };
        Some(ToProxy::Quiesce {
            workload: self.id().clone(),
            epoch,
            idle_for: Duration::ZERO,
        })
    }

    /// What was begun in an earlier term is off, and that is all that is told: by the next leader. A count that the platform is taking
    /// on can't be taken back; its end is told in the newest term, or proxies would not hear it.
    fn step_down(&mut self, newest: Epoch) {
        match &mut self.phase {
            Phase::Quiescing(Quiesce { wake, .. }) => {
                self.phase = wake.take().map_or(Phase::Awake, Phase::Waking);
            }
            Phase::Stopping { epoch, .. } => *epoch = newest,
            _ => {}
        }
        self.drain.clear();
        self.sleep_after = None;
    }
}
