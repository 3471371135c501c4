//! One workload's requests and endpoints: who goes where, who waits. Pure: time is a parameter, nothing is awaited.
//!
//! Everything is behind one short lock, so that "nothing is in flight" and "nothing more is sent" are one step (quiesce),
//! and a permit is never counted twice.

mod dispatch;
mod endpoints;
mod interest;
mod permits;
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

use rouse_api::link::{Caller, EndpointId, EndpointState, Epoch, Failure, MemberId};
use rouse_api::workload::{Http, WorkloadId};
use slab::Slab;
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::interest::Interest;
pub(crate) use self::interest::Waking;
use self::permits::Permits;
pub(super) use self::sleep::Quiet;
use self::slot::Slot;
use super::demand::Demand;
use crate::endpoint::{Dial, Endpoint};
pub(crate) use permits::Numbers;

/// A place in the order of arrival.
pub(crate) type Ticket = u64;

/// What a request may do to its workload beside being served by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    /// It is held, and wakes the workload; otherwise it is served only while the workload is awake.
    pub(crate) wakes: bool,
    /// It is demand: scaled for, and kept awake for.
    pub(crate) counts: bool,
}

impl Manner {
    /// What nothing else is said of.
    pub(crate) const DEMAND: Self = Self {
        wakes: true,
        counts: true,
    };
    /// A rule's `noWake`.
    pub(crate) const UNCOUNTED: Self = Self {
        wakes: false,
        counts: false,
    };
    /// It lacks what a wake needs.
    pub(crate) const GUEST: Self = Self {
        wakes: false,
        counts: true,
    };
}

/// The right to have one request in flight on one endpoint; plain data, see [`super::Permit`] for the guard.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) slot: usize,
    /// The request is demand.
    pub(super) counts: bool,
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
    /// It may not wake the workload, which is awake no more.
    Asleep,
}

/// What becomes of a request that wants an endpoint.
#[derive(Debug)]
pub(super) enum Admission {
    Go(Grant),
    Wait(oneshot::Receiver<Verdict>),
    Full,
    Failed(Arc<Failure>),
    Removed,
    /// As of a verdict.
    Asleep,
}

#[derive(Debug)]
struct Waiter {
    since: Instant,
    manner: Manner,
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
    /// Of those in flight, what is no demand.
    uncounted: u32,
    waiting: BTreeMap<Ticket, Waiter>,
    /// Of those that wait, what is no demand.
    uncounted_waiting: u32,
    next_ticket: Ticket,
    quiesced: Option<Epoch>,
    /// The attempt whose `Quiesced` waits for what is in flight uncounted, and is repeated after that.
    owed: Option<Epoch>,
    /// Somebody wants it without a request that is held.
    interest: Option<Interest>,
    /// The last use by a request that is no demand.
    used: Option<Instant>,
    /// The request that was the first to want it since it was awake.
    wanted_by: Option<Arc<Caller>>,
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
    permits: Permits,
}

