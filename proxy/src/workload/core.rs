//! One workload's requests and endpoints: who goes where, who waits. Pure: time is a parameter, nothing is awaited.
//!
//! Everything is behind one short lock, so that "nothing is in flight" and "nothing more is sent" are one step (quiesce),
//! and a permit is never counted twice.

mod dispatch;
mod endpoints;
mod report;
mod sleep;
mod slot;
#[cfg(test)]
mod tests;
mod wake;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::{EndpointId, Epoch, Failure, MemberId};
use rouse_api::workload::{Http, WorkloadId};
use slab::Slab;
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::slot::Slot;
use super::demand::Demand;
use crate::endpoint::{Dial, Endpoint};

/// A place in the order of arrival.
pub(crate) type Ticket = u64;

/// The right to have one request in flight on one endpoint; plain data, see [`super::Permit`] for the guard.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) slot: usize,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) dial: Dial,
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
struct Waiter {
    since: Instant,
    tell: oneshot::Sender<Verdict>,
}

#[derive(Debug)]
pub(super) struct Core {
    id: WorkloadId,
    /// This proxy.
    member: MemberId,
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
    progress: Option<Arc<Failure>>,
    /// This proxy is among those that probe what is starting.
    prober: bool,
    /// No scaler has been connected for long: pods' addresses may be stale.
    unlinked: bool,
    /// The Service's own address.
    service: Option<SocketAddr>,
    removed: bool,
    stages: Stages,
    demand: Demand,
    woke: Option<(Instant, Duration)>,
    /// The pacer knows of this workload.
    paced: bool,
    /// The reporter looks at this workload.
    looked_at: bool,
    /// It has had a request.
    requested: bool,
    /// Its last look found demand.
    told_demand: bool,
}

impl Core {
    pub(super) fn new(
        id: WorkloadId,
        member: MemberId,
        http: &Http,
        connections: u32,
        now: Instant,
    ) -> Self {
        let mut core = Self {
            id,
            member,
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
            progress: None,
            prober: false,
            unlinked: false,
            service: None,
            removed: false,
            stages: Stages::default(),
            demand: Demand::new(now),
            woke: None,
            paced: false,
            looked_at: false,
            requested: false,
            told_demand: false,
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
            (self.quiesced, self.failure, self.progress) = (None, None, None);
        }
        self.dispatch(now);
    }

    /// Whether the scalers have been out of reach for long.
    pub(super) fn set_unlinked(&mut self, unlinked: bool, now: Instant) {
        if std::mem::replace(&mut self.unlinked, unlinked) != unlinked {
            // Another address is dialled from now on.
            self.take_all_back();
        }
        if unlinked {
            // Nobody can end the attempt to sleep, and nobody stops the last replica while this proxy is not heard.
            self.quiesced = None;
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
        let drained = held.drained().then(|| held.id.clone());
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

    /// The workload is no more: those who wait are told so, to be matched once more.
    pub(super) fn remove(&mut self, now: Instant) {
        self.advance(now);
        self.removed = true;
        for (_, waiter) in std::mem::take(&mut self.waiting) {
            // As above.
            let _ = waiter.tell.send(Verdict::Removed);
        }
    }

    pub(super) fn held(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }
}
