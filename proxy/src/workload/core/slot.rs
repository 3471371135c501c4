//! One endpoint's place: what is known of it, and what is in flight there.

use std::sync::Arc;

use rouse_api::link::{self, EndpointId, EndpointState};
use rouse_api::workload::{Probe, ProbeAction};
use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::workload::ramp::Ramp;

use super::permits::Account;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: EndpointId,
    pub(super) endpoint: Arc<Endpoint>,
    /// None: the endpoint has gone, the slot stays until its last request has ended.
    pub(super) state: Option<EndpointState>,
    pub(super) in_flight: u32,
    /// What is owned of its permits.
    pub(super) account: Account,
    pub(super) ramp: Ramp,
    pub(super) aside: bool,
    pub(super) failures: u32,
    /// How its readiness is found out, while it is starting.
    probe: Option<Arc<Probe>>,
    /// It has passed that probe, tried here, and the scaler still tells that it is starting.
    pub(super) proven: bool,
    /// A task tries that probe.
    pub(super) probing: bool,
}

impl Slot {
    /// For an endpoint that is told for the first time; it starts until [`tell`](Self::tell) says otherwise.
    pub(super) fn new(told: &link::Endpoint, now: Instant) -> Self {
        Self {
            id: told.id.clone(),
            endpoint: Arc::new(Endpoint::new(
                told.id.clone(),
                told.address,
                told.service_account.clone(),
            )),
            state: Some(EndpointState::Starting),
            in_flight: 0,
            account: Account::default(),
            ramp: Ramp::open(now),
            aside: false,
            failures: 0,
            probe: None,
            proven: false,
            probing: false,
        }
    }

    /// What the scaler tells of it. That it is starting is no news after it was proven here: the two have crossed.
    pub(super) fn tell(&mut self, told: &link::Endpoint, limited: bool, now: Instant) {
        self.probe.clone_from(&told.probe);
        match told.state {
            EndpointState::Starting if self.proven => {}
            state => {
                self.proven = false;
                self.enter(state, limited, now);
            }
        }
    }

    /// Its own probe has passed here. False: nobody waits for that any more.
    pub(super) fn prove(&mut self, limited: bool, now: Instant) -> bool {
        let wanted = self.probe().is_some();
        if wanted {
            self.proven = true;
            self.enter(EndpointState::Ready, limited, now);
        }
        wanted
    }

    fn enter(&mut self, state: EndpointState, limited: bool, now: Instant) {
        if self.state == Some(EndpointState::Starting) && state == EndpointState::Ready {
            self.ramp = if limited {
                Ramp::open(now)
            } else {
                Ramp::starting(now)
            };
            self.aside = false;
            self.failures = 0;
        }
        self.state = Some(state);
    }

    /// What a prober is to try. A command is none of it: it runs with the replica, not here.
    pub(super) fn probe(&self) -> Option<&Arc<Probe>> {
        self.probe.as_ref().filter(|probe| {
            self.state == Some(EndpointState::Starting)
                && !matches!(probe.action, ProbeAction::Exec { .. })
        })
    }

    /// Whether it takes new requests.
    pub(super) fn takes(&self) -> bool {
        self.state == Some(EndpointState::Ready) && !self.aside
    }

    /// Whether held requests may go there, now or soon.
    pub(super) fn serves(&self) -> bool {
        self.matters() && !self.aside
    }

    /// Whether its permits are of use to anybody.
    pub(super) fn matters(&self) -> bool {
        matches!(
            self.state,
            Some(EndpointState::Ready | EndpointState::Starting)
        )
    }

    /// Permits that are owned and not in use.
    pub(super) fn idle(&self) -> u32 {
        self.account.owned.saturating_sub(self.in_flight)
    }

    /// Draining, with nothing in flight.
    pub(super) fn drained(&self) -> bool {
        self.state == Some(EndpointState::Draining) && self.in_flight == 0
    }
}