impl Core {
    pub(super) fn new(
        id: WorkloadId,
        member: MemberId,
        http: &Http,
        connections: u32,
        numbers: Numbers,
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
            uncounted: 0,
            waiting: BTreeMap::new(),
            uncounted_waiting: 0,
            next_ticket: 0,
            quiesced: None,
            owed: None,
            interest: None,
            used: None,
            wanted_by: None,
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
            permits: Permits::new(numbers),
        };
        core.configure(http, connections, now);
        core
    }

    /// Takes new settings; what is in flight stays as it is.
    pub(super) fn configure(&mut self, http: &Http, connections: u32, now: Instant) {
        let limit = http.concurrency_limit.map(std::num::NonZeroU32::get);
        let before = std::mem::replace(&mut self.limit, limit);
        self.limit_changed(before);
        self.max_held = http.hold.max_requests as usize;
        self.connections = connections;
        if std::mem::replace(&mut self.removed, false) {
            // It has come back: what was said of it before it went is void.
            (self.quiesced, self.owed) = (None, None);
            (self.failure, self.progress) = (None, None);
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
            (self.quiesced, self.owed) = (None, None);
        }
        self.dispatch(now);
    }

    fn advance(&mut self, now: Instant) {
        self.expire(now);
        let held = self.wanted();
        self.demand
            .advance(now, self.in_flight - self.uncounted, held);
    }

    /// A place in the order of arrival, taken once per request.
    pub(super) fn arrive(&mut self, manner: Manner, now: Instant) -> Ticket {
        self.advance(now);
        if manner.counts {
            self.demand.arrive(now);
            self.satisfy();
        } else {
            self.used = Some(now);
        }
        self.next_ticket += 1;
        self.next_ticket
    }

    /// Wants an endpoint for the request, if possible not `avoid`. A request that comes again keeps its place.
    pub(super) fn admit(
        &mut self,
        ticket: Ticket,
        avoid: Option<&EndpointId>,
        manner: Manner,
        now: Instant,
    ) -> Admission {
        if self.removed {
            return Admission::Removed;
        }
        if self.waiting.is_empty()
            && let Some(slot) = self.pick(avoid)
        {
            self.advance(now);
            return Admission::Go(self.grant(slot, manner.counts));
        }
        if let (Some(failure), true) = (&self.failure, self.eligible.is_empty()) {
            return Admission::Failed(failure.clone());
        }
        if !manner.wakes && !self.is_awake() {
            return Admission::Asleep;
        }
        if self.waiting.len() >= self.max_held {
            return Admission::Full;
        }
        self.advance(now);
        let (tell, wait) = oneshot::channel();
        self.uncounted_waiting += u32::from(!manner.counts);
        let waiter = Waiter {
            since: now,
            manner,
            tell,
        };
        self.waiting.insert(ticket, waiter);
        Admission::Wait(wait)
    }

    /// A replica takes requests, or is believed to: nobody has to be woken.
    pub(super) fn is_awake(&self) -> bool {
        let ready = |slot: &Slot| slot.state == Some(EndpointState::Ready);
        self.quiesced.is_none() && self.slots.iter().any(|(_, slot)| ready(slot))
    }

    /// Those who may not wake it wait only while it is awake.
    fn part_with_guests(&mut self, now: Instant) {
        if self.waiting.is_empty() || self.is_awake() {
            return;
        }
        self.advance(now);
        let guests = self
            .waiting
            .extract_if(.., |_, waiter| !waiter.manner.wakes);
        for (_, waiter) in guests {
            self.uncounted_waiting -= u32::from(!waiter.manner.counts);
            // One that has just left hears nothing.
            let _ = waiter.tell.send(Verdict::Asleep);
        }
    }

    /// A held request leaves by itself. False: it was told something before.
    pub(super) fn leave(&mut self, ticket: Ticket, now: Instant) -> bool {
        self.advance(now);
        let Some(waiter) = self.waiting.remove(&ticket) else {
            return false;
        };
        self.uncounted_waiting -= u32::from(!waiter.manner.counts);
        true
    }

    /// A request has ended on its endpoint. Returns the endpoint if it was draining and is now drained.
    pub(super) fn release(
        &mut self,
        slot: usize,
        counts: bool,
        now: Instant,
    ) -> Option<EndpointId> {
        self.advance(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        if !counts {
            self.uncounted = self.uncounted.saturating_sub(1);
            self.used = Some(now);
        }
        let held = self.slots.get_mut(slot)?;
        held.in_flight = held.in_flight.saturating_sub(1);
        let drained = held.drained().then(|| held.id.clone());
        let gone = held.state.is_none();
        let over = gone && held.in_flight == 0;
        if gone {
            self.ended_on_gone(slot);
        }
        if over {
            self.slots.remove(slot);
        }
        if self.removed {
            self.keep_used();
        } else if self.is_recalled(slot) {
            self.give_back();
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
        (self.interest, self.uncounted_waiting) = (None, 0);
        self.keep_used();
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

    /// Of those in flight, what is no demand.
    pub(super) fn uncounted(&self) -> u32 {
        self.uncounted
    }
}
