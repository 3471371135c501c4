//! Connections to one endpoint, kept for the next request. Bounded by the endpoint's permits: no request opens one without.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;
use rouse_api::workload::Protocol;
use tokio::time::Instant;

use super::connect::PeerStreams;
use super::{ConnectError, Connector, Dial, Endpoint};
use crate::forward::RequestBody;

pub(super) type H2Sender = http2::SendRequest<RequestBody>;

/// For an HTTP/1.1 connection whose answer has ended to say that it takes another request.
const SETTLE: Duration = Duration::from_secs(1);

/// An HTTP/1.1 connection: for one request at a time.
pub(super) struct H1Connection {
    pub(super) sender: http1::SendRequest<RequestBody>,
    pub(super) socket: Option<Arc<OwnedFd>>,
    /// It was opened by the Service's address and may lead to another replica.
    pub(super) by_service: bool,
}

#[derive(Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    /// One HTTP/2 connection is opened at a time: those behind find its free streams.
    opening: tokio::sync::Mutex<()>,
    /// Connections that could not be opened: those behind need not find out for themselves.
    failures: AtomicU32,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// Last in, first out: what is surplus grows old and is swept.
    idle: Vec<(H1Connection, Instant)>,
    shared: Vec<SharedConnection>,
}

struct SharedConnection {
    sender: H2Sender,
    peer: PeerStreams,
    streams: Arc<AtomicU32>,
    used: Instant,
    /// As of an HTTP/1.1 connection.
    by_service: bool,
}

impl SharedConnection {
    fn has_room(&self, most: u32) -> bool {
        self.streams.load(Ordering::Relaxed) < most.min(self.peer.most())
    }
}

/// A connection for one request.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Connection,
    endpoint: Arc<Endpoint>,
    /// The connection served others before: it may have been closed meanwhile.
    pub(crate) reused: bool,
}

enum Connection {
    H1(H1Connection),
    H2(
        H2Sender,
        #[allow(dead_code, reason = "a guard")] StreamGuard,
    ),
    /// It has become a tunnel.
    Detached,
}

/// One stream counted on its connection.
struct StreamGuard(Arc<AtomicU32>);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// No byte of the request was handed to the socket; here it is back.
    Unsent(Box<Request<RequestBody>>),
    /// The endpoint said that it did not process it (REFUSED_STREAM, or a stream above GOAWAY's last id).
    Refused(hyper::Error),
    /// Anything may have happened to it.
    Lost(hyper::Error),
}

impl Pool {
    /// A connection, kept or new.
    pub(crate) async fn lease(
        endpoint: &Arc<Endpoint>,
        protocol: Protocol,
        connector: Connector<'_>,
        streams: u32,
    ) -> Result<Lease, ConnectError> {
        let lease = |connection, reused| Lease {
            connection,
            endpoint: endpoint.clone(),
            reused,
        };
        let by_service = connector.by_service();
        match protocol {
            Protocol::Http1 | Protocol::Auto => match endpoint.pool.take(by_service)? {
                Some(kept) => Ok(lease(Connection::H1(kept), true)),
                None => {
                    let new = connector.http1(endpoint).await?;
                    Ok(lease(Connection::H1(new), false))
                }
            },
            Protocol::H2c => {
                // More on one connection than is wished is better than none.
                let most = if connector.dial == Dial::Kept {
                    u32::MAX
                } else {
                    streams
                };
                if let Some(connection) = endpoint.pool.share(most, by_service)? {
                    return Ok(lease(connection, true));
                }
                let failures = endpoint.pool.failures.load(Ordering::Relaxed);
                let _one_at_a_time = endpoint.pool.opening.lock().await;
                if let Some(connection) = endpoint.pool.share(most, by_service)? {
                    return Ok(lease(connection, true));
                }
                if endpoint.pool.failures.load(Ordering::Relaxed) != failures {
                    return Err(ConnectError::Failed);
                }
                if connector.dial == Dial::Kept {
                    return Err(ConnectError::NoneKept);
                }
                let opened = connector.http2(endpoint, streams).await;
                let (sender, peer) = opened.inspect_err(|_| {
                    endpoint.pool.failures.fetch_add(1, Ordering::Relaxed);
                })?;
                Ok(lease(
                    endpoint.pool.keep_shared(sender, peer, by_service),
                    false,
                ))
            }
        }
    }

    /// Whether a connection to the replica itself stands that takes another request.
    pub(crate) fn has_kept(&self) -> bool {
        let state = self.state.lock();
        let ready = |idle: &H1Connection| !idle.by_service && idle.sender.is_ready();
        let free = |shared: &SharedConnection| {
            !shared.by_service && !shared.sender.is_closed() && shared.has_room(u32::MAX)
        };
        !state.closed
            && (state.idle.iter().any(|(idle, _)| ready(idle)) || state.shared.iter().any(free))
    }

