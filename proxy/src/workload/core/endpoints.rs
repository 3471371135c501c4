//! The endpoints as the scaler tells them, and as they turn out to be here.

use std::sync::Arc;

use rouse_api::link::{EndpointId, EndpointState, Failure, WorkloadState};
use rouse_api::workload::Probe;
use tokio::time::Instant;

use super::slot::Slot;
use super::{Core, Verdict};
use crate::endpoint::Endpoint;

/// Requests in a row that an endpoint loses after its connection stood, before it is set aside.
const FAILURES_TO_SET_ASIDE: u32 = 5;

impl Core {
    /// Takes the replicas as the scaler tells them. Returns draining endpoints with nothing in flight.
    pub(in crate::workload) fn apply(
        &mut self,
        state: &WorkloadState,
        now: Instant,
    ) -> Vec<EndpointId> {
        self.drop_untold(state);
        let limited = self.limit.is_some();
        for told in &state.endpoints {
            let known = self
                .slots
                .iter()
                .find(|(_, slot)| slot.id == told.id && slot.state.is_some());
            let key = match known.map(|(key, _)| key) {
                Some(key) => key,
                None => {
                    let mut slot = Slot::new(told, now);
                    if limited {
                        slot.account = self.permits.open(0);
                    }
                    self.slots.insert(slot)
                }
            };
            self.slots[key].tell(told, limited, now);
        }
        self.prober = state.probers.contains(&self.member);
        self.service = state.service;
        self.progress = state.progress.clone().map(Arc::new);
        self.failure = state.failure.clone().map(Arc::new);
        self.settle(now);
        self.fail_waiting(now);
        self.drained()
    }

    fn drop_untold(&mut self, state: &WorkloadState) {
        let keys: Vec<usize> = self.slots.iter().map(|(key, _)| key).collect();
        for key in keys {
            let slot = &mut self.slots[key];
            let same = |told: &rouse_api::link::Endpoint| {
                told.id == slot.id && told.address == slot.endpoint.address
            };
            if !state.endpoints.iter().any(same) {
                let known = slot.state.take().is_some();
                slot.endpoint.close();
                let over = slot.in_flight == 0;
                if known {
                    self.close_account(key);
                }
                if over {
                    self.slots.remove(key);
                }
            }
        }
    }

    /// What follows from changed states.
    fn settle(&mut self, now: Instant) {
        self.mark_stages(now);
        self.refresh();
        self.dispatch(now);
        self.part_with_guests(now);
    }

    fn fail_waiting(&mut self, now: Instant) {
        if let (Some(failure), true) = (&self.failure, self.eligible.is_empty()) {
            let failure = failure.clone();
            self.advance(now);
            self.uncounted_waiting = 0;
            for (_, waiter) in std::mem::take(&mut self.waiting) {
                // A waiter that has just left hears nothing; it counted itself out.
                let _ = waiter.tell.send(Verdict::Failed(failure.clone()));
            }
        }
    }

    fn mark_stages(&mut self, now: Instant) {
        let any = |wanted: EndpointState| {
            self.slots
                .iter()
                .any(|(_, slot)| slot.state == Some(wanted))
        };
        let ready = any(EndpointState::Ready);
        if ready {
            // The next wake is another's.
            self.wanted_by = None;
        }
        if ready || any(EndpointState::Starting) {
            self.stages.starting.get_or_insert(now);
        } else {
            self.stages.starting = None;
        }
        if ready {
            self.stages.ready.get_or_insert(now);
        } else {
            self.stages.ready = None;
        }
    }

    pub(super) fn refresh(&mut self) {
        self.eligible.clear();
        self.eligible.extend(
            self.slots
                .iter()
                .filter(|(_, slot)| slot.takes())
                .map(|(key, _)| key),
        );
    }

    /// Draining endpoints with nothing in flight.
    pub(in crate::workload) fn drained(&self) -> Vec<EndpointId> {
        self.ids(Slot::drained)
    }

    /// Endpoints that were proven here, and that the scaler has not yet told ready.
    pub(in crate::workload) fn proven(&self) -> Vec<EndpointId> {
        self.ids(|slot| slot.proven)
    }

