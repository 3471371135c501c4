use std::sync::Arc;

use rouse_api::link::{ToProxy, ToScaler};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::outbox::Outbox;
use crate::controller::{Event, SessionId};

/// A session as the scaler keeps it. Dropped, the session ends.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) outbox: Arc<Outbox>,
    stop: CancellationToken,
}

impl Seat {
    pub(super) fn new() -> Self {
        Self {
            outbox: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Carries one session's messages both ways until the proxy drops one of its ends, or the scaler gives it up.
pub(super) async fn run(
    session: SessionId,
    (outbox, stop): (Arc<Outbox>, CancellationToken),
    from_proxy: mpsc::Receiver<ToScaler>,
    to_proxy: mpsc::Sender<ToProxy>,
    events: mpsc::Sender<Event>,
) {
    tokio::select! {
        () = stop.cancelled() => return,
        () = read(session, from_proxy, &events) => {}
        () = write(&outbox, &to_proxy) => {}
        () = to_proxy.closed() => {}
    }
    // Fails only when the scaler is gone.
    let _ = events.send(Event::SessionClosed(session)).await;
}

async fn read(
    session: SessionId,
    mut from_proxy: mpsc::Receiver<ToScaler>,
    events: &mpsc::Sender<Event>,
) {
    while let Some(message) = from_proxy.recv().await {
        if events.send(Event::Link(session, message)).await.is_err() {
            return;
        }
    }
}

async fn write(outbox: &Outbox, to_proxy: &mpsc::Sender<ToProxy>) {
    while to_proxy.send(outbox.next().await).await.is_ok() {}
}
