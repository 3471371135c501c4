//! Where one try of a request goes.

use std::sync::Arc;

use crate::endpoint::{Dial, Endpoint};
use crate::workload::{Guest, Permit};

/// A place at an endpoint of the workload, or at its fallback. Dropped: the request has ended.
#[derive(Debug)]
pub(crate) enum Seat {
    Own(Permit),
    Fallback(Guest),
}

impl Seat {
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        match self {
            Self::Own(permit) => permit.endpoint(),
            Self::Fallback(guest) => &guest.endpoint,
        }
    }

    /// How the endpoint is reached.
    pub(crate) fn dial(&self) -> Dial {
        match self {
            Self::Own(permit) => permit.dial(),
            Self::Fallback(_) => Dial::Own,
        }
    }

    /// An answer's head has come.
    pub(crate) fn head(&self) {
        if let Self::Own(permit) = self {
            permit.head();
        }
    }

    /// The endpoint did not take (`connect`) or did not answer the request.
    pub(crate) fn failed(&self, connect: bool) {
        if let Self::Own(permit) = self {
            permit.failed(connect);
        }
    }
}
