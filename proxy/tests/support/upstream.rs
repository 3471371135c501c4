//! Replicas made by hand.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::{Wire, until, within};

/// A replica that the test plays.
pub(crate) struct Upstream {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Upstream {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            listener,
        }
    }

    pub(crate) fn new(listener: TcpListener) -> Self {
        Self {
            address: listener.local_addr().unwrap(),
            listener,
        }
    }

    pub(crate) async fn stream(&self) -> TcpStream {
        within("the proxy connects", self.listener.accept())
            .await
            .unwrap()
            .0
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Wire {
        Wire::new(self.stream().await)
    }

    /// Asserts that no further connection waits.
    pub(crate) async fn is_left_alone(&self) {
        let more = tokio::time::timeout(Duration::from_millis(100), self.listener.accept());
        assert!(more.await.is_err(), "another connection");
    }
}

/// What a [`Steady`] replica was asked.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: Parts,
    /// None: it has not come to its end.
    pub(crate) body: Option<Bytes>,
}

/// A replica that answers every request over HTTP/1.1 with its name, the body's length before it, and remembers what it was asked.
pub(crate) struct Steady {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: AbortHandle,
}

impl Steady {
    pub(crate) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let log = log.clone();
                let service = service_fn(move |request| answer(name, log.clone(), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            address,
            seen,
            task: task.abort_handle(),
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// Waits for so many requests; the last of them.
    pub(crate) async fn nth(&self, count: usize) -> Seen {
        until("the request arrives", || self.seen.lock().len() >= count).await;
        self.seen.lock()[count - 1].clone()
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    name: &'static str,
    log: Arc<Mutex<Vec<Seen>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let at = {
        let mut log = log.lock();
        log.push(Seen { head, body: None });
        log.len() - 1
    };
    let body = body
        .collect()
        .await
        .ok()
        .map(http_body_util::Collected::to_bytes);
    let length = body.as_ref().map_or(0, Bytes::len);
    log.lock()[at].body = body;
    Ok(Response::new(Full::from(format!("{length} {name}"))))
}