    fn ids(&self, such: impl Fn(&Slot) -> bool) -> Vec<EndpointId> {
        self.slots
            .iter()
            .filter(|(_, slot)| such(slot))
            .map(|(_, slot)| slot.id.clone())
            .collect()
    }

    /// A request failed on the endpoint: no connection (`connect`), or no answer on one that stood. Says whether the endpoint
    /// has just been set aside, which the caller must follow by probing it.
    pub(in crate::workload) fn fail(&mut self, slot: usize, connect: bool) -> bool {
        let Some(slot) = self.slots.get_mut(slot) else {
            return false;
        };
        slot.failures += 1;
        if !slot.takes() || !(connect || slot.failures >= FAILURES_TO_SET_ASIDE) {
            return false;
        }
        slot.aside = true;
        self.refresh();
        true
    }

    /// An endpoint that was set aside answers again.
    pub(in crate::workload) fn back(&mut self, id: &EndpointId, now: Instant) {
        self.take_back(|slot| slot.id == *id);
        self.dispatch(now);
    }

    /// What failed may do so no longer: it is tried again.
    pub(super) fn take_all_back(&mut self) {
        self.take_back(|_| true);
    }

    fn take_back(&mut self, such: impl Fn(&Slot) -> bool) {
        for (_, slot) in &mut self.slots {
            if such(slot) {
                slot.aside = false;
                slot.failures = 0;
            }
        }
        self.refresh();
    }

    /// Whether the endpoint is still one of this workload's.
    pub(in crate::workload) fn knows(&self, id: &EndpointId) -> bool {
        self.slots
            .iter()
            .any(|(_, slot)| slot.id == *id && slot.state.is_some())
    }

    /// Every endpoint with its state, in flight, whether it is set aside, and what is owned of its permits if there is a limit.
    pub(in crate::workload) fn endpoints(
        &self,
    ) -> impl Iterator<Item = (&Endpoint, EndpointState, u32, bool, Option<u32>)> {
        self.slots.iter().filter_map(|(_, slot)| {
            let permits = self.limit.map(|_| slot.account.owned);
            Some((
                &*slot.endpoint,
                slot.state?,
                slot.in_flight,
                slot.aside,
                permits,
            ))
        })
    }

    /// Endpoints whose probe is to be tried here and by no task yet: the caller must start one for each.
    pub(in crate::workload) fn begin_probing(&mut self) -> Vec<Arc<Endpoint>> {
        if !self.probes() {
            return Vec::new();
        }
        let begin = |slot: &mut Slot| {
            let begins = slot.probe().is_some() && !slot.probing;
            slot.probing |= begins;
            begins.then(|| slot.endpoint.clone())
        };
        self.slots
            .iter_mut()
            .filter_map(|(_, slot)| begin(slot))
            .collect()
    }

    /// The probe that the endpoint's task is to try now. None: the task ends.
    pub(in crate::workload) fn probe(&mut self, endpoint: &Arc<Endpoint>) -> Option<Arc<Probe>> {
        let probes = self.probes();
        let slot = self.slot_of(endpoint)?;
        let probe = slot.probe().filter(|_| probes).cloned();
        slot.probing = probe.is_some();
        probe
    }

    /// The endpoint has passed its probe: it takes requests at once. False: nobody waits for that any more.
    pub(in crate::workload) fn prove(&mut self, endpoint: &Arc<Endpoint>, now: Instant) -> bool {
        let limited = self.limit.is_some();
        let Some(slot) = self.slot_of(endpoint) else {
            return false;
        };
        slot.probing = false;
        let proven = slot.prove(limited, now);
        if proven {
            self.settle(now);
        }
        proven
    }

    /// Whether starting endpoints are probed here. Not while unlinked: an address may have found a new owner.
    fn probes(&self) -> bool {
        self.prober && !self.unlinked && !self.removed
    }

    fn slot_of(&mut self, endpoint: &Arc<Endpoint>) -> Option<&mut Slot> {
        let mut slots = self.slots.iter_mut().map(|(_, slot)| slot);
        slots.find(|slot| slot.state.is_some() && Arc::ptr_eq(&slot.endpoint, endpoint))
    }

    /// Why the start takes long, as far as it is known.
    pub(in crate::workload) fn progress(&self) -> Option<Arc<Failure>> {
        self.progress.clone()
    }
}
