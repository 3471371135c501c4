//! Listens, and serves connections until told to stop.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::execution::{Counts, Stats};
use crate::ledger::{Event, Writer};
use crate::options::Options;
use crate::{service, tls};

/// After an accept that failed, such as for want of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The sample service, listening.
pub struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    address: SocketAddr,
    state: Arc<State>,
    /// Ends when no connection or WebSocket holds the state any more.
    all_gone: mpsc::Receiver<Infallible>,
}

/// What the requests of a process share.
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) counts: Arc<Counts>,
    ready_at: Instant,
    stopping: watch::Sender<bool>,
    _alive: mpsc::Sender<Infallible>,
    _memory: Vec<u8>,
}

impl State {
    pub(crate) fn is_ready(&self) -> bool {
        Instant::now() >= self.ready_at && !*self.stopping.borrow()
    }

    pub(crate) async fn stopping(&self) {
        // An error can't be: the sender is in `self`.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    /// Whether this request, by its number from 1, is one of those told to fail.
    pub(crate) fn fails(&self, number: u64) -> bool {
        let Some(number) = number.checked_sub(self.options.fail_first + 1) else {
            return true;
        };
        let due = |n: u64| (n as f64 * self.options.fail_rate).floor();
        due(number + 1) > due(number)
    }
}

impl Server {
    /// Listens. The start delay, `fail_start` and signals are [`run`](crate::run)'s affair.
    ///
    /// # Errors
    /// The address is taken, the ledger can't be opened, or the files for TLS can't be used.
    pub async fn bind(options: Options) -> io::Result<Self> {
        let ledger = Arc::new(Writer::open(options.ledger.as_deref())?);
        Self::bind_with(options, ledger).await
    }

    pub(crate) async fn bind_with(options: Options, ledger: Arc<Writer>) -> io::Result<Self> {
        let tls = options.tls.acceptor()?;
        let memory = crate::burn::memory(options.memory);
        let listener = TcpListener::bind((options.host, options.port())).await?;
        let address = listener.local_addr()?;
        ledger.write(Event::Listening {
            port: address.port(),
        });
        let (alive, all_gone) = mpsc::channel(1);
        let state = Arc::new(State {
            ready_at: Instant::now() + options.ready_after,
            counts: Arc::new(Counts::new(ledger)),
            options,
            stopping: watch::Sender::new(false),
            _alive: alive,
            _memory: memory,
        });
        Ok(Self {
            listener,
            tls,
            address,
            state,
            all_gone,
        })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What `/stats` would answer, at any time from now on.
    pub fn stats(&self) -> impl Fn() -> Stats + Send + Sync + 'static {
        let counts = Arc::clone(&self.state.counts);
        move || counts.stats()
    }

    /// Serves until `stop` is done; then takes no more connections, closes WebSockets with 1001, and returns when what
    /// is in flight is finished or after the options' drain timeout.
    pub async fn serve(mut self, stop: impl Future<Output = ()>) {
        let builder = self.builder();
        let mut stop = std::pin::pin!(stop);
        let mut ready = std::pin::pin!(tokio::time::sleep_until(self.state.ready_at));
        let mut said_ready = false;
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = &mut ready, if !said_ready => {
                    said_ready = true;
                    self.state.counts.ledger.write(Event::Ready);
                }
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        tokio::spawn(begin(self.tls.clone(), builder.clone(), Arc::clone(&self.state), stream));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop(self.listener);
        self.state.stopping.send_replace(true);
        let drain = self.state.options.drain_timeout;
        drop(self.state);
        // Past the timeout what is left goes with the runtime.
        let _ = tokio::time::timeout(drain, self.all_gone.recv()).await;
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http2()
            .max_concurrent_streams(self.state.options.max_streams);
        builder
    }
}

async fn begin(
    tls: Option<TlsAcceptor>,
    builder: auto::Builder<TokioExecutor>,
    state: Arc<State>,
    stream: TcpStream,
) {
    // Without it answers wait for acknowledgements; that it fails means that the peer has gone.
    let _ = stream.set_nodelay(true);
    match tls {
        None => connection(builder, state, stream).await,
        Some(acceptor) => {
            if let Some(stream) = tls::handshake(&acceptor, stream).await {
                connection(builder, state, stream).await;
            }
        }
    }
}

async fn connection(
    builder: auto::Builder<TokioExecutor>,
    state: Arc<State>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let closed = Arc::new(Notify::new());
    let service =
        service_fn(|request| service::handle(Arc::clone(&state), Arc::clone(&closed), request));
    let mut serve =
        std::pin::pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let mut stopping = false;
    loop {
        tokio::select! {
            // Its error says how the peer misbehaved: nobody to tell.
            _ = serve.as_mut() => return,
            () = closed.notified() => return,
            () = state.stopping(), if !stopping => {
                stopping = true;
                serve.as_mut().graceful_shutdown();
            }
        }
    }
}
