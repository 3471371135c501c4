//! Everything known about one workload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rouse_api::link::{
    Endpoint, EndpointId, EndpointState, Epoch, Failure, ToProxy, WorkloadState,
};
use rouse_api::workload::{Workload, WorkloadId};
use tokio::time::Instant;

use super::drain::Victim;
use super::status::Last;
use super::{Action, EventKind, SessionId, Turn, WorkloadEvent};
use crate::ScalerConfig;
use crate::decide::{self, Decision, Policy};
use crate::demand::Demand;
use crate::platform::{Observation, Replica, ReplicaState};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) workload: Arc<Workload>,
    pub(super) policy: Policy,
    pub(super) demand: Demand,
    pub(super) decide: decide::State,
    pub(super) decision: Option<Decision>,
    pub(super) phase: Phase,
    /// Replicas asked of the platform; with a scale under way, by that one.
    pub(super) wanted: u32,
    pub(super) scaling: Option<Scaling>,
    /// No scale before.
    pub(super) scale_after: Option<Instant>,
    /// No attempt to sleep before.
    pub(super) sleep_after: Option<Instant>,
    pub(super) observed: Vec<Replica>,
    pub(super) failure: Option<Failure>,
    pub(super) drain: BTreeMap<EndpointId, Victim>,
    /// Given to the platform as victims, still observed.
    pub(super) leaving: BTreeSet<EndpointId>,
    /// The oldest held request of the latest Wake arrived then.
    pub(super) asked_since: Option<Instant>,
    pub(super) removed: bool,
    pub(super) due: Option<Instant>,
    pub(super) last: Last,
    told: Option<WorkloadState>,
    counted: Option<(u32, u32)>,
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
    pub(super) asked: Instant,
    pub(super) raise_at: Instant,
    pub(super) held: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quiesce {
    pub(super) epoch: Epoch,
    pub(super) waiting: BTreeSet<SessionId>,
    pub(super) deadline: Instant,
    /// The wake that has not ended, when the attempt began during one.
    pub(super) wake: Option<Wake>,
}

#[derive(Debug)]
pub(super) struct Scaling {
    /// The count before it.
    from: u32,
}

impl Entry {
    pub(super) fn new(
        workload: Arc<Workload>,
        config: &ScalerConfig,
        sessions: &BTreeSet<SessionId>,
    ) -> Self {
        let mut demand = Demand::new(config.stable_window);
        for session in sessions {
            demand.join(*session);
        }
        Self {
            policy: Policy::of(&workload, config.stable_window),
            workload,
            demand,
            decide: decide::State::default(),
            decision: None,
            phase: Phase::Asleep,
            wanted: 0,
            scaling: None,
            scale_after: None,
            sleep_after: None,
            observed: Vec::new(),
            failure: None,
            drain: BTreeMap::new(),
            leaving: BTreeSet::new(),
            asked_since: None,
            removed: false,
            due: None,
            last: Last::default(),
            told: None,
            counted: None,
        }
    }

    pub(super) fn id(&self) -> &WorkloadId {
        &self.workload.id
    }

    pub(super) fn set(&mut self, workload: Arc<Workload>, config: &ScalerConfig) {
        self.policy = Policy::of(&workload, config.stable_window);
        self.workload = workload;
    }

    pub(super) fn observe(&mut self, observation: Observation) {
        self.observed = observation.replicas;
        self.failure = observation.failure;
        let live: BTreeSet<&EndpointId> = self.live().map(|replica| &replica.id).collect();
        let leaving = self
            .leaving
            .iter()
            .filter(|id| live.contains(id))
            .cloned()
            .collect();
        self.leaving = leaving;
    }

    /// Removed, and the platform has nothing left to do for it.
    pub(super) fn is_gone(&self) -> bool {
        self.removed && self.wanted == 0 && self.scaling.is_none() && self.phase == Phase::Asleep
    }

    /// Replicas that are not told to stop yet.
    pub(super) fn live(&self) -> impl Iterator<Item = &Replica> {
        self.observed
            .iter()
            .filter(|replica| replica.state != ReplicaState::Terminating)
    }

    /// Replicas that take requests.
    pub(super) fn ready(&self) -> u32 {
        let ready = self
            .live()
            .filter(|replica| self.endpoint_state(replica) == EndpointState::Ready)
            .count();
        u32::try_from(ready).unwrap_or(u32::MAX)
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
        self.scaling = Some(Scaling { from: self.wanted });
        self.scale_after = None;
        self.wanted = replicas;
        self.leaving.extend(victims.iter().cloned());
        let workload = self.id().clone();
        turn.out.push(Action::Scale {
            workload,
            replicas,
            victims,
        });
        true
    }

    pub(super) fn scale_done(&mut self, turn: &mut Turn<'_>) {
        self.scaling = None;
        if self.wanted == 0 {
            self.slept(turn);
        }
    }

    pub(super) fn scale_failed(&mut self, message: String, turn: &mut Turn<'_>) {
        let Some(scaling) = self.scaling.take() else {
            return;
        };
        self.wanted = scaling.from;
        self.scale_after = Some(turn.now + turn.config.scale_retry);
        self.leaving.clear();
        self.emit(EventKind::ScaleRefused { message }, turn);
        match self.phase {
            Phase::Stopping { epoch, .. } => self.resume(epoch, turn),
            Phase::Waking(_) if self.wanted == 0 => self.phase = Phase::Asleep,
            _ => {}
        }
    }

    pub(super) fn emit(&self, kind: EventKind, turn: &mut Turn<'_>) {
        let workload = self.id().clone();
        turn.out
            .push(Action::Emit(WorkloadEvent { workload, kind }));
    }

    /// What proxies are to know.
    pub(super) fn told(&self) -> WorkloadState {
        let hidden = matches!(self.phase, Phase::Asleep | Phase::Stopping { .. });
        let endpoints = if hidden {
            Vec::new()
        } else {
            self.live().map(|replica| self.endpoint(replica)).collect()
        };
        // Once it may be tried again proxies hold what arrives, and their Wake is the try.
        let failed = matches!(self.phase, Phase::Failed { over: false, .. });
        let failure = self.failure.clone().filter(|_| failed);
        WorkloadState {
            endpoints,
            failure,
            ..WorkloadState::empty(self.id().clone())
        }
    }

    fn endpoint(&self, replica: &Replica) -> Endpoint {
        Endpoint {
            probe: None,
            id: replica.id.clone(),
            address: replica.address,
            state: self.endpoint_state(replica),
        }
    }

    pub(super) fn is_draining(&self, id: &EndpointId) -> bool {
        self.drain.contains_key(id) || self.leaving.contains(id)
    }

    fn endpoint_state(&self, replica: &Replica) -> EndpointState {
        if self.is_draining(&replica.id) {
            EndpointState::Draining
        } else if replica.state == ReplicaState::Ready {
            EndpointState::Ready
        } else {
            EndpointState::Starting
        }
    }

    /// Tells every proxy what has changed for it, and the counts.
    pub(super) fn tell(&mut self, turn: &mut Turn<'_>) {
        let told = self.told();
        if self.told.as_ref() != Some(&told) {
            turn.broadcast(&ToProxy::State(told.clone()));
            self.told = Some(told);
        }
        let counts = (self.wanted, self.ready());
        if self.counted.replace(counts) != Some(counts) {
            let (workload, (desired, ready)) = (self.id().clone(), counts);
            turn.out.push(Action::Count {
                workload,
                desired,
                ready,
            });
        }
    }
}
