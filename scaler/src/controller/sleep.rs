//! Down to zero: only after every proxy has confirmed that it sends nothing more.

use std::collections::BTreeSet;
use std::time::Duration;

use rouse_api::link::{Epoch, ToProxy};

use super::entry::{Entry, Phase, Quiesce};
use super::status::WakeOutcome;
use super::{Action, EventKind, SessionId, Turn, WakeStages};
use crate::decide::Decision;
use crate::demand::MemberNo;

/// Put to sleep at once. Thousands that fall idle together take turns, or a wake would wait behind all of their requests to the
/// platform.
pub(super) const MOST_AT_ONCE: usize = 64;

/// After an attempt that not every proxy has answered in time, the next comes no later than this.
const UNANSWERED: Duration = Duration::from_secs(15);

impl Entry {
    /// An attempt to sleep is under way.
    pub(super) fn is_going(&self) -> bool {
        matches!(self.phase, Phase::Quiescing(_) | Phase::Stopping { .. })
    }

    /// Begins an attempt, by the leader only, and only while every member's demand is known.
    pub(super) fn quiesce(&mut self, turn: &mut Turn<'_>) {
        let too_soon = [self.sleep_after, self.scale_after]
            .into_iter()
            .flatten()
            .any(|at| turn.now < at);
        let complete = self.is_heard(turn);
        let room = turn.going < MOST_AT_ONCE;
        if turn.leads.is_none() || !complete || self.scaling.is_some() || too_soon || !room {
            return;
        }
        self.sleep_after = None;
        self.drain.clear();
        *turn.epoch += 1;
        let epoch = *turn.epoch;
        let wake = match &self.phase {
            Phase::Waking(wake) => Some(wake.clone()),
            _ => None,
        };
        self.phase = Phase::Quiescing(Quiesce {
            epoch,
            waiting: match self.is_reached() {
                true => turn.members.all().collect(),
                false => BTreeSet::new(),
            },
            deadline: turn.now + turn.config.quiesce_timeout,
            wake,
        });
        if self.is_reached() {
            // What begins with nothing need not have been idle for long.
            let begins = self.initial == Some(0) || self.is_tried();
            turn.broadcast(&ToProxy::Quiesce {
                workload: self.id().clone(),
                epoch,
                idle_for: self.policy.idle_after * u32::from(!begins),
            });
        }
    }

    /// Every proxy that has a say has told its demand.
    fn is_heard(&self, turn: &Turn<'_>) -> bool {
        !self.is_reached() || turn.members.is_complete(turn.now)
    }

    /// A proxy sends nothing more.
    pub(super) fn quiesced(
        &mut self,
        member: MemberNo,
        session: SessionId,
        epoch: Epoch,
        turn: &mut Turn<'_>,
    ) {
        match &mut self.phase {
            Phase::Quiescing(quiesce) if quiesce.epoch == epoch => {
                quiesce.waiting.remove(&member);
            }
            Phase::Quiescing(_) | Phase::Stopping { .. } | Phase::Asleep => {}
            // Another's attempt: the leader ends it.
            _ if turn.leads.is_none() => {}
            // Late: the attempt is off, and the proxy may still hold for it. In the newest term, or a proxy that knows of it would not
            // hear that, and it would take the place of a newer word that still waits to be sent.
            Phase::Waking(_) | Phase::Awake | Phase::Failed { .. } => {
                let (workload, epoch) = (self.id().clone(), epoch.max(*turn.epoch));
                turn.out
                    .push(Action::Send(session, ToProxy::Resume { workload, epoch }));
            }
        }
    }

    /// A proxy can't do without.
    pub(super) fn busy(&mut self, epoch: Epoch, turn: &mut Turn<'_>) {
        if matches!(&self.phase, Phase::Quiescing(quiesce) if quiesce.epoch == epoch) {
            self.stay_awake("a proxy has requests", turn);
            self.wait_to_sleep(turn);
        }
    }

    /// The attempt is off, if there is one.
    pub(super) fn stay_awake(&mut self, why: &str, turn: &mut Turn<'_>) {
        if let Phase::Quiescing(quiesce) = &self.phase {
            let epoch = quiesce.epoch;
            self.resume(epoch, turn);
            let why = why.to_owned();
            self.emit(EventKind::StayedAwake { why }, turn);
        }
    }

    /// Tells everybody, also who has not answered: the question may still be on its way.
    pub(super) fn resume(&mut self, epoch: Epoch, turn: &mut Turn<'_>) {
        let workload = self.id().clone();
        self.tell_leading(&ToProxy::Resume { workload, epoch }, turn);
        self.phase = match &mut self.phase {
            Phase::Quiescing(Quiesce { wake, .. }) => {
                wake.take().map_or(Phase::Awake, Phase::Waking)
            }
            _ => Phase::Awake,
        };
    }

    fn wait_to_sleep(&mut self, turn: &Turn<'_>) {
        self.sleep_after = turn
            .now
            .checked_add(self.policy.idle_after.max(turn.config.tick));
    }

    pub(super) fn continue_sleep(&mut self, decision: &Decision, turn: &mut Turn<'_>) {
        let Phase::Quiescing(quiesce) = &self.phase else {
            return;
        };
        let (epoch, unanswered, overdue) = (
            quiesce.epoch,
            quiesce.waiting.len(),
            turn.now >= quiesce.deadline,
        );
        if decision.replicas > 0 {
            self.stay_awake(&decision.to_string(), turn);
        } else if !self.is_heard(turn) {
            self.stay_awake("not every proxy is connected", turn);
        } else if unanswered == 0 && !overdue {
            self.stop(epoch, decision, turn);
        } else if overdue {
            self.stay_awake(
                &format!(
                    "{unanswered} of {} proxies did not answer in time",
                    turn.members.all().count()
                ),
                turn,
            );
            // What is uncounted may still be in flight somewhere: that is no demand, and must not cost another whole idle time.
            let idle_after = self.policy.idle_after.max(turn.config.tick);
            self.sleep_after = turn.now.checked_add(idle_after.min(UNANSWERED));
        }
    }

    fn stop(&mut self, epoch: Epoch, decision: &Decision, turn: &mut Turn<'_>) {
        let wake = match &self.phase {
            Phase::Quiescing(quiesce) => quiesce.wake.clone(),
            _ => None,
        };
        let all: Vec<_> = self.live().map(|replica| replica.id.clone()).collect();
        if !self.scale(0, all, turn) {
            return;
        }
        let why = decision.to_string();
        self.phase = Phase::Stopping { epoch, why };
        if let Some(wake) = wake {
            let after = turn.now.saturating_duration_since(wake.asked);
            let stages = WakeStages {
                start: after,
                ready: std::time::Duration::ZERO,
                total: after,
                held: wake.held,
            };
            self.last
                .woke(WakeOutcome::Abandoned, wake.cause, stages, turn.now);
            self.emit(EventKind::WakeAbandoned { after }, turn);
        }
    }

    /// The platform has taken on zero. What came in meanwhile is seen by the look that follows.
    pub(super) fn slept(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Stopping { epoch, why } = &self.phase {
            let (epoch, why) = (*epoch, why.clone());
            let workload = self.id().clone();
            self.tell_leading(&ToProxy::Asleep { workload, epoch }, turn);
            self.last.slept(why.clone(), turn.now);
            self.emit(EventKind::Slept { why }, turn);
        }
        self.fall_asleep();
    }

    pub(super) fn fall_asleep(&mut self) {
        self.phase = Phase::Asleep;
        self.failure = None;
        self.drain.clear();
        self.verify.slept();
    }
}
