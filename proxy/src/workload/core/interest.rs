//! Demand without a request that is held: who was shown a waiting page, or was answered by another while it starts.
//!
//! A level that expires: it wakes the workload as one held request does, is renewed by each visit, and ends by itself.

use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::{Caller, Failure};
use tokio::time::Instant;

use super::Core;

/// Without another visit it ends after this: some of a waiting page's longest reloads.
const LASTS: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy)]
pub(super) struct Interest {
    since: Instant,
    until: Instant,
}

/// How far a wake is, for who is told instead of held.
#[derive(Debug, Clone)]
pub(crate) struct Waking {
    /// Since somebody first wanted it.
    pub(crate) waited: Duration,
    /// A replica has an address.
    pub(crate) starting: bool,
    /// No replica can come up.
    pub(crate) failure: Option<Arc<Failure>>,
    /// Why it takes long, as far as it is known.
    pub(crate) progress: Option<Arc<Failure>>,
}

impl Core {
    /// Somebody wants it, with a request that counts (`arrives`) or without. `None`: it is awake.
    pub(in crate::workload) fn visit(&mut self, arrives: bool, now: Instant) -> Option<Waking> {
        if self.removed || self.is_awake() {
            return None;
        }
        self.advance(now);
        let until = now + LASTS;
        let interest = self.interest.get_or_insert(Interest { since: now, until });
        interest.until = until;
        if arrives {
            self.demand.arrive(now);
        } else {
            self.demand.stir(now);
        }
        let since = self.wanted_since().unwrap_or(now);
        Some(Waking {
            waited: now.saturating_duration_since(since),
            starting: self.stages.starting.is_some(),
            failure: self.failure.clone().filter(|_| self.eligible.is_empty()),
            progress: self.progress.clone(),
        })
    }

    /// Ends an interest whose time is over, with its part of the integrals.
    pub(super) fn expire(&mut self, now: Instant) {
        if let Some(Interest { until, .. }) = self.interest
            && until <= now
        {
            let counted = self.in_flight - self.uncounted;
            self.demand.advance(until, counted, self.wanted());
            self.demand.stir(until);
            self.interest = None;
        }
    }

    /// A request that counts has come: who was interested is taken to be there, once there is a replica.
    pub(super) fn satisfy(&mut self) {
        if self.interest.is_some() && self.is_awake() {
            self.interest = None;
        }
    }

    /// Whether it is kept awake without a request.
    pub(super) fn is_of_interest(&self) -> bool {
        self.interest.is_some()
    }

    /// Held requests that are demand; an interest is one more, until there is a replica.
    pub(super) fn wanted(&self) -> u32 {
        let held = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX) - self.uncounted_waiting;
        held + u32::from(self.interest.is_some() && !self.is_awake())
    }

    /// Since when somebody waits who has to be woken for, or who would be by rights.
    pub(super) fn wanted_since(&self) -> Option<Instant> {
        let held = self
            .waiting
            .first_key_value()
            .map(|(_, oldest)| oldest.since);
        let visited = self.interest.as_ref().map(|interest| interest.since);
        held.into_iter().chain(visited).min()
    }

    /// Remembers who was the first to want it since it was awake; `caller` is asked for that one only.
    pub(in crate::workload) fn want(&mut self, caller: impl FnOnce() -> Caller) {
        if self.wanted_by.is_none() && !self.is_awake() {
            self.wanted_by = Some(Arc::new(caller()));
        }
    }
}
