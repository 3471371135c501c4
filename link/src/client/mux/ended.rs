//! Replicas that a leader's sleep has ended. A scaler whose watch is late may still tell of them, and its word counts when the leader is lost.

use std::collections::{BTreeMap, HashSet};

use rouse_api::link::{EndpointId, EndpointState, WorkloadState};
use rouse_api::workload::WorkloadId;

/// Of one workload; with more than this the earlier ones are forgotten, which no watch can be late by.
const MOST: usize = 1024;

/// By workload. A replica's name is never used again.
#[derive(Debug, Default)]
pub(super) struct Ended(BTreeMap<WorkloadId, HashSet<EndpointId>>);

impl Ended {
    /// A leader has put the workload to sleep, or has not said since that it has replicas: what others tell of has ended.
    pub(super) fn end(&mut self, told: &WorkloadState) {
        if told.endpoints.is_empty() {
            return;
        }
        let ended = self.0.entry(told.workload.clone()).or_default();
        if ended.len() >= MOST {
            ended.clear();
        }
        ended.extend(told.endpoints.iter().map(|endpoint| endpoint.id.clone()));
    }

    /// A leader's own word: what it tells of is there.
    pub(super) fn lives(&mut self, state: &WorkloadState) {
        let Some(ended) = self.0.get_mut(&state.workload) else {
            return;
        };
        for endpoint in &state.endpoints {
            if endpoint.state != EndpointState::Draining {
                ended.remove(&endpoint.id);
            }
        }
        if ended.is_empty() {
            self.0.remove(&state.workload);
        }
    }

    /// The sleep is off.
    pub(super) fn resume(&mut self, workload: &WorkloadId) {
        self.0.remove(workload);
    }

    /// Only workloads that are still there have any.
    pub(super) fn retain(&mut self, known: impl Fn(&WorkloadId) -> bool) {
        self.0.retain(|workload, _| known(workload));
    }

    /// Takes what has ended out of what another tells.
    pub(super) fn scrub(&self, state: &mut WorkloadState) {
        if let Some(ended) = self.0.get(&state.workload) {
            state
                .endpoints
                .retain(|endpoint| !ended.contains(&endpoint.id));
        }
    }
}
