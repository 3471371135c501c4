//! One scaler's connection, made again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Status, Streaming};

use super::outbox::Outbox;
use super::run::{News, Shared, What};
use crate::convert::{self, Malformed, read_from_scaler, write_from_proxy, write_member};
use crate::delta::Decoder;
use crate::wire::{
    FromProxy, FromScaler, Hello, MAX_MESSAGE, OLDEST_VERSION, SOFTWARE, VERSION, Welcome,
    from_proxy, from_scaler, link_client::LinkClient,
};
use rouse_api::link::{Capabilities, ToProxy};

/// Why a connection has ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("can't connect: {}", chain(.0))]
    Dial(#[from] tonic::transport::Error),
    #[error("no welcome within {} ms", .0.as_millis())]
    Slow(Duration),
    #[error("nothing heard for {} ms", .0.as_millis())]
    Silent(Duration),
    #[error("{}: {}", .0.code().description(), .0.message())]
    Refused(#[from] Status),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the scaler speaks link protocol {0}; this proxy {OLDEST_VERSION} to {VERSION}")]
    Version(u32),
    #[error("the scaler has closed it")]
    Closed,
}

/// The error with its causes: the last of them says what was wrong.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Keeps a connection until the proxy leaves; or, once the name no longer has the address, until the connection ends.
pub(super) async fn keep(
    shared: &Shared,
    address: SocketAddr,
    news: &mpsc::Sender<News>,
    gone: &CancellationToken,
) {
    let timing = &shared.config.timing;
    let mut pause = timing.backoff_first;
    loop {
        let ended = match open(shared, address, gone).await {
            Ok(Some(open)) => {
                pause = timing.backoff_first;
                shared.metrics.opened.inc();
                listen(shared, address, news, open).await
            }
            Ok(None) => return,
            Err(ended) => {
                shared.mux.lock().failed(address, ended.to_string());
                ended
            }
        };
        if shared.leaving.is_cancelled() {
            return;
        }
        shared.metrics.failed.inc();
        tracing::warn!(%address, error = %ended, "no link to a scaler");
        tokio::select! {
            () = shared.leaving.cancelled() => return,
            () = gone.cancelled() => return,
            () = sleep(jittered(pause)) => {}
        }
        pause = (pause * 2).min(timing.backoff_most);
    }
}

/// From half to the whole.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 - fastrand::f64() / 2.0)
}

struct Open {
    incoming: Streaming<FromScaler>,
    outbox: Arc<Outbox>,
    welcome: Welcome,
    /// Ends what goes out, without which the stream and its connection would stay.
    _end: DropGuard,
}

/// Dials and greets; `None` when that is no longer wanted.
async fn open(
    shared: &Shared,
    address: SocketAddr,
    gone: &CancellationToken,
) -> Result<Option<Open>, Ended> {
    let limit = shared.config.timing.connect;
    tokio::select! {
        () = shared.leaving.cancelled() => Ok(None),
        () = gone.cancelled() => Ok(None),
        open = timeout(limit, greet(shared, address)) => open.map_err(|_| Ended::Slow(limit))?.map(Some),
    }
}

async fn greet(shared: &Shared, address: SocketAddr) -> Result<Open, Ended> {
    let channel = shared.dialer.dial(address).await?;
    let outbox = Arc::new(Outbox::default());
    let mut client = LinkClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let end = CancellationToken::new();
    let outgoing = outgoing(shared, outbox.clone()).take_until(end.clone().cancelled_owned());
    let end = end.drop_guard();
    let mut incoming = client.connect(outgoing).await?.into_inner();
    let first = incoming.message().await?.ok_or(Ended::Closed)?;
    let Some(from_scaler::Message::Welcome(welcome)) = first.message else {
        let problem = "is missing; it must be the first message";
        return Err(Malformed::new("welcome", problem).into());
    };
    if !(OLDEST_VERSION..=VERSION).contains(&welcome.version) {
        return Err(Ended::Version(welcome.version));
    }
    Ok(Open {
        incoming,
        outbox,
        welcome,
        _end: end,
    })
}

/// What this scaler is told: who connects, and then what the outbox has. It ends after `Leaving`.
fn outgoing(
    shared: &Shared,
    outbox: Arc<Outbox>,
) -> impl Stream<Item = FromProxy> + Send + 'static {
    let hello = FromProxy {
        message: Some(from_proxy::Message::Hello(Hello {
            version: VERSION,
            oldest_version: OLDEST_VERSION,
            software: SOFTWARE.to_owned(),
            member: Some(write_member(&shared.config.member)),
            capabilities: convert::write_capabilities(Capabilities::ALL),
            term: shared.mux.lock().term(),
        })),
    };
    let sent = shared.metrics.sent.clone();
    let rest = stream::unfold((outbox, sent), |(outbox, sent)| async {
        let message = outbox.next().await?;
        sent.inc();
        Some((write_from_proxy(&message), (outbox, sent)))
    });
    stream::once(async { hello }).chain(rest)
}

/// Takes what this scaler says until the connection ends, and says so.
async fn listen(
    shared: &Shared,
    address: SocketAddr,
    news: &mpsc::Sender<News>,
    mut open: Open,
) -> Ended {
    let tell = |what| news.send(News { address, what });
    tracing::info!(%address, scaler = open.welcome.scaler, software = open.welcome.software, "linked to a scaler");
    let up = What::Up {
        name: open.welcome.scaler.chars().take(128).collect(),
        outbox: open.outbox.clone(),
    };
    // Fails only when the link has ended.
    let _ = tell(up).await;
    let mut decoder = Decoder::default();
    let ended = loop {
        match next(shared, &mut open.incoming, &mut decoder).await {
            Ok(Some(message)) => {
                if tell(What::Said(message)).await.is_err() {
                    break Ended::Closed;
                }
            }
            Ok(None) => {}
            Err(ended) => break ended,
        }
    };
    let _ = tell(What::Down(ended.to_string())).await;
    ended
}

/// One message; `None`: none that the proxy cares for.
async fn next(
    shared: &Shared,
    incoming: &mut Streaming<FromScaler>,
    decoder: &mut Decoder,
) -> Result<Option<ToProxy>, Ended> {
    let silence = shared.config.timing.silence;
    let message = timeout(silence, incoming.message())
        .await
        .map_err(|_| Ended::Silent(silence))??
        .ok_or(Ended::Closed)?;
    shared.metrics.received.inc();
    Ok(match read_from_scaler(message)? {
        convert::FromScaler::Say(message) => Some(message),
        convert::FromScaler::Routes(part) => decoder.decode(part)?.map(ToProxy::Routes),
        convert::FromScaler::Nothing => None,
    })
}
