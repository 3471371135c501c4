//! One proxy's stream.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use rouse_api::link::{Capabilities, MemberId, RoutedWorkload, Routes, Term, ToProxy, ToScaler};
use rouse_api::workload::Tls;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status, Streaming};

use super::metrics::Metrics;
use super::{ServerConfig, Sessions};
use crate::convert::{
    Malformed, read_capabilities, read_from_proxy, read_member, write_from_scaler,
};
use crate::delta::Encoder;
use crate::wire::{
    self, FromProxy, FromScaler, Heartbeat, Hello, Welcome, from_proxy, from_scaler,
    link_server::Link,
};

pub(super) struct Service<S> {
    config: ServerConfig,
    sessions: S,
    metrics: Metrics,
    stop: CancellationToken,
    /// The highest term that proxies know of.
    terms: watch::Sender<Term>,
}

impl<S> Service<S> {
    pub(super) fn new(
        config: ServerConfig,
        sessions: S,
        metrics: Metrics,
        stop: CancellationToken,
        terms: watch::Sender<Term>,
    ) -> Self {
        Self {
            config,
            sessions,
            metrics,
            stop,
            terms,
        }
    }

    /// Who connects, what it can do, and the version to speak.
    async fn greet(
        &self,
        stream: &mut Streaming<FromProxy>,
    ) -> Result<(MemberId, Capabilities, u32), Status> {
        let first = timeout(self.config.handshake_timeout, stream.message())
            .await
            .map_err(|_| Status::deadline_exceeded("no hello in time"))??;
        let Some(from_proxy::Message::Hello(hello)) = first.and_then(|first| first.message) else {
            let error = Malformed::new("hello", "is missing; it must be the first message");
            return Err(error.into());
        };
        let version = hello.common_version().map_err(|error| {
            tracing::warn!(%error, "refused a proxy");
            Status::failed_precondition(error.to_string())
        })?;
        let term = hello.term.unwrap_or(0);
        let capabilities = read_capabilities(&hello.capabilities);
        let member = member(hello)?;
        self.terms.send_if_modified(|known| {
            let news = term > *known;
            *known = term.max(*known);
            news
        });
        Ok((member, capabilities, version))
    }
}

fn member(hello: Hello) -> Result<MemberId, Malformed> {
    let member = hello
        .member
        .ok_or_else(|| Malformed::new("hello.member", "is missing"))?;
    read_member("hello.member.host", member)
}

#[tonic::async_trait]
impl<S: Sessions> Link for Service<S> {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<FromScaler, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<FromProxy>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let mut incoming = request.into_inner();
        let (member, capabilities, version) =
            self.greet(&mut incoming).await.inspect_err(|_| {
                self.metrics.refused.inc();
            })?;
        if self.stop.is_cancelled() {
            return Err(Status::unavailable("the scaler is stopping"));
        }
        let opening = self.sessions.open(member.clone(), capabilities);
        let Some((to_scaler, from_scaler)) = timeout(self.config.handshake_timeout, opening)
            .await
            .map_err(|_| Status::unavailable("the scaler opens no session in time"))?
        else {
            return Err(Status::unavailable("the scaler is stopping"));
        };
        tracing::info!(host = %member.host, instance = member.instance, version, "a proxy is connected");
        let gone = CancellationToken::new();
        let (ended, end) = oneshot::channel();
        let read = read(incoming, to_scaler, self.metrics.clone());
        let (stop, left) = (self.stop.clone(), gone.clone());
        tokio::spawn(async move {
            let status = tokio::select! {
                status = read => status,
                () = left.cancelled() => None,
                () = stop.cancelled() => None,
            };
            // Nobody waits for it when the stream has been dropped.
            let _ = ended.send(status);
        });
        let welcome = Welcome {
            version,
            software: wire::SOFTWARE.to_owned(),
            scaler: self.config.name.clone(),
            capabilities: Vec::new(),
        };
        let outgoing = Outgoing {
            pending: VecDeque::from([message(from_scaler::Message::Welcome(welcome))]),
            encoder: Encoder::default(),
            tls: capabilities.tls,
            from_scaler,
            end,
            ended: false,
            heartbeat: self.config.heartbeat,
            open: Open::new(member, self.metrics.clone(), gone),
        };
        let stream = stream::unfold(outgoing, |mut outgoing| async {
            let item = outgoing.next().await?;
            Some((item, outgoing))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

/// What the proxy says, until it ends; with a status when that is to be told.
async fn read(
    mut incoming: Streaming<FromProxy>,
    to_scaler: mpsc::Sender<ToScaler>,
    metrics: Metrics,
) -> Option<Status> {
    loop {
        // Broken or ended: either way there is nobody to tell.
        let message = incoming.message().await.ok()??;
        metrics.received.inc();
        match read_from_proxy(message) {
            Ok(Some(message)) => to_scaler.send(message).await.ok()?,
            Ok(None) => {}
            Err(error) => {
                metrics.malformed.inc();
                tracing::warn!(%error, "ending a proxy's session");
                return Some(error.into());
            }
        }
    }
}

/// What the proxy is told.
struct Outgoing {
    pending: VecDeque<FromScaler>,
    encoder: Encoder,
    /// The proxy can speak TLS to replicas.
    tls: bool,
    from_scaler: mpsc::Receiver<ToProxy>,
    end: oneshot::Receiver<Option<Status>>,
    ended: bool,
    heartbeat: Duration,
    open: Open,
}

impl Outgoing {
    async fn next(&mut self) -> Option<Result<FromScaler, Status>> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(message) = self.pending.pop_front() {
                self.open.metrics.sent.inc();
                return Some(Ok(message));
            }
            tokio::select! {
                biased;
                status = &mut self.end => {
                    self.ended = true;
                    return status.ok().flatten().map(Err);
                }
                said = timeout(self.heartbeat, self.from_scaler.recv()) => match said {
                    Ok(Some(said)) => self.take(said),
                    // The scaler has closed the session.
                    Ok(None) => return None,
                    Err(_) => self.pending.push_back(message(from_scaler::Message::Heartbeat(Heartbeat {}))),
                },
            }
        }
    }

    fn take(&mut self, said: ToProxy) {
        if let ToProxy::Routes(routes) = said {
            let routes = if self.tls {
                routes
            } else {
                without_tls(routes)
            };
            let parts = self.encoder.encode(routes).into_iter();
            self.pending
                .extend(parts.map(|part| message(from_scaler::Message::Routes(part))));
        } else {
            self.pending.extend(write_from_scaler(&said));
        }
    }
}

/// For a proxy that would dial in plain text what wants TLS.
fn without_tls(routes: Arc<Routes>) -> Arc<Routes> {
    let plain = |one: &&RoutedWorkload| one.http.tls == Tls::None;
    if routes.workloads.iter().all(|one| plain(&one)) {
        return routes;
    }
    Arc::new(Routes {
        version: routes.version,
        workloads: routes.workloads.iter().filter(plain).cloned().collect(),
    })
}

fn message(message: from_scaler::Message) -> FromScaler {
    FromScaler {
        message: Some(message),
    }
}

/// Counts a session while it lasts, and tells its reader when it ends.
struct Open {
    member: MemberId,
    metrics: Metrics,
    _gone: DropGuard,
}

impl Open {
    fn new(member: MemberId, metrics: Metrics, gone: CancellationToken) -> Self {
        metrics.opened.inc();
        metrics.sessions.inc();
        Self {
            member,
            metrics,
            _gone: gone.drop_guard(),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.sessions.dec();
        tracing::info!(host = %self.member.host, instance = self.member.instance, "a proxy's connection has ended");
    }
}
