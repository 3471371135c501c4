//! Another Service that answers until a replica is ready.

use std::sync::Arc;

use rouse_api::link::{self, EndpointId};
use rouse_api::workload::Protocol;

use crate::endpoint::Endpoint;
use crate::shared::{Bound, Part};

/// Its address with its connections, which are bounded as an endpoint's are.
#[derive(Debug)]
pub(super) struct Fallback {
    told: link::Fallback,
    endpoint: Arc<Endpoint>,
    places: Arc<Bound>,
}

/// The right to send one request there. Dropped: it has ended.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) protocol: Protocol,
    #[allow(dead_code, reason = "a guard")]
    place: Part,
}

impl Fallback {
    pub(super) fn new(told: link::Fallback, connections: u32) -> Self {
        let id = EndpointId(format!("fallback/{}", told.address).into());
        Self {
            told,
            endpoint: Arc::new(Endpoint::new(id, told.address, None)),
            places: Arc::new(Bound::new(connections as usize)),
        }
    }

    pub(super) fn is(&self, told: Option<link::Fallback>) -> bool {
        told == Some(self.told)
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// `None`: it has as many as it may.
    pub(super) fn enter(&self) -> Option<Guest> {
        Some(Guest {
            place: self.places.take(1)?,
            endpoint: self.endpoint.clone(),
            protocol: self.told.protocol,
        })
    }
}
