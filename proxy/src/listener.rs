//! Taking connections: bounded, each detected and served by a task of its own.

mod connection;
mod detect;
mod framing;
mod io;
mod proxy_protocol;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::workload::WorkloadId;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::shared::Shared;

/// What is special about a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Door {
    /// Requests are routed by host and path.
    Routed,
    /// Peers that are named choose the workload by a header.
    ByHeader,
    /// Peers that are named say whose each connection is; others are not heard.
    Announced,
    /// All of it is this workload's.
    Front(WorkloadId),
}

/// A listener's kind and end.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    pub(crate) door: Door,
    /// Its connections are to finish what they have.
    pub(crate) draining: CancellationToken,
    /// It takes no more connections.
    pub(crate) stop: CancellationToken,
}

const BACKLOG: i32 = 4096;
/// After an error of the machine's (no more files, say): nothing is gained by trying at once.
const PAUSE: Duration = Duration::from_millis(50);

/// Binds an address for listening.
///
/// # Errors
/// When the address can't be had, e.g. because it is taken.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes connections until told to stop. A connection beyond the bound waits in the listen queue.
pub(crate) async fn accept(
    listener: TcpListener,
    entrance: Entrance,
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
) {
    let next = async || {
        let place = room.clone().acquire_owned().await.ok()?;
        Some((listener.accept().await, place))
    };
    loop {
        let Some((accepted, place)) = (tokio::select! {
            next = next() => next,
            () = entrance.stop.cancelled() => None,
        }) else {
            return;
        };
        match accepted {
            Ok((stream, peer)) => take(stream, peer, &entrance, &shared, place),
            Err(error) if is_of_one_connection(error.kind()) => {}
            Err(error) => {
                tracing::warn!(%error, "can't accept connections");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
    )
}

fn take(
    stream: TcpStream,
    peer: SocketAddr,
    entrance: &Entrance,
    shared: &Arc<Shared>,
    place: OwnedSemaphorePermit,
) {
    let (shared, entrance) = (shared.clone(), entrance.clone());
    let tasks = shared.tasks.clone();
    tasks.spawn(async move {
        let _place = place;
        let _open = Open::new(&shared);
        tokio::select! {
            () = connection::serve(stream, peer, entrance, shared.clone()) => {}
            () = shared.killed.cancelled() => {}
        }
    });
}

/// A connection in the gauge.
struct Open(prometheus_client::metrics::gauge::Gauge);

impl Open {
    fn new(shared: &Shared) -> Self {
        shared.metrics.connections.inc();
        Self(shared.metrics.connections.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
