//! One client connection: what it speaks, its requests, its limits, its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::detect::{Detected, detect};
use super::framing::Framing;
use super::io::ClientIo;
use super::proxy_protocol::{self, Announced};
use super::{Door, Entrance};
use crate::client::{Choice, Client, Phase};
use crate::config::Limits;
use crate::forward::{AnswerBody, Forwarding};
use crate::request;
use crate::shared::Shared;

/// Of a held HTTP/2 request's body as much is read ahead as of an HTTP/1.1 one's.
const STREAM_WINDOW: u32 = 64 << 10;
/// Bytes of answers that wait for one HTTP/2 client.
const SEND_BUFFER: usize = 256 << 10;
/// A dead HTTP/2 client is noticed after the sum of the two.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_ANSWER: Duration = Duration::from_secs(10);
/// hyper wants no less for its buffer.
const SMALLEST_BUFFER: usize = 8 << 10;

/// Serves a connection to its end.
pub(super) async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    entrance: Entrance,
    shared: Arc<Shared>,
) {
    let Entrance { door, draining, .. } = entrance;
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let limits = &shared.config.limits;
    if door == Door::Announced && !shared.config.proxy_protocol.believes(peer.ip()) {
        tracing::debug!(%peer, "closed: not a peer that may send the PROXY protocol");
        return;
    }
    let opening = async {
        let announced = match door {
            Door::Announced => proxy_protocol::read(&mut stream).await?,
            Door::Routed | Door::ByHeader | Door::Front(_) => Announced::default(),
        };
        let detected = detect(&mut stream).await?;
        std::io::Result::Ok((announced, detected))
    };
    let opened = tokio::select! {
        opened = tokio::time::timeout(limits.header_read, opening) => opened,
        () = draining.cancelled() => return,
    };
    let (announced, (detected, first)) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "closed before its first request");
            return;
        }
        Err(_) => return,
    };
    let peer = announced.source.unwrap_or(peer);
    let trusted = shared.config.trusts(peer.ip());
    let client = Arc::new(Client::new(
        peer,
        Forwarding::new(peer, trusted, announced.tls),
        match door {
            Door::Routed | Door::Announced => Choice::Untouched,
            Door::ByHeader if shared.config.by_header.believes(peer.ip()) => Choice::Believed,
            Door::ByHeader => Choice::Ignored,
            Door::Front(workload) => Choice::Made(workload),
        },
    ));
    let outcome = match detected {
        Detected::Nothing => return,
        Detected::Http1 => {
            let io = ClientIo::new(stream, first, Some(Framing::new()), client.clone());
            serve_http1(io, &client, &draining, &shared).await
        }
        Detected::Http2 => {
            client.set_http2();
            let io = ClientIo::new(stream, first, None, client.clone());
            serve_http2(io, &client, &draining, &shared).await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "client connection ended");
    }
}

async fn serve_http1(
    io: ClientIo,
    client: &Arc<Client>,
    draining: &CancellationToken,
    shared: &Arc<Shared>,
) -> hyper::Result<()> {
    let limits = &shared.config.limits;
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(SMALLEST_BUFFER) * 2);
    if limits.headers != Limits::default().headers {
        // Only then: any number set here costs an allocation per request.
        builder.max_headers(limits.headers);
    }
    let service = service_fn(|request| handle(shared, client, request));
    let connection = builder
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    drive(pin!(connection), client, draining, shared, |connection| {
        connection.graceful_shutdown();
    })
    .await
}

async fn serve_http2(
    io: ClientIo,
    client: &Arc<Client>,
    draining: &CancellationToken,
    shared: &Arc<Shared>,
) -> hyper::Result<()> {
    let limits = &shared.config.limits;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        // A stream that isn't read must not stop the others.
        .initial_connection_window_size(
            STREAM_WINDOW
                .saturating_mul(limits.h2_streams.max(1))
                .min(i32::MAX as u32),
        )
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(limits.h2_pending_resets)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER);
    let (owned_shared, owned_client) = (shared.clone(), client.clone());
    let service = service_fn(move |request| {
        let (shared, client) = (owned_shared.clone(), owned_client.clone());
        async move { handle(&shared, &client, request).await }
    });
    let connection = builder.serve_connection(TokioIo::new(io), service);
    drive(pin!(connection), client, draining, shared, |connection| {
        connection.graceful_shutdown();
    })
    .await
}

async fn handle(
    shared: &Arc<Shared>,
    client: &Arc<Client>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    Ok(request::serve(shared, client, request).await)
}

/// Runs a connection under its limits. One timer watches over all of them: it looks at what the connection does, so that no
/// request sets or clears a timer.
async fn drive<C>(
    mut connection: Pin<&mut C>,
    client: &Client,
    draining: &CancellationToken,
    shared: &Shared,
    shut_down: fn(Pin<&mut C>),
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let limits = &shared.config.limits;
    let mut watch = pin!(tokio::time::sleep(limits.header_read));
    let mut ending: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => return outcome,
            () = draining.cancelled(), if ending.is_none() => {
                ending = Some(Instant::now());
                shut_down(connection.as_mut());
            }
            () = watch.as_mut() => {
                let (phase, since) = client.phase();
                let now = Instant::now();
                let deadline = match phase {
                    Phase::Head => since + limits.header_read,
                    Phase::Idle => match ending {
                        // What has been answered may still be on its way out.
                        Some(at) => at.max(since) + limits.header_read,
                        None => since + limits.keep_alive,
                    },
                    Phase::Serving => now + limits.header_read,
                };
                if deadline <= now {
                    if phase == Phase::Head || ending.is_some() {
                        return Ok(());
                    }
                    ending = Some(now);
                    shut_down(connection.as_mut());
                }
                // Looked at again before a head that begins meanwhile could be late.
                watch.as_mut().reset(deadline.min(now + limits.header_read).max(now + Duration::from_millis(10)));
            }
        }
    }
}
