//! Everything known about one workload.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use rouse_api::link::{Caller, EndpointId, Epoch, Failure, Fallback, WorkloadState};
use rouse_api::workload::{Target, Workload, WorkloadId};
use tokio::time::Instant;

use super::capacity::Starts;
use super::drain::Victim;
use super::history::History;
use super::probers::Probing;
use super::saved::Saved;
use super::shadow::Shadow;
use super::status::{Last, Mark};
use super::triggers::Triggers;
use super::verify::Verify;
use super::{Action, EventKind, Turn, WakeCause, WorkloadEvent};
use crate::decide::{self, Decision, Policy};
use crate::demand::{Demand, MemberNo};
use crate::platform::{Count, Replica, ReplicaState};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) workload: Arc<Workload>,
    pub(super) policy: Policy,
    pub(super) demand: Demand,
    pub(super) decide: decide::State,
    pub(super) decision: Option<Decision>,
    pub(super) history: History,
    pub(super) starts: Starts,
    pub(super) phase: Phase,
    /// Replicas that there shall be; with a scale under way, by that one.
    pub(super) wanted: u32,
    /// The newest count that the platform told.
    pub(super) known: Option<Count>,
    pub(super) scaling: Option<Scaling>,
    /// No scale before.
    pub(super) scale_after: Option<Instant>,
    /// No attempt to sleep before.
    pub(super) sleep_after: Option<Instant>,
    /// The platform has observed it.
    pub(super) seen: bool,
    pub(super) observed: Vec<Replica>,
    pub(super) failure: Option<Failure>,
    pub(super) progress: Option<Failure>,
    /// Nothing may be scaled.
    pub(super) blocked: Option<Failure>,
    /// Another rules the count above zero, and never below this.
    pub(super) governed: Option<u32>,
    pub(super) service: Option<SocketAddr>,
    pub(super) fallback: Option<Fallback>,
    pub(super) endpoint_of_service: Option<EndpointId>,
    pub(super) probing: Probing,
    pub(super) drain: BTreeMap<EndpointId, Victim>,
    /// Drained in vain since the count was to go down; they take requests again.
    pub(super) busy: BTreeSet<EndpointId>,
    /// To go, and still observed; since when there are as few as there shall be.
    pub(super) leaving: BTreeMap<EndpointId, Instant>,
    /// The oldest held request of the latest Wake arrived then.
    pub(super) asked_since: Option<Instant>,
    /// The request that was the first to want it, by the latest Wake that named one.
    pub(super) asked_by: Option<Arc<Caller>>,
    pub(super) removed: bool,
    pub(super) due: Option<Instant>,
    pub(super) last: Last,
    pub(super) saved: Saved,
    pub(super) shadow: Shadow,
    pub(super) verify: Verify,
    pub(super) triggers: Triggers,
    /// What those that it wakes were told: see [`needs_others`](Self::needs_others).
    pub(super) needs: Option<bool>,
    /// The count to begin with, until it is reached.
    pub(super) initial: Option<u32>,
    pub(super) told: Option<WorkloadState>,
    /// The limit when permits were looked at last; `None`: never.
    pub(super) limited: Option<Option<u32>>,
    pub(super) counted: Option<(u32, u32, u32)>,
    pub(super) marked: Option<Mark>,
}

