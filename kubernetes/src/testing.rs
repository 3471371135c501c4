//! An API server of a few lines, for tests.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use kube::{Client, Config};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// What was asked: method, path with query, content type, body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) content: String,
    pub(crate) body: String,
}

/// Runs until it is dropped.
pub(crate) struct Server {
    pub(crate) client: Client,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Answers with what `answer` says.
    pub(crate) async fn new<F>(answer: impl Fn(Asked) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, asked.clone(), answer));
        Self {
            client: client(address),
            asked,
            _tasks: tasks,
        }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }
}

fn client(address: SocketAddr) -> Client {
    let config = Config::new(format!("http://{address}").parse().unwrap());
    crate::client::client(config).unwrap()
}

async fn serve<F>(
    listener: TcpListener,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: impl Fn(Asked) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (asked, answer) = (asked.clone(), answer.clone());
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (asked, answer) = (asked.clone(), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let content = head.headers.get("content-type");
                let one = Asked {
                    method: head.method.to_string(),
                    path: head.uri.to_string(),
                    content: content
                        .map_or("", |value| value.to_str().unwrap())
                        .to_owned(),
                    body: String::from_utf8(body.to_vec()).unwrap(),
                };
                asked.lock().push(one.clone());
                Ok::<_, Infallible>(answer(one).await)
            }
        });
        connections.spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

pub(crate) fn answer(status: u16, body: &serde_json::Value) -> Response<Body> {
    let body = Full::new(Bytes::from(body.to_string())).boxed();
    Response::builder().status(status).body(body).unwrap()
}

/// A body that goes on for as long as the sender is kept.
pub(crate) fn stream(lines: mpsc::UnboundedReceiver<serde_json::Value>) -> Response<Body> {
    let frames = futures_util::stream::unfold(lines, |mut lines| async move {
        let line = lines.recv().await?;
        Some((Ok(Frame::data(Bytes::from(format!("{line}\n")))), lines))
    });
    Response::new(BodyExt::boxed(StreamBody::new(frames)))
}
