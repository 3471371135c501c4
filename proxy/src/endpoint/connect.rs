//! New connections to an endpoint.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use rouse_api::workload::Protocol;
use tokio::net::TcpStream;

use super::pool::{H1Connection, H2Sender};
use super::{Dial, Endpoint, UpstreamIo};
use crate::forward::RequestBody;
use crate::tls::{TlsError, WorkloadTls};

/// Windows for answers: large enough for a fast stream, bounded per connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// A dead HTTP/2 peer is noticed after the sum of the two.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_ANSWER: Duration = Duration::from_secs(10);

/// No connection: the endpoint has received nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("handshake: {0}")]
    Handshake(#[from] hyper::Error),
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    #[error("the endpoint has gone")]
    Gone,
    #[error("another connection to it has just failed")]
    Failed,
    #[error("no connection is left, and none may be opened while no scaler is connected")]
    NoneKept,
}

type H2Connection = http2::Connection<TokioIo<UpstreamIo>, RequestBody, TokioExecutor>;

/// What an HTTP/2 peer allows on a connection. Its driver owns the connection.
#[derive(Debug)]
pub(super) struct PeerStreams(Weak<Mutex<H2Connection>>);

impl PeerStreams {
    /// Streams at once: as its SETTINGS say, once they have come. Zero: the connection has ended.
    pub(super) fn most(&self) -> u32 {
        self.0.upgrade().map_or(0, |connection| {
            let most = connection.lock().current_max_send_streams().max(1);
            u32::try_from(most).unwrap_or(u32::MAX)
        })
    }
}

/// Opens connections with a deadline; each is driven by a task of its own that ends with the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connector<'a> {
    pub(crate) dial: Dial,
    /// Absent: in plain text.
    pub(crate) tls: Option<&'a WorkloadTls>,
    pub(crate) timeout: Duration,
    /// A second handle is kept on HTTP/1.1 connections, see [`super::Engaged`].
    pub(crate) second_handle: bool,
}

impl Connector<'_> {
    /// The address of a new connection to an endpoint.
    fn address(self, endpoint: SocketAddr) -> Result<SocketAddr, ConnectError> {
        match self.dial {
            Dial::Own => Ok(endpoint),
            Dial::Service(service) => Ok(service),
            Dial::Kept => Err(ConnectError::NoneKept),
        }
    }

    /// Whether a new connection may lead to another replica.
    pub(super) fn by_service(self) -> bool {
        matches!(self.dial, Dial::Service(_))
    }

    /// `timeout` is for the TCP connection, and for the handshake after it once more.
    async fn open(
        self,
        endpoint: &Endpoint,
        protocol: Protocol,
    ) -> Result<TokioIo<UpstreamIo>, ConnectError> {
        let address = self.address(endpoint.address)?;
        let late = |_| ConnectError::Timeout(self.timeout);
        let stream = tokio::time::timeout(self.timeout, TcpStream::connect(address))
            .await
            .map_err(late)??;
        stream.set_nodelay(true)?;
        let Some(tls) = self.tls else {
            return Ok(TokioIo::new(UpstreamIo::Plain(stream)));
        };
        // Boxed: most connections have none.
        let handshake = Box::pin(tls.connect(stream, endpoint.peer(), protocol));
        let stream = tokio::time::timeout(self.timeout, handshake)
            .await
            .map_err(late)??;
        Ok(TokioIo::new(UpstreamIo::Tls(Box::new(stream))))
    }

    pub(super) async fn http1(self, endpoint: &Endpoint) -> Result<H1Connection, ConnectError> {
        let address = endpoint.address;
        let stream = self.open(endpoint, Protocol::Http1).await?;
        let socket = if self.second_handle {
            Some(Arc::new(stream.inner().handle()?))
        } else {
            None
        };
        let (sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%address, %error, "upstream connection ended");
            }
        });
        Ok(H1Connection {
            sender,
            socket,
            by_service: self.by_service(),
        })
    }

    pub(super) async fn http2(
        self,
        endpoint: &Endpoint,
        streams: u32,
    ) -> Result<(H2Sender, PeerStreams), ConnectError> {
        let address = endpoint.address;
        let stream = self.open(endpoint, Protocol::H2c).await?;
        let handshake = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(streams as usize)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER)
            .handshake(stream);
        let (sender, connection) = tokio::time::timeout(self.timeout, handshake)
            .await
            .map_err(|_| ConnectError::Timeout(self.timeout))??;
        let connection = Arc::new(Mutex::new(connection));
        let peer = PeerStreams(Arc::downgrade(&connection));
        tokio::spawn(async move {
            if let Err(error) = poll_fn(|cx| Pin::new(&mut *connection.lock()).poll(cx)).await {
                tracing::debug!(%address, %error, "upstream connection ended");
            }
        });
        Ok((sender, peer))
    }
}
