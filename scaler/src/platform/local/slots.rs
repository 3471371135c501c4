use std::cmp::Reverse;
use std::net::SocketAddr;

use rouse_api::link::EndpointId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::platform::{Replica, ReplicaState};

/// One replica as its supervisor sees it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: EndpointId,
    pub(super) address: SocketAddr,
    pub(super) generation: u64,
    pub(super) state: ReplicaState,
    pub(super) started: Instant,
    pub(super) ready_since: Option<Instant>,
    pub(super) stop: CancellationToken,
}

/// All replicas of one workload, oldest first.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<Slot>);

impl Slots {
    pub(super) fn add(&mut self, slot: Slot) {
        self.0.push(slot);
    }

    pub(super) fn get_mut(&mut self, id: &EndpointId) -> Option<&mut Slot> {
        self.0.iter_mut().find(|slot| slot.id == *id)
    }

    pub(super) fn remove(&mut self, id: &EndpointId) -> Option<Slot> {
        let index = self.0.iter().position(|slot| slot.id == *id)?;
        Some(self.0.remove(index))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Not told to stop, and of this generation.
    pub(super) fn live(&self, generation: u64) -> usize {
        let live =
            |slot: &&Slot| slot.generation == generation && slot.state != ReplicaState::Terminating;
        self.0.iter().filter(live).count()
    }

    /// Stops all for which `which` holds.
    pub(super) fn stop(&mut self, which: impl Fn(&Slot) -> bool) {
        for slot in self.0.iter_mut().filter(|slot| which(slot)) {
            slot.state = ReplicaState::Terminating;
            slot.stop.cancel();
        }
    }

    /// Stops `count` of this generation: those not ready first, then the youngest.
    pub(super) fn stop_some(&mut self, generation: u64, count: usize) {
        let live = |slot: &&mut Slot| {
            slot.generation == generation && slot.state != ReplicaState::Terminating
        };
        let mut candidates: Vec<&mut Slot> = self.0.iter_mut().filter(live).collect();
        candidates.sort_by_key(|slot| (slot.state == ReplicaState::Ready, Reverse(slot.started)));
        for slot in candidates.into_iter().take(count) {
            slot.state = ReplicaState::Terminating;
            slot.stop.cancel();
        }
    }

    pub(super) fn observed(&self, generation: u64) -> Vec<Replica> {
        let replica = |slot: &Slot| Replica {
            probe: None,
            service_account: None,
            id: slot.id.clone(),
            address: slot.address,
            state: slot.state,
            outdated: slot.generation != generation,
            started: slot.started,
            ready_since: slot.ready_since,
        };
        self.0.iter().map(replica).collect()
    }
}
