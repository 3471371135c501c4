//! One replica as the proxy sees it: its address and the connections to it. The connections die with it.

mod connect;
mod engaged;
mod io;
mod pool;

pub(crate) use connect::{ConnectError, Connector};
pub(crate) use engaged::Engaged;
pub(crate) use io::UpstreamIo;
pub(crate) use pool::{Lease, Pool, SendError};

use std::net::SocketAddr;
use std::sync::Arc;

use rouse_api::link::EndpointId;
use tokio_util::sync::CancellationToken;

use crate::tls::Peer;

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
    /// Who it is in a mesh, of its workload's namespace.
    pub(crate) service_account: Option<Arc<str>>,
    pub(crate) pool: Pool,
    gone: CancellationToken,
}

impl Endpoint {
    pub(crate) fn new(
        id: EndpointId,
        address: SocketAddr,
        service_account: Option<Arc<str>>,
    ) -> Self {
        Self {
            id,
            address,
            service_account,
            pool: Pool::default(),
            gone: CancellationToken::new(),
        }
    }

    /// Who is dialled.
    pub(crate) fn peer(&self) -> Peer<'_> {
        Peer {
            id: &self.id,
            service_account: self.service_account.as_deref(),
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
