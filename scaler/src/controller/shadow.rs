//! `mode: observe`: what would have been done, beside a count that others rule.

use jiff::Timestamp;
use rouse_api::link::Failure;
use tokio::time::Instant;

use super::entry::Entry;
use super::status::WouldHaveStatus;
use super::{EventKind, Turn};
use crate::decide::Decision;
use crate::platform::WouldHave;

/// The count that a workload would have, and what that comes to. The leader keeps it; each begins with what is on record.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    /// By the platform's record.
    record: Option<WouldHave>,
    runs: Option<Running>,
}

#[derive(Debug)]
struct Running {
    sums: WouldHave,
    /// What it would have.
    count: u32,
    /// What it has.
    real: u32,
    /// The sums are complete until then.
    at: Instant,
    /// At zero since then.
    slept: Option<Instant>,
}

impl Shadow {
    /// Takes what the platform has on record.
    pub(super) fn recorded(&mut self, record: Option<WouldHave>) {
        self.record = record;
    }

    /// The count that decisions go by; `None`: the real one.
    pub(super) fn count(&self) -> Option<u32> {
        self.runs.as_ref().map(|runs| runs.count)
    }

    /// What is worth a notice when it changes: the count, and how often it would have slept or woken.
    pub(super) fn mark(&self) -> Option<(u32, u64)> {
        let runs = self.runs.as_ref()?;
        Some((runs.count, runs.sums.sleeps + runs.sums.wakes))
    }

    pub(super) fn status(&self, now: Instant) -> Option<WouldHaveStatus> {
        let runs = self.runs.as_ref()?;
        let sums = runs.until(now);
        Some(WouldHaveStatus {
            replicas: runs.count,
            since: sums.since,
            sleeps: sums.sleeps,
            wakes: sums.wakes,
            saved_replica_seconds: sums.saved_replica_seconds,
        })
    }
}

impl Running {
    fn until(&self, now: Instant) -> WouldHave {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        let less = f64::from(self.real) - f64::from(self.count);
        let saved = self.sums.saved_replica_seconds + less * seconds;
        WouldHave {
            saved_replica_seconds: saved,
            ..self.sums
        }
    }
}

impl Entry {
    /// Nothing of it is scaled.
    pub(super) fn observes(&self) -> bool {
        self.workload.scale.observes
    }

    /// With nothing running there is nobody to wait for.
    pub(super) fn not_woken(&self) -> Option<Failure> {
        (self.is_seen() && self.wanted == 0).then(|| Failure {
            reason: "Observed".to_owned(),
            message: "it has no replicas, and with mode: observe none are started".to_owned(),
        })
    }

    /// Does as if the decision were carried out.
    pub(super) fn rehearse(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        let (Some(_), Some(wall), true) = (turn.leads, turn.wall, self.is_seen()) else {
            self.shadow.runs = None;
            return;
        };
        let count = self.would_be(decision);
        let real = self.wanted;
        let begins = self.shadow.record.unwrap_or(WouldHave::since(wall));
        let runs = self.shadow.runs.get_or_insert_with(|| Running {
            sums: begins,
            count: real,
            real,
            at: turn.now,
            slept: (real == 0).then_some(turn.now),
        });
        runs.sums = runs.until(turn.now);
        (runs.at, runs.real) = (turn.now, real);
        let was = std::mem::replace(&mut runs.count, count);
        let why = decision.to_string();
        match (was, count) {
            (1.., 0) => {
                runs.slept = Some(turn.now);
                runs.sums.sleeps += 1;
                self.emit(EventKind::WouldSleep { why }, turn);
            }
            (0, 1..) => {
                runs.slept = None;
                runs.sums.wakes += 1;
                self.emit(EventKind::WouldWake { why }, turn);
            }
            _ => {}
        }
    }

    fn would_be(&self, decision: &Decision) -> u32 {
        // A request that real replicas have answered meanwhile would have been held, and waked it.
        let slept = self.shadow.runs.as_ref().and_then(|runs| runs.slept);
        let asked = slept.is_some_and(|slept| self.demand.told_active() > Some(slept));
        let count = match asked {
            true => decision.replicas.max(self.policy.least_awake()),
            false => decision.replicas,
        };
        match self.governed {
            Some(min) if count > 0 => self.wanted.max(min),
            _ => count,
        }
    }

    /// It may go to sleep in the rehearsal, by time alone.
    pub(super) fn may_rehearse_sleep(&self, turn: &Turn<'_>) -> bool {
        let awake = self.shadow.count().is_some_and(|count| count > 0);
        turn.leads.is_some() && awake && self.policy.min == 0 && self.demand.current() == 0
    }

    /// Whether time alone may change what would be.
    pub(super) fn is_rehearsing(&self, turn: &Turn<'_>) -> bool {
        let due = self.idle_at(turn).is_some_and(|at| at <= turn.now);
        let above = self.shadow.count() > Some(self.policy.least_awake());
        (due && self.may_rehearse_sleep(turn)) || (above && self.governed.is_none())
    }
}

impl WouldHave {
    fn since(since: Timestamp) -> Self {
        Self {
            since,
            sleeps: 0,
            wakes: 0,
            saved_replica_seconds: 0.0,
        }
    }
}
