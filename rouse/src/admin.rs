//! The admin listener: `/livez`, `/readyz`, `/metrics`, `/status`, `/explain`. Not protected, so it is kept small and bounded: one
//! request per connection, few connections at once, a deadline for each.

mod answers;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::error::Error;
pub(crate) use answers::{Answers, Subject};

/// Connections at once; one more waits in the listen queue.
const CONNECTIONS: usize = 64;

/// For a request's head.
const HEADER_READ: Duration = Duration::from_secs(5);

/// For a connection as a whole.
const CONNECTION: Duration = Duration::from_secs(15);

/// Bytes of a request's head.
const HEADER_BYTES: usize = 16 << 10;

/// After a failed accept: the cause (mostly too many open files) needs time to go away.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A bound admin listener.
pub(crate) struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, Error> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bound.await.map_err(|error: io::Error| {
            Error::Failed(match error.kind() {
                io::ErrorKind::AddrInUse => format!(
                    "rouse: the admin address {address} is in use; choose another with --admin"
                ),
                _ => format!("rouse: cannot listen on the admin address {address}: {error}"),
            })
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped.
    pub(crate) async fn serve<S: Subject>(self, answers: Answers<S>) {
        let answers = Arc::new(answers);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            // Never closed.
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answers = answers.clone();
                    connections.spawn(async move {
                        let _place = place;
                        // Past the deadline the client has had its chance.
                        let _ = timeout(CONNECTION, connection(stream, answers)).await;
                    });
                }
                Err(_) => sleep(AFTER_FAILURE).await,
            }
        }
    }
}

async fn connection<S: Subject>(stream: TcpStream, answers: Arc<Answers<S>>) {
    let service = service_fn(move |request| {
        let answers = answers.clone();
        async move { Ok::<_, std::convert::Infallible>(answers.answer(&request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ)
        .max_buf_size(HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("admin connection: {error}");
    }
}
