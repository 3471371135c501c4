//! Connections, after their handshake.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use crate::io::Io;
use crate::tls::Reloading;

/// After an accept that failed: for descriptors to become free.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Accept {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<Reloading<rustls::ServerConfig>>,
    pub(super) timeout: Duration,
    pub(super) room: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
    pub(super) metrics: Metrics,
}

/// Connections as they are ready to be served; none waits for another's handshake.
pub(super) fn listen(accept: Accept) -> impl Stream<Item = io::Result<Io>> {
    let (ready, receiver) = mpsc::channel(1);
    tokio::spawn(accept.run(ready));
    stream::unfold(receiver, |mut receiver| async {
        let io = receiver.recv().await?;
        Some((Ok(io), receiver))
    })
}

impl Accept {
    async fn run(self, ready: mpsc::Sender<Io>) {
        let stop = self.stop.clone();
        stop.run_until_cancelled(async {
            loop {
                let Ok(permit) = self.room.clone().acquire_owned().await else {
                    return;
                };
                match self.listener.accept().await {
                    Ok((socket, peer)) => {
                        let (tls, ready) = (self.tls.clone(), ready.clone());
                        let (limit, metrics) = (self.timeout, self.metrics.clone());
                        tokio::spawn(async move {
                            match timeout(limit, handshake(socket, tls)).await {
                                Ok(Ok(io)) => {
                                    // Fails only when the server has ended.
                                    let _ = ready.send(io.with_place(permit)).await;
                                }
                                Ok(Err(error)) => refused(peer, &error, &metrics),
                                Err(_) => refused(peer, &"no handshake in time", &metrics),
                            }
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "can't accept a link connection");
                        sleep(PAUSE).await;
                    }
                }
            }
        })
        .await;
    }
}

fn refused(peer: SocketAddr, error: &dyn std::fmt::Display, metrics: &Metrics) {
    metrics.refused.inc();
    tracing::warn!(%peer, %error, "refused a link connection");
}

async fn handshake(
    socket: TcpStream,
    tls: Option<Reloading<rustls::ServerConfig>>,
) -> io::Result<Io> {
    // A wake is one small packet.
    socket.set_nodelay(true)?;
    match tls {
        Some(tls) => TlsAcceptor::from(tls.current())
            .accept(socket)
            .await
            .map(Io::new),
        None => Ok(Io::new(socket)),
    }
}
