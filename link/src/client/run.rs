//! The tasks around the mux. None waits with it locked, and what the proxy says never waits for what it is told, or the two would
//! wait for each other.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use rouse_api::link::{ToProxy, ToScaler};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ClientConfig;
use super::dial::Dialer;
use super::metrics::Metrics;
use super::mux::Mux;
use super::outbox::Outbox;

pub(super) struct Shared {
    pub(super) config: ClientConfig,
    pub(super) dialer: Dialer,
    pub(super) metrics: Metrics,
    pub(super) mux: Mutex<Mux>,
    /// The proxy leaves: nothing is dialled any more.
    pub(super) leaving: CancellationToken,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn leave(&self) {
        self.leaving.cancel();
        self.mux.lock().said(ToScaler::Leaving, Instant::now());
    }
}

/// What happens on connections.
pub(super) struct News {
    pub(super) address: SocketAddr,
    pub(super) what: What,
}

pub(super) enum What {
    Up { name: String, outbox: Arc<Outbox> },
    Said(ToProxy),
    Down(String),
}

/// A task of the link.
pub(super) struct Task;

impl Task {
    pub(super) fn boxed(
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(task)
    }
}

/// Hands on what the proxy says.
pub(super) async fn said(shared: Arc<Shared>, mut from_proxy: mpsc::Receiver<ToScaler>) {
    while let Some(message) = from_proxy.recv().await {
        if message == ToScaler::Leaving {
            shared.leave();
        } else {
            shared.mux.lock().said(message, Instant::now());
        }
    }
}

/// Hands on what the scalers say.
pub(super) async fn heard(
    shared: Arc<Shared>,
    mut news: mpsc::Receiver<News>,
    to_proxy: mpsc::Sender<ToProxy>,
) {
    loop {
        let deadline = shared.mux.lock().deadline();
        let say = tokio::select! {
            news = news.recv() => match news {
                Some(news) => hear(&mut shared.mux.lock(), news),
                None => return,
            },
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                shared.mux.lock().tick(Instant::now())
            }
        };
        for message in say {
            // The proxy may listen no more: what it says still counts.
            let _ = to_proxy.send(message).await;
        }
    }
}

fn hear(mux: &mut Mux, news: News) -> Vec<ToProxy> {
    let now = Instant::now();
    match news.what {
        What::Up { name, outbox } => mux.up(news.address, name, outbox, now),
        What::Said(message) => mux.heard(news.address, message, now),
        What::Down(error) => mux.down(news.address, error, now),
    }
}
