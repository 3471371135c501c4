//! One workload's requests and endpoints: who goes where, who waits. Pure: time is a parameter, nothing is awaited.
//!
//! Everything is behind one short lock, so that "nothing is in flight" and "nothing more is sent" are one step (quiesce),
//! and a permit is never counted twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::{
    EndpointId, EndpointState, Epoch, Failure, Wake, WorkloadReport, WorkloadState,
};
use rouse_api::workload::{Http, WorkloadId};
use slab::Slab;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::demand::Demand;
use super::ramp::Ramp;
use crate::endpoint::Endpoint;

/// Between the first two Wakes; doubled up to [`WAKE_SLOWEST`].
const WAKE_FIRST: Duration = Duration::from_millis(20);
const WAKE_SLOWEST: Duration = Duration::from_secs(1);
/// Requests in a row that an endpoint loses after its connection stood, before it is set aside.
const FAILURES_TO_SET_ASIDE: u32 = 5;

/// A place in the order of arrival.
pub(crate) type Ticket = u64;

/// The right to have one request in flight on one endpoint; plain data, see [`super::Permit`] for the guard.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) slot: usize,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) stages: Stages,
}

/// When the replicas of the current wake were first seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stages {
    /// The first endpoint that was starting (or ready at once).
    pub(crate) starting: Option<Instant>,
    /// The first endpoint that was ready.
    pub(crate) ready: Option<Instant>,
}

/// What became of a wait.
#[derive(Debug)]
pub(super) enum Verdict {
    Go(Grant),
    Failed(Arc<Failure>),
    Removed,
}

/// What becomes of a request that wants an endpoint.
#[derive(Debug)]
pub(super) enum Admission {
    Go(Grant),
    Wait(oneshot::Receiver<Verdict>),
    Full,
    Failed(Arc<Failure>),
    Removed,
}

#[derive(Debug)]
struct Slot {
    id: EndpointId,
    endpoint: Arc<Endpoint>,
    /// None: the endpoint has gone, the slot stays until its last request has ended.
    state: Option<EndpointState>,
    in_flight: u32,
    ramp: Ramp,
    aside: bool,
    failures: u32,
}

#[derive(Debug)]
struct Waiter {
    since: Instant,
    tell: oneshot::Sender<Verdict>,
}

#[derive(Debug)]
pub(super) struct Core {
    id: WorkloadId,
    limit: Option<u32>,
    max_held: usize,
    /// More than this can't be in flight on one endpoint: a connection each.
    connections: u32,
    slots: Slab<Slot>,
    /// Slots that take requests: ready, not set aside.
    eligible: Vec<usize>,
    in_flight: u32,
    waiting: BTreeMap<Ticket, Waiter>,
    next_ticket: Ticket,
    quiesced: Option<Epoch>,
    failure: Option<Arc<Failure>>,
    removed: bool,
    stages: Stages,
    demand: Demand,
    woke: Option<(Instant, Duration)>,
    /// The pacer knows of this workload.
    paced: bool,
}

impl Core {
    pub(super) fn new(id: WorkloadId, http: &Http, connections: u32, now: Instant) -> Self {
        let mut core = Self {
            id,
            limit: None,
            max_held: 0,
            connections,
            slots: Slab::new(),
            eligible: Vec::new(),
            in_flight: 0,
            waiting: BTreeMap::new(),
            next_ticket: 0,
            quiesced: None,
            failure: None,
            removed: false,
            stages: Stages::default(),
            demand: Demand::new(now),
            woke: None,
            paced: false,
        };
        core.configure(http, connections, now);
        core
    }

    /// Takes new settings; what is in flight stays as it is.
    pub(super) fn configure(&mut self, http: &Http, connections: u32, now: Instant) {
        self.limit = http.concurrency_limit.map(std::num::NonZeroU32::get);
        self.max_held = http.hold.max_requests as usize;
        self.connections = connections;
        if std::mem::replace(&mut self.removed, false) {
            // It has come back: what was said of it before it went is void.
            (self.quiesced, self.failure) = (None, None);
        }
        self.dispatch(now);
    }

    fn advance(&mut self, now: Instant) {
        let held = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        self.demand.advance(now, self.in_flight, held);
    }

    /// A place in the order of arrival, taken once per request.
    pub(super) fn arrive(&mut self, now: Instant) -> Ticket {
        self.advance(now);
        self.demand.arrive(now);
        self.next_ticket += 1;
        self.next_ticket
    }

