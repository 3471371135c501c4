//! A permit with the connection it is used on: given back only when the replica can't be at work for it any more.
//!
//! A request whose client leaves is given up by closing its connection. The replica learns of that a little later, and some never
//! look. Under a limit the next request must not come before: the permit waits until the replica has closed its side, too.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::request::Seat;

/// For a workload whose answers' heads have no deadline either.
const LONGEST: Duration = Duration::from_secs(300);

/// Of an answer that nobody wants any more.
const MOST_READ: usize = 256 << 10;

#[derive(Debug)]
pub(crate) struct Engaged {
    permit: Option<Seat>,
    /// A second handle on the connection; absent without a limit, and for HTTP/2, where the reset goes ahead of what follows.
    socket: Option<Arc<OwnedFd>>,
    patience: Duration,
}

impl Engaged {
    /// `patience`: how long a replica may work on an answer, zero: as long as it likes.
    pub(crate) fn new(permit: Seat, socket: Option<Arc<OwnedFd>>, patience: Duration) -> Self {
        let patience = if patience.is_zero() {
            LONGEST
        } else {
            patience
        };
        Self {
            permit: Some(permit),
            socket,
            patience,
        }
    }

    /// An answer's head has come.
    pub(crate) fn head(&self) {
        if let Some(permit) = &self.permit {
            permit.head();
        }
    }

    /// The endpoint did not answer the request.
    pub(crate) fn failed(&self) {
        if let Some(permit) = &self.permit {
            permit.failed(false);
        }
    }

    /// The replica is done with the request, or never had it.
    pub(crate) fn done(&mut self) {
        self.socket = None;
    }
}

impl Drop for Engaged {
    fn drop(&mut self) {
        let (Some(permit), Some(socket)) = (self.permit.take(), self.socket.take()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let closed = tokio::time::timeout(self.patience, until_closed(socket));
            runtime.spawn(async move {
                // Closed or not, this is as long as it is waited for.
                let _ = closed.await;
                drop(permit);
            });
        }
    }
}

/// Closes our side, and reads until the peer has closed its own. One that goes on sending is cut off: its next write fails.
async fn until_closed(socket: Arc<OwnedFd>) -> std::io::Result<()> {
    let socket = std::net::TcpStream::from(socket.try_clone()?);
    let mut socket = TcpStream::from_std(socket)?;
    socket.shutdown().await?;
    let mut buffer = [0; 4096];
    let mut left = MOST_READ;
    while left > 0 {
        let read = socket.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        left = left.saturating_sub(read);
    }
    Ok(())
}
