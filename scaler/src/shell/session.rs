use std::sync::Arc;

use rouse_api::link::{ToProxy, ToScaler};
use tokio::sync::mpsc;

use super::outbox::Outbox;
use crate::controller::{Event, SessionId};

/// Carries one session's messages both ways until the proxy drops one of its ends.
pub(super) async fn run(
    session: SessionId,
    outbox: Arc<Outbox>,
    from_proxy: mpsc::Receiver<ToScaler>,
    to_proxy: mpsc::Sender<ToProxy>,
    events: mpsc::Sender<Event>,
) {
    tokio::select! {
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
