//! A connection after a switch of protocols: bytes both ways, until both ends have finished, or a limit, or the shutdown.

use std::io;
use std::time::Duration;

use http::HeaderValue;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::body::InFlight;
use super::websocket::{CLOSE_TO_CLIENT, CLOSE_TO_SERVER, Frames};
use crate::endpoint::Lease;

const BUFFER: usize = 16 << 10;
/// For both ends to have become tunnels after the 101.
const SWITCH: Duration = Duration::from_secs(10);
/// For a peer to take the goodbye, and to finish after it.
const GOODBYE: Duration = Duration::from_secs(5);

type Io = TokioIo<Upgraded>;

/// Joins the two ends and holds the request in flight meanwhile.
pub(crate) async fn tunnel(
    client: OnUpgrade,
    upstream: OnUpgrade,
    protocol: HeaderValue,
    idle: Duration,
    draining: CancellationToken,
    mut lease: Lease,
    mut in_flight: InFlight,
) {
    let both = async { tokio::try_join!(client, upstream) };
    let Ok(Ok((client, upstream))) = tokio::time::timeout(SWITCH, both).await else {
        in_flight.finished.error = Some("upgrade-failed");
        return;
    };
    lease.detach();
    let websocket = protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
    let (client_read, client_write) = tokio::io::split(TokioIo::new(client));
    let (upstream_read, upstream_write) = tokio::io::split(TokioIo::new(upstream));
    let stirred = Mutex::new(Instant::now());
    let up = Pump {
        from: client_read,
        to: upstream_write,
        frames: websocket.then(Frames::default),
        goodbye: &CLOSE_TO_SERVER,
        stirred: &stirred,
    };
    let down = Pump {
        from: upstream_read,
        to: client_write,
        frames: websocket.then(Frames::default),
        goodbye: &CLOSE_TO_CLIENT,
        stirred: &stirred,
    };
    let joined = async { tokio::try_join!(up.run(&draining), down.run(&draining)) };
    tokio::select! {
        outcome = joined => match outcome {
            Ok((_, bytes)) => {
                in_flight.finished.bytes = bytes;
                in_flight.finished.complete = true;
            }
            Err(error) => {
                tracing::debug!(%error, "tunnel ended");
                in_flight.finished.complete = true;
            }
        },
        () = silence(&stirred, idle) => in_flight.finished.error = Some("tunnel-idle"),
    }
}

/// Ends once nothing has passed for `idle`; never when that is zero.
async fn silence(stirred: &Mutex<Instant>, idle: Duration) {
    if idle.is_zero() {
        return std::future::pending().await;
    }
    loop {
        let deadline = *stirred.lock() + idle;
        if deadline <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(deadline).await;
    }
}

/// One direction.
struct Pump<'a> {
    from: ReadHalf<Io>,
    to: WriteHalf<Io>,
    /// Followed for WebSocket only: elsewhere there is no goodbye.
    frames: Option<Frames>,
    goodbye: &'static [u8],
    stirred: &'a Mutex<Instant>,
}

impl Pump<'_> {
    async fn run(mut self, draining: &CancellationToken) -> io::Result<u64> {
        let mut buffer = vec![0; BUFFER];
        let mut total = 0;
        loop {
            let parting =
                draining.is_cancelled() && self.frames.as_ref().is_some_and(Frames::at_border);
            if parting {
                return self.part(&mut buffer).await.map(|()| total);
            }
            let read = tokio::select! {
                read = self.from.read(&mut buffer) => read?,
                () = draining.cancelled(), if self.frames.is_some() && !draining.is_cancelled() => continue,
            };
            *self.stirred.lock() = Instant::now();
            if read == 0 {
                self.to.shutdown().await?;
                return Ok(total);
            }
            self.to.write_all(&buffer[..read]).await?;
            self.to.flush().await?;
            total += read as u64;
            if let Some(frames) = &mut self.frames {
                frames.pass(&buffer[..read]);
            }
        }
    }

    /// Says goodbye, and lets the other side finish in its own words (its Close is read and not passed on: ours was the last).
    async fn part(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let goodbye = async {
            self.to.write_all(self.goodbye).await?;
            self.to.flush().await?;
            while self.from.read(buffer).await? > 0 {}
            self.to.shutdown().await
        };
        tokio::time::timeout(GOODBYE, goodbye)
            .await
            .unwrap_or(Ok(()))
    }
}
