//! One replica as the proxy sees it: its address and the connections to it. The connections die with it.

mod connect;
mod engaged;
mod pool;

pub(crate) use connect::{ConnectError, Connector};
pub(crate) use engaged::Engaged;
pub(crate) use pool::{Lease, Pool, SendError};

use std::net::SocketAddr;

use rouse_api::link::EndpointId;
use tokio_util::sync::CancellationToken;

/// How an endpoint is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dial {
    /// By its own address.
    Own,
    /// By its Service's address, which may lead to another replica; connections that stand are used as they are.
    Service(SocketAddr),
    /// By connections that stand, and no new one.
    Kept,
}

/// A replica's address with its pool.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: EndpointId,
    pub(crate) address: SocketAddr,
    pub(crate) pool: Pool,
    gone: CancellationToken,
}

impl Endpoint {
    pub(crate) fn new(id: EndpointId, address: SocketAddr) -> Self {
        Self {
            id,
            address,
            pool: Pool::default(),
            gone: CancellationToken::new(),
        }
    }

    /// Closes what is idle; what is in use closes when its request has ended.
    pub(crate) fn close(&self) {
        self.pool.close();
        self.gone.cancel();
    }

    /// Until it is closed.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }
}