    fn take(&self, by_service: bool) -> Result<Option<H1Connection>, ConnectError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(ConnectError::Gone);
        }
        while let Some((connection, _)) = state.idle.pop() {
            if connection.sender.is_ready() && (by_service || !connection.by_service) {
                return Ok(Some(connection));
            }
        }
        Ok(None)
    }

    fn put(&self, connection: H1Connection) {
        let mut state = self.state.lock();
        if !state.closed {
            state.idle.push((connection, Instant::now()));
        }
    }

    fn share(&self, most: u32, by_service: bool) -> Result<Option<Connection>, ConnectError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(ConnectError::Gone);
        }
        state
            .shared
            .retain(|shared| !shared.sender.is_closed() && (by_service || !shared.by_service));
        for shared in &mut state.shared {
            if shared.has_room(most) {
                shared.streams.fetch_add(1, Ordering::Relaxed);
                shared.used = Instant::now();
                return Ok(Some(Connection::H2(
                    shared.sender.clone(),
                    StreamGuard(shared.streams.clone()),
                )));
            }
        }
        Ok(None)
    }

    fn keep_shared(&self, sender: H2Sender, peer: PeerStreams, by_service: bool) -> Connection {
        let streams = Arc::new(AtomicU32::new(1));
        let mut state = self.state.lock();
        if !state.closed {
            state.shared.push(SharedConnection {
                sender: sender.clone(),
                peer,
                streams: streams.clone(),
                used: Instant::now(),
                by_service,
            });
        }
        Connection::H2(sender, StreamGuard(streams))
    }

    /// Closes what is idle and keeps nothing more.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.idle.clear();
        state.shared.clear();
    }

    /// Closes what has been idle for too long, and what leads to the Service while that is not wanted.
    pub(crate) fn sweep(&self, idle: Duration, by_service: bool, now: Instant) {
        let young = |since: Instant| now.saturating_duration_since(since) < idle;
        let mut state = self.state.lock();
        state.idle.retain(|(connection, since)| {
            let wanted = by_service || !connection.by_service;
            wanted && young(*since) && !connection.sender.is_closed()
        });
        state.shared.retain(|shared| {
            let wanted = by_service || !shared.by_service;
            shared.streams.load(Ordering::Relaxed) > 0 || (wanted && young(shared.used))
        });
    }
}

impl Lease {
    /// Sends the request and waits for the answer's head.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, SendError> {
        let outcome = match &mut self.connection {
            Connection::H1(connection) => connection.sender.try_send_request(request).await,
            Connection::H2(sender, _) => sender.try_send_request(request).await,
            Connection::Detached => return Err(SendError::Unsent(Box::new(request))),
        };
        outcome.map_err(|mut failed| match failed.take_message() {
            Some(request) => {
                let error = failed.into_error();
                tracing::debug!(%error, endpoint = %self.endpoint.address, "not sent");
                SendError::Unsent(Box::new(request))
            }
            None => {
                let error = failed.into_error();
                if refused(&error) {
                    SendError::Refused(error)
                } else {
                    SendError::Lost(error)
                }
            }
        })
    }

    /// A second handle on the connection, where one is kept.
    pub(crate) fn socket(&self) -> Option<Arc<OwnedFd>> {
        match &self.connection {
            Connection::H1(connection) => connection.socket.clone(),
            _ => None,
        }
    }

    /// The connection has become a tunnel and is nobody else's.
    pub(crate) fn detach(&mut self) {
        self.connection = Connection::Detached;
    }

    /// The answer's body has been read to its end: the connection can serve another request.
    pub(crate) fn complete(self) {
        let Connection::H1(mut connection) = self.connection else {
            return;
        };
        if connection.sender.is_ready() {
            self.endpoint.pool.put(connection);
            return;
        }
        if connection.sender.is_closed() {
            return;
        }
        let endpoint = self.endpoint;
        tokio::spawn(async move {
            if let Ok(Ok(())) = tokio::time::timeout(SETTLE, connection.sender.ready()).await {
                endpoint.pool.put(connection);
            }
        });
    }
}

/// Whether the peer said that it has not processed the request.
fn refused(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(h2) = inner.downcast_ref::<h2::Error>() {
            // A GOAWAY ends only streams above its last id with this error; the others go on.
            return h2.reason() == Some(h2::Reason::REFUSED_STREAM)
                || (h2.is_go_away() && h2.is_remote());
        }
        source = inner.source();
    }
    false
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Pool")
            .field("idle", &state.idle.len())
            .field("shared", &state.shared.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H1(_) => "H1",
            Self::H2(..) => "H2",
            Self::Detached => "Detached",
        })
    }
}
