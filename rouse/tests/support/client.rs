use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1 as h1, http2 as h2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::DEADLINE;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One HTTP/1.1 connection; its task ends with it.
pub(crate) async fn http1<B>(address: SocketAddr) -> h1::SendRequest<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = h1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    sender
}

/// One HTTP/2 connection with prior knowledge.
pub(crate) async fn http2<B>(address: SocketAddr) -> h2::SendRequest<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = h2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// A GET with an absolute URI, as HTTP/2 wants it; [`once`] makes HTTP/1.1 of it.
pub(crate) fn get(host: &str, path: &str) -> Request<Full<Bytes>> {
    request("GET", host, path, Bytes::new())
}

/// A POST with a body of known length.
pub(crate) fn post(host: &str, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    request("POST", host, path, body.into())
}

fn request(method: &str, host: &str, path: &str, body: Bytes) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("http://{host}{path}"))
        .body(Full::new(body))
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

/// An answer read to its end.
#[derive(Debug)]
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

    /// A header's value; empty without one.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
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
    once_within(DEADLINE, address, request).await
}

/// With more patience, or less.
pub(crate) async fn once_within(
    deadline: Duration,
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Whole, hyper::Error> {
    let exchange = async {
        let mut sender = http1(address).await;
        whole(sender.send_request(in_origin_form(request)).await?).await
    };
    timeout(deadline, exchange)
        .await
        .expect("an answer in time")
}

/// As HTTP/1.1 clients write it: the host in a header, not in the target.
pub(crate) fn in_origin_form<B>(mut request: Request<B>) -> Request<B> {
    if let Some(host) = request.uri().host().map(str::to_owned)
        && !request.headers().contains_key("host")
    {
        request.headers_mut().insert("host", host.parse().unwrap());
    }
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    *request.uri_mut() = path.parse().unwrap();
    request
}
