//! `verifyChanges`: a pod template that was changed while nobody asked is started once, so that a broken one shows before a user
//! finds it.

use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::Failure;
use tokio::time::Instant;

use super::entry::{Entry, Phase};
use super::status::{VerifyStatus, standing};
use super::{EventKind, Turn};
use crate::decide::{Answer, Decision, Reading, Rule, TriggerName};
use crate::platform::{Revision, Verified};

/// Woken at once to see whether they start: a change of a thousand templates must not start a thousand pods.
pub(super) const MOST_AT_ONCE: usize = 8;

/// What is not ready by then, and has no failure that is final, has failed. As long as a Deployment's `progressDeadlineSeconds`, unless said.
const LONGEST: Duration = Duration::from_secs(600);

/// What is known of a workload's pod template.
#[derive(Debug, Default)]
pub(super) struct Verify {
    /// The newest that was seen.
    revision: Option<Revision>,
    /// The newest that was tried.
    tried: Option<Verified>,
    /// It is being tried since then.
    since: Option<Instant>,
    /// It was asleep until then, and woken for no other reason.
    woken: Option<Instant>,
}

impl Verify {
    /// Takes what the platform sees. What is on record is believed of others: by who does not lead, and at first.
    pub(super) fn observed(
        &mut self,
        revision: Option<Revision>,
        record: Option<Verified>,
        leads: bool,
    ) {
        match (revision, &mut self.revision) {
            (Some(revision), _) => self.revision = Some(revision),
            // It is just being looked at by its controller.
            (None, Some(known)) => known.whole = false,
            (None, None) => {}
        }
        if self.tried.is_none() || !leads {
            self.tried = record;
        }
    }

    /// The platform is replacing replicas, or has not looked yet at what was changed.
    pub(super) fn is_rolling(&self) -> bool {
        self.revision.as_ref().is_some_and(|one| !one.whole)
    }

    /// The revision that nobody has tried yet.
    fn untried(&self) -> Option<&Arc<str>> {
        let name = &self.revision.as_ref()?.name;
        let tried = self.tried.as_ref().map(|tried| &tried.revision);
        (tried != Some(name)).then_some(name)
    }

    /// It is woken for nothing else than to see whether it starts.
    pub(super) fn is_trying(&self) -> bool {
        self.since.is_some()
    }

    /// Whatever wakes it next is another reason.
    pub(super) fn slept(&mut self) {
        self.woken = None;
    }

    /// What is worth a notice when it changes.
    pub(super) fn mark(&self) -> Option<(Arc<str>, bool, bool)> {
        let name = self.revision.as_ref()?.name.clone();
        let fails = self
            .tried
            .as_ref()
            .is_some_and(|tried| tried.failure.is_some());
        Some((name, self.untried().is_some(), fails))
    }

    pub(super) fn status(&self) -> Option<VerifyStatus> {
        let tried = self.tried.as_ref();
        Some(VerifyStatus {
            revision: self.revision.as_ref()?.name.to_string(),
            current: self.untried().is_none(),
            tries: self.is_trying(),
            tried: tried.map(|tried| tried.revision.to_string()),
            failure: tried.and_then(|tried| tried.failure.as_ref()).map(standing),
        })
    }
}

impl Entry {
    pub(super) fn verifies(&self) -> bool {
        self.workload.scale.verify_changes && !self.observes()
    }

    /// Before a decision: what the state of its replicas says of the template.
    pub(super) fn look_at_revision(&mut self, turn: &mut Turn<'_>) {
        if !self.verifies() || turn.leads.is_none() || !self.is_seen() || self.blocked.is_some() {
            self.verify.since = None;
            return;
        }
        let Some(revision) = self.verify.untried().cloned() else {
            self.verify.since = None;
            return;
        };
        let whole = !self.verify.is_rolling();
        let over = |since: Instant| turn.now.saturating_duration_since(since) >= LONGEST;
        if whole && self.ready() > 0 {
            self.tried(revision, None, turn);
        } else if let Some(failure) = self
            .failure
            .clone()
            .filter(|_| self.ready() == 0 && self.wanted > 0 && whole)
        {
            self.tried(revision, Some(failure), turn);
        } else if self.verify.since.is_some_and(over) {
            let failure = self.progress.clone().unwrap_or_else(|| Failure {
                reason: "NotReady".to_owned(),
                message: format!("no replica was ready within {} s", LONGEST.as_secs()),
            });
            self.tried(revision, Some(failure), turn);
        } else if self.verify.since.is_none()
            && self.phase == Phase::Asleep
            && turn.verifying < MOST_AT_ONCE
        {
            self.verify.since = Some(turn.now);
            self.verify.woken = Some(turn.now);
        }
    }

    /// It is awake for nothing else than to have been tried.
    fn is_only_tried(&self) -> bool {
        let idle = self.demand.current() == 0;
        let since = |woken| self.demand.told_active().max(self.decide.triggered()) > Some(woken);
        self.verify.woken.is_some_and(|woken| idle && !since(woken))
    }

    /// Once it was tried it goes back to sleep, whatever `idleAfter` says: nobody has asked since it slept.
    pub(super) fn go_back_to_sleep(&self, decision: &mut Decision) {
        let asked = decision
            .readings
            .iter()
            .any(|one| one.is_active() || !one.is_known());
        let known = !self.is_reached() || decision.demand.is_complete();
        if self.is_only_tried() && !asked && known && self.policy.min == 0 && decision.was > 0 {
            decision.replicas = 0;
            decision.rule = Rule::Tried;
        }
    }

    /// It may go back to sleep by time alone.
    pub(super) fn is_tried(&self) -> bool {
        self.is_only_tried() && !self.verify.is_trying()
    }

    fn tried(&mut self, revision: Arc<str>, failure: Option<Failure>, turn: &mut Turn<'_>) {
        self.verify.since = None;
        self.emit(
            EventKind::Verified {
                revision: revision.to_string(),
                failure: failure
                    .clone()
                    .map(|failure| (failure.reason, failure.message)),
            },
            turn,
        );
        self.verify.tried = Some(Verified { revision, failure });
    }

    /// One replica, while it is tried.
    pub(super) fn verification(&self) -> Option<Reading> {
        let revision = self.verify.untried().filter(|_| self.verify.is_trying())?;
        Some(Reading {
            trigger: TriggerName::from("verifyChanges"),
            answer: Answer::Unverified {
                revision: revision.to_string(),
            },
        })
    }

    /// Whether it waits for its turn.
    pub(super) fn waits_to_be_verified(&self) -> bool {
        self.verifies()
            && self.phase == Phase::Asleep
            && self.blocked.is_none()
            && self.verify.untried().is_some()
    }
}
