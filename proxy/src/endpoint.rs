//! One replica as the proxy sees it: its address and the connections to it. The connections die with it.

mod connect;
mod engaged;
mod pool;

pub(crate) use connect::{ConnectError, Connector};
pub(crate) use engaged::Engaged;
pub(crate) use pool::{Lease, Pool, SendError};

use std::net::SocketAddr;

use rouse_api::link::EndpointId;

/// A replica's address with its pool.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: EndpointId,
    pub(crate) address: SocketAddr,
    pub(crate) pool: Pool,
}

impl Endpoint {
    pub(crate) fn new(id: EndpointId, address: SocketAddr) -> Self {
        Self {
            id,
            address,
            pool: Pool::default(),
        }
    }

    /// Closes what is idle; what is in use closes when its request has ended.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}