/// Where a workload is between asleep and awake.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Phase {
    Asleep,
    Waking(Wake),
    Awake,
    /// The proxies are asked whether they can do without.
    Quiescing(Quiesce),
    /// All of them can, and the platform is told.
    Stopping {
        epoch: Epoch,
        why: String,
    },
    /// No replica can come up; `over`: it may be tried again.
    Failed {
        since: Instant,
        over: bool,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wake {
    pub(super) cause: WakeCause,
    pub(super) asked: Instant,
    pub(super) raise_at: Instant,
    pub(super) held: u32,
    /// This scaler has asked the platform for it.
    pub(super) own: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quiesce {
    pub(super) epoch: Epoch,
    pub(super) waiting: BTreeSet<MemberNo>,
    pub(super) deadline: Instant,
    /// The wake that has not ended, when the attempt began during one.
    pub(super) wake: Option<Wake>,
}

#[derive(Debug)]
pub(super) struct Scaling {
    /// The count before it.
    pub(super) from: u32,
    /// The workload has another target by now: whatever comes of it is said of one that is none of ours.
    pub(super) void: bool,
}

impl Entry {
    pub(super) fn new(workload: Arc<Workload>, now: Instant) -> Self {
        let behavior = workload.scale.behavior;
        let triggers = Triggers::of(&workload, now);
        // Others may have scaled it before: whether it was ever seen only its platform knows.
        let shared = matches!(workload.target, Target::Scalable(_));
        let initial = workload.scale.initial.filter(|_| !shared);
        Self {
            policy: Policy::of(&workload),
            demand: Demand::new(behavior.stable_window, behavior.panic_window, now),
            workload,
            decide: decide::State::default(),
            decision: None,
            history: History::default(),
            starts: Starts::default(),
            phase: Phase::Asleep,
            wanted: 0,
            known: None,
            scaling: None,
            scale_after: None,
            sleep_after: None,
            seen: false,
            observed: Vec::new(),
            failure: None,
            progress: None,
            blocked: None,
            governed: None,
            service: None,
            fallback: None,
            endpoint_of_service: None,
            probing: Probing::default(),
            drain: BTreeMap::new(),
            busy: BTreeSet::new(),
            leaving: BTreeMap::new(),
            asked_since: None,
            asked_by: None,
            removed: false,
            due: None,
            last: Last::default(),
            saved: Saved::default(),
            shadow: Shadow::default(),
            verify: Verify::default(),
            triggers,
            needs: None,
            initial,
            told: None,
            limited: None,
            counted: None,
            marked: None,
        }
    }

    pub(super) fn id(&self) -> &WorkloadId {
        &self.workload.id
    }

    pub(super) fn set(&mut self, workload: Arc<Workload>, now: Instant) {
        self.policy = Policy::of(&workload);
        let (old, new) = (self.workload.scale.behavior, workload.scale.behavior);
        if old != new {
            self.demand.look_over(new.stable_window, new.panic_window);
            self.decide.restart();
        }
        if !workload.scale.observes {
            self.shadow = Shadow::default();
        }
        if self.workload.triggers != workload.triggers {
            self.triggers.set(&workload, now);
        }
        self.workload = workload;
    }

    /// Whether others than Rouse may change its count, and choose which replicas go.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.workload.target, Target::Scalable(_))
    }

    /// Whether its count is known: what others may change has to be looked at first.
    pub(super) fn is_seen(&self) -> bool {
        self.seen || !self.is_shared()
    }

    /// Removed, and the platform has nothing left to do for it. What others own stays as it is.
    pub(super) fn is_gone(&self) -> bool {
        let left = !self.is_shared() && (self.wanted > 0 || self.phase != Phase::Asleep);
        self.removed && self.scaling.is_none() && !left
    }

    /// Replicas that are not told to stop yet.
    pub(super) fn live(&self) -> impl Iterator<Item = &Replica> {
        self.observed
            .iter()
            .filter(|replica| replica.state != ReplicaState::Terminating)
    }

    /// Asks the platform, unless it is still busy with the last count or refused one just now; returns whether it was asked.
    pub(super) fn scale(
        &mut self,
        replicas: u32,
        victims: Vec<EndpointId>,
        turn: &mut Turn<'_>,
    ) -> bool {
        if self.scaling.is_some() || self.scale_after.is_some_and(|at| turn.now < at) {
            return false;
        }
        let from = self.wanted;
        if replicas > from {
            self.starts.asked.get_or_insert(turn.now);
        }
        let void = false;
        self.scaling = Some(Scaling { from, void });
        self.scale_after = None;
        self.wanted = replicas;
        let since = turn.now;
        self.leaving
            .extend(victims.iter().map(|id| (id.clone(), since)));
        let workload = self.id().clone();
        turn.out.push(Action::Scale {
            workload,
            from,
            replicas,
            victims,
        });
        true
    }

    /// Nothing more is expected of a member that is proven dead.
    pub(super) fn bury(&mut self, member: MemberNo) {
        self.demand.leave(member);
        for victim in self.drain.values_mut() {
            victim.waiting.remove(&member);
        }
        if let Phase::Quiescing(quiesce) = &mut self.phase {
            quiesce.waiting.remove(&member);
        }
    }

    pub(super) fn emit(&self, kind: EventKind, turn: &mut Turn<'_>) {
        let workload = self.id().clone();
        turn.out
            .push(Action::Emit(WorkloadEvent { workload, kind }));
    }
}
