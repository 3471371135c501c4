//! The scaler's side: each connection becomes a session of the scaler.

mod accept;
mod metrics;
mod session;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rouse_api::link::{Capabilities, MemberId, Term, ToProxy, ToScaler};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::tls::{self, TlsConfig, TlsError};
use crate::wire::MAX_MESSAGE;
use crate::wire::link_server::LinkServer;
use metrics::Metrics;
use session::Service;

/// A session's ends: dropped, the session is closed. That is not the proxy's death.
pub type SessionEnds = (mpsc::Sender<ToScaler>, mpsc::Receiver<ToProxy>);

/// Who the sessions are opened with.
pub trait Sessions: Send + Sync + 'static {
    /// Opens a session of this proxy, which can do so much; `None`: the scaler is stopping.
    fn open(
        &self,
        member: MemberId,
        capabilities: Capabilities,
    ) -> impl Future<Output = Option<SessionEnds>> + Send;
}

/// How a scaler serves the link.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How connections are protected.
    pub tls: TlsConfig,
    /// This scaler's name, for people.
    pub name: String,
    /// Without anything else to say a sign of life goes out this often.
    pub heartbeat: Duration,
    /// Between HTTP/2 pings.
    pub keepalive_interval: Duration,
    /// For the answer to one.
    pub keepalive_timeout: Duration,
    /// For a handshake, and for the first message.
    pub handshake_timeout: Duration,
    /// Connections at once.
    pub connections: usize,
    /// For connections to end at a stop.
    pub stop_timeout: Duration,
}

impl ServerConfig {
    /// The defaults.
    #[must_use]
    pub fn new(listen: SocketAddr, tls: TlsConfig) -> Self {
        Self {
            listen,
            tls,
            name: String::new(),
            heartbeat: Duration::from_secs(1),
            keepalive_interval: Duration::from_secs(2),
            keepalive_timeout: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(5),
            connections: 4096,
            stop_timeout: Duration::from_secs(2),
        }
    }
}

/// Why the link can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {address} for the link: {source}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Keys can't be used.
    #[error("the link's TLS: {0}")]
    Tls(#[from] TlsError),
}

/// A link being served. Dropped, it stops at once.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    stop_timeout: Duration,
    task: JoinHandle<()>,
    terms: watch::Receiver<Term>,
}

/// Listens, and opens a session for every proxy that connects. Metrics named `rouse_link_server_*` are added to `registry`.
///
/// # Errors
/// When the address can't be listened on or the keys can't be used; nothing is left running then.
pub async fn serve<S: Sessions>(
    config: ServerConfig,
    sessions: S,
    registry: &mut Registry,
) -> Result<Server, ServeError> {
    let bind = |source| ServeError::Bind {
        address: config.listen,
        source,
    };
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let tls = tls::server(&config.tls, stop.clone(), registry).await?;
    let metrics = Metrics::register(registry);
    let (stop_timeout, interval, timeout) = (
        config.stop_timeout,
        config.keepalive_interval,
        config.keepalive_timeout,
    );
    let incoming = accept::listen(accept::Accept {
        listener,
        tls,
        timeout: config.handshake_timeout,
        room: Arc::new(Semaphore::new(
            config.connections.min(Semaphore::MAX_PERMITS),
        )),
        stop: stop.clone(),
        metrics: metrics.clone(),
    });
    let (heard, terms) = watch::channel(0);
    let service = LinkServer::new(Service::new(config, sessions, metrics, stop.clone(), heard))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let serving = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(interval))
        .http2_keepalive_timeout(Some(timeout))
        // One proxy needs one.
        .max_concurrent_streams(4)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    let task = tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the link's server has ended");
        }
    });
    guard.disarm();
    Ok(Server {
        address,
        stop,
        stop_timeout,
        task,
        terms,
    })
}

impl Server {
    /// Where it listens, with the port that was really bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The highest term that a proxy knew of when it connected; 0: none did. A Lease that was deleted forgets it, proxies don't.
    #[must_use]
    pub fn terms(&self) -> watch::Receiver<Term> {
        self.terms.clone()
    }

    /// Takes no more connections and ends every session, within the configured time.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(self.stop_timeout, &mut self.task)
            .await
            .is_err()
        {
            tracing::warn!("cutting link connections that have not ended in time");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}