    /// Wants an endpoint for the request, if possible not `avoid`. A request that comes again keeps its place.
    pub(super) fn admit(
        &mut self,
        ticket: Ticket,
        avoid: Option<&EndpointId>,
        now: Instant,
    ) -> Admission {
        if self.removed {
            return Admission::Removed;
        }
        if self.waiting.is_empty()
            && let Some(slot) = self.pick(avoid)
        {
            self.advance(now);
            return Admission::Go(self.grant(slot));
        }
        if let (Some(failure), true) = (&self.failure, self.eligible.is_empty()) {
            return Admission::Failed(failure.clone());
        }
        if self.waiting.len() >= self.max_held {
            return Admission::Full;
        }
        self.advance(now);
        let (tell, wait) = oneshot::channel();
        self.waiting.insert(ticket, Waiter { since: now, tell });
        Admission::Wait(wait)
    }

    /// A held request leaves by itself. False: it was told something before.
    pub(super) fn leave(&mut self, ticket: Ticket, now: Instant) -> bool {
        self.advance(now);
        self.waiting.remove(&ticket).is_some()
    }

    /// A request has ended on its endpoint. Returns the endpoint if it was draining and is now drained.
    pub(super) fn release(&mut self, slot: usize, now: Instant) -> Option<EndpointId> {
        self.advance(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        let held = self.slots.get_mut(slot)?;
        held.in_flight = held.in_flight.saturating_sub(1);
        let drained = (held.in_flight == 0 && held.state == Some(EndpointState::Draining))
            .then(|| held.id.clone());
        if held.in_flight == 0 && held.state.is_none() {
            self.slots.remove(slot);
        }
        if !self.waiting.is_empty() {
            self.dispatch(now);
        }
        drained
    }

    /// An answer's head has come from the endpoint.
    pub(super) fn head(&mut self, slot: usize, now: Instant) {
        let Some(slot) = self.slots.get_mut(slot) else {
            return;
        };
        slot.failures = 0;
        if slot.ramp.head(now) && !self.waiting.is_empty() {
            self.dispatch(now);
        }
    }

    /// A request failed on the endpoint: no connection (`connect`), or no answer on one that stood. Says whether the endpoint
    /// has just been set aside, which the caller must follow by probing it.
    pub(super) fn fail(&mut self, slot: usize, connect: bool) -> bool {
        let Some(slot) = self.slots.get_mut(slot) else {
            return false;
        };
        slot.failures += 1;
        if slot.aside
            || slot.state != Some(EndpointState::Ready)
            || !(connect || slot.failures >= FAILURES_TO_SET_ASIDE)
        {
            return false;
        }
        slot.aside = true;
        self.refresh();
        true
    }

    /// An endpoint that was set aside answers again.
    pub(super) fn back(&mut self, id: &EndpointId, now: Instant) {
        for (_, slot) in &mut self.slots {
            if slot.id == *id {
                slot.aside = false;
                slot.failures = 0;
            }
        }
        self.refresh();
        self.dispatch(now);
    }

    /// Whether the endpoint is still one of this workload's.
    pub(super) fn knows(&self, id: &EndpointId) -> bool {
        self.slots
            .iter()
            .any(|(_, slot)| slot.id == *id && slot.state.is_some())
    }

    /// Takes the replicas as the scaler tells them. Returns draining endpoints with nothing in flight.
    pub(super) fn apply(&mut self, state: &WorkloadState, now: Instant) -> Vec<EndpointId> {
        let keys: Vec<usize> = self.slots.iter().map(|(key, _)| key).collect();
        for key in keys {
            let slot = &mut self.slots[key];
            let same = |told: &rouse_api::link::Endpoint| {
                told.id == slot.id && told.address == slot.endpoint.address
            };
            if !state.endpoints.iter().any(same) {
                slot.state = None;
                slot.endpoint.close();
                if slot.in_flight == 0 {
                    self.slots.remove(key);
                }
            }
        }
        for told in &state.endpoints {
            let known = self
                .slots
                .iter()
                .find(|(_, slot)| slot.id == told.id && slot.state.is_some());
            match known.map(|(key, _)| key) {
                Some(key) => self.change(key, told.state, now),
                None => {
                    let key = self.slots.insert(Slot {
                        id: told.id.clone(),
                        endpoint: Arc::new(Endpoint::new(told.id.clone(), told.address)),
                        state: Some(EndpointState::Starting),
                        in_flight: 0,
                        ramp: Ramp::open(now),
                        aside: false,
                        failures: 0,
                    });
                    self.change(key, told.state, now);
                }
            }
        }
        self.mark_stages(now);
        self.refresh();
        self.failure = state.failure.clone().map(Arc::new);
        if let (Some(failure), true) = (&self.failure, self.eligible.is_empty()) {
            let failure = failure.clone();
            self.advance(now);
            for (_, waiter) in std::mem::take(&mut self.waiting) {
                // A waiter that has just left hears nothing; it counted itself out.
                let _ = waiter.tell.send(Verdict::Failed(failure.clone()));
            }
        }
        self.dispatch(now);
        self.drained()
    }

    fn change(&mut self, key: usize, state: EndpointState, now: Instant) {
        let slot = &mut self.slots[key];
        if slot.state == Some(EndpointState::Starting) && state == EndpointState::Ready {
            slot.ramp = if self.limit.is_some() {
                Ramp::open(now)
            } else {
                Ramp::starting(now)
            };
            slot.aside = false;
            slot.failures = 0;
        }
        slot.state = Some(state);
    }

    fn mark_stages(&mut self, now: Instant) {
        let any = |wanted: EndpointState| {
            self.slots
                .iter()
                .any(|(_, slot)| slot.state == Some(wanted))
        };
        let ready = any(EndpointState::Ready);
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

    /// Draining endpoints with nothing in flight.
    pub(super) fn drained(&self) -> Vec<EndpointId> {
        let idle = |slot: &Slot| slot.state == Some(EndpointState::Draining) && slot.in_flight == 0;
        self.slots
            .iter()
            .filter(|(_, slot)| idle(slot))
            .map(|(_, slot)| slot.id.clone())
            .collect()
    }

    /// Stops sending, if nothing is in flight or held and nothing was for `idle_for`. One step: no request slips in between.
    pub(super) fn quiesce(&mut self, epoch: Epoch, idle_for: Duration, now: Instant) -> bool {
        self.advance(now);
        let quiet =
            self.in_flight == 0 && self.waiting.is_empty() && self.demand.idle_for(now) >= idle_for;
        if quiet {
            self.quiesced = Some(epoch);
        }
        quiet
    }

    /// The attempt to sleep is off.
    pub(super) fn resume(&mut self, epoch: Epoch, now: Instant) {
        if self.quiesced.is_some_and(|current| current <= epoch) {
            self.quiesced = None;
            self.dispatch(now);
        }
    }

    /// The workload sleeps: its endpoints are no more, later ones are new.
    pub(super) fn asleep(&mut self, epoch: Epoch) {
        if self.quiesced.is_some_and(|current| current <= epoch) {
            self.quiesced = None;
            for key in self.slots.iter().map(|(key, _)| key).collect::<Vec<_>>() {
                self.slots[key].endpoint.close();
                self.slots.remove(key);
            }
            self.stages = Stages::default();
            self.refresh();
        }
    }

    /// The workload is no more: those who wait are told so, to be matched once more.
    pub(super) fn remove(&mut self, now: Instant) {
        self.advance(now);
        self.removed = true;
        for (_, waiter) in std::mem::take(&mut self.waiting) {
            // As above.
            let _ = waiter.tell.send(Verdict::Removed);
        }
    }

    /// Something is held. True: the pacer has yet to be told.
    pub(super) fn begin_pace(&mut self) -> bool {
        !std::mem::replace(&mut self.paced, true)
    }

    /// Time has passed while something is held. Returns the Wake that is due, and whether to look again.
    pub(super) fn pace(&mut self, now: Instant) -> (Option<Wake>, bool) {
        for key in &self.eligible {
            self.slots[*key].ramp.tick(now);
        }
        self.dispatch(now);
        self.paced = !self.waiting.is_empty();
        (self.wake_due(now), self.paced)
    }

    /// The Wake to send now, if one is wanted and the last is long enough ago.
    pub(super) fn wake_due(&mut self, now: Instant) -> Option<Wake> {
        let (_, oldest) = self.waiting.first_key_value()?;
        let since = oldest.since;
        if self.quiesced.is_none()
            && self
                .slots
                .iter()
                .any(|(_, slot)| slot.state == Some(EndpointState::Ready))
        {
            self.woke = None;
            return None;
        }
        self.wake_paced(now).then(|| Wake {
            workload: self.id.clone(),
            held: u32::try_from(self.waiting.len()).unwrap_or(u32::MAX),
            oldest: now.saturating_duration_since(since),
        })
    }

    /// The Wake of a request that was refused because the workload can't start: it may be tried again.
    pub(super) fn wake_refused(&mut self, now: Instant) -> Option<Wake> {
        self.wake_paced(now).then(|| Wake {
            workload: self.id.clone(),
            held: 1,
            oldest: Duration::ZERO,
        })
    }

    fn wake_paced(&mut self, now: Instant) -> bool {
        let next = match self.woke {
            Some((last, pause)) if now.saturating_duration_since(last) < pause => return false,
            // A long silence begins anew: this is another wake.
            Some((last, pause)) if now.saturating_duration_since(last) < pause * 4 => {
                (pause * 2).min(WAKE_SLOWEST)
            }
            _ => WAKE_FIRST,
        };
        self.woke = Some((now, next));
        true
    }

    pub(super) fn held(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn is_quiesced(&self) -> bool {
        self.quiesced.is_some()
    }

    /// Every endpoint with its state, in flight, and whether it is set aside.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = (&Endpoint, EndpointState, u32, bool)> {
        let known = |slot: &Slot| slot.state;
        self.slots.iter().filter_map(move |(_, slot)| {
            Some((&*slot.endpoint, known(slot)?, slot.in_flight, slot.aside))
        })
    }

    /// Demand since the last report.
    pub(super) fn report(&mut self, now: Instant) -> WorkloadReport {
        self.advance(now);
        let interval = self.demand.take();
        WorkloadReport {
            workload: self.id.clone(),
            in_flight_seconds: interval.in_flight_seconds,
            held_seconds: interval.held_seconds,
            requests: interval.arrived,
            in_flight: self.in_flight,
            held: u32::try_from(self.waiting.len()).unwrap_or(u32::MAX),
            idle_for: self.demand.idle_for(now),
        }
    }

    fn refresh(&mut self) {
        self.eligible.clear();
        let takes = |slot: &Slot| slot.state == Some(EndpointState::Ready) && !slot.aside;
        self.eligible.extend(
            self.slots
                .iter()
                .filter(|(_, slot)| takes(slot))
                .map(|(key, _)| key),
        );
    }

    fn room(&self, key: usize) -> bool {
        let slot = &self.slots[key];
        slot.in_flight
            < slot
                .ramp
                .allowance()
                .min(self.limit.unwrap_or(u32::MAX))
                .min(self.connections)
    }

    /// The less loaded of two random endpoints; when both are full, the least loaded that is not.
    fn pick(&self, avoid: Option<&EndpointId>) -> Option<usize> {
        if self.quiesced.is_some() {
            return None;
        }
        let count = self.eligible.len();
        let usable = |key: usize| self.room(key) && avoid != Some(&self.slots[key].id);
        if count == 0 {
            return None;
        }
        if count == 1 {
            return self.eligible.first().copied().filter(|key| self.room(*key));
        }
        let first = fastrand::usize(..count);
        let second = (first + fastrand::usize(1..count)) % count;
        let load = |key: &usize| self.slots[*key].in_flight;
        [self.eligible[first], self.eligible[second]]
            .into_iter()
            .filter(|key| usable(*key))
            .min_by_key(load)
            .or_else(|| {
                self.eligible
                    .iter()
                    .copied()
                    .filter(|key| usable(*key))
                    .min_by_key(load)
            })
            .or_else(|| self.eligible.iter().copied().find(|key| self.room(*key)))
    }

    fn grant(&mut self, slot: usize) -> Grant {
        self.in_flight += 1;
        let held = &mut self.slots[slot];
        held.in_flight += 1;
        Grant {
            slot,
            endpoint: held.endpoint.clone(),
            stages: self.stages,
        }
    }

    /// Sends the oldest on while there is room.
    fn dispatch(&mut self, now: Instant) {
        if self.waiting.is_empty() {
            return;
        }
        self.advance(now);
        while !self.waiting.is_empty()
            && let Some(slot) = self.pick(None)
            && let Some((_, waiter)) = self.waiting.pop_first()
        {
            let grant = self.grant(slot);
            if waiter.tell.send(Verdict::Go(grant)).is_err() {
                // The client left in this moment.
                self.in_flight -= 1;
                self.slots[slot].in_flight -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
