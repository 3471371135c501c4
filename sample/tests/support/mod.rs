//! A sample in this process, and clients for it.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rouse_sample::{Options, Server, Stats};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Ends a test that hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Sample {
    pub(crate) address: SocketAddr,
    pub(crate) stats: Box<dyn Fn() -> Stats + Send + Sync>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl Sample {
    pub(crate) async fn start(options: Options) -> Self {
        let server = Server::bind(options).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let (address, stats) = (server.local_addr(), Box::new(server.stats()));
        let task = tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stats,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn stopped(mut self) {
        self.stop();
        tokio::time::timeout(DEADLINE, self.task)
            .await
            .expect("stops")
            .unwrap();
    }
}

pub(crate) async fn http1(address: SocketAddr) -> http1::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) async fn http2<B>(address: SocketAddr) -> http2::SendRequest<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    post(path, "").with_method("GET")
}

pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("http://sample{path}"))
        .header("host", "sample")
        .body(Full::new(body.into()))
        .unwrap()
}

pub(crate) trait With {
    fn with_method(self, method: &str) -> Self;
    fn with(self, name: &'static str, value: &str) -> Self;
}

impl<B> With for Request<B> {
    fn with_method(mut self, method: &str) -> Self {
        *self.method_mut() = method.parse().unwrap();
        self
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers_mut().insert(name, value.parse().unwrap());
        self
    }
}

pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Whole {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Reads an answer to its end.
pub(crate) async fn whole(response: Response<Incoming>) -> Result<Whole, hyper::Error> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await?;
    Ok(Whole {
        status: parts.status.as_u16(),
        headers: parts.headers,
        trailers: body.trailers().cloned().unwrap_or_default(),
        body: body.to_bytes(),
    })
}

/// One request over HTTP/1.1 on a connection of its own.
pub(crate) async fn once(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Whole, hyper::Error> {
    let exchange = async { whole(http1(address).await.send_request(request).await?).await };
    tokio::time::timeout(DEADLINE, exchange)
        .await
        .expect("an answer in time")
}

/// Waits until it holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.expect(what);
}
