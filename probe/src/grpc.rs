use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;

use crate::http1::drive;
use crate::{ProbeFailure, connect};

/// A `HealthCheckResponse` takes 2 bytes; more than this is no answer of the health service.
const LARGEST_ANSWER: usize = 4096;

/// `ServingStatus.SERVING` in grpc/health/v1/health.proto.
const SERVING: u64 = 1;

/// One `grpc.health.v1.Health/Check` over HTTP/2 with prior knowledge, on a connection of its own.
pub(crate) async fn check(address: SocketAddr, service: &str) -> Result<(), ProbeFailure> {
    over(connect(address).await?, address, service).await
}

/// The same on a connection that stands.
pub(crate) async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
    service: &str,
) -> Result<(), ProbeFailure> {
    let broken = |error| ProbeFailure::Broken {
        what: format!("gRPC health check of {service:?}"),
        error,
    };
    let answered = |answer: String| ProbeFailure::Grpc {
        service: service.to_owned(),
        answer,
    };
    let request = request(address, service)?;
    let tasks = Tasks::default();
    let (mut sender, connection) = http2::handshake(tasks.executor(), TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let (status, headers, body) = drive(connection, async {
        let answer = sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        // A status in the head says that there is no message.
        if parts.headers.contains_key("grpc-status") || parts.status != StatusCode::OK {
            return Ok((parts.status, parts.headers, Bytes::new()));
        }
        let (body, trailers) = collect(body).await?;
        Ok((parts.status, trailers, body))
    })
    .await
    .map_err(broken)?;
    if status != StatusCode::OK {
        return Err(answered(format!("HTTP {}", status.as_u16())));
    }
    ok_status(&headers).map_err(answered)?;
    match decode(&body) {
        Some(SERVING) => Ok(()),
        Some(status) => Err(ProbeFailure::NotServing {
            service: service.to_owned(),
            status,
        }),
        None => Err(answered("something that is not a health".to_owned())),
    }
}

fn request(address: SocketAddr, service: &str) -> Result<Request<Full<Bytes>>, ProbeFailure> {
    let uri: Uri = format!("http://{address}/grpc.health.v1.Health/Check")
        .parse()
        .map_err(|error| ProbeFailure::Invalid(format!("{error}")))?;
    let mut request = Request::new(Full::new(encode(service)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
    Ok(request)
}

/// The body as far as it can be an answer, and its trailers.
async fn collect(mut body: Incoming) -> hyper::Result<(Bytes, HeaderMap)> {
    let mut data = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(chunk) if data.len() + chunk.len() <= LARGEST_ANSWER => {
                data.extend_from_slice(&chunk);
            }
            Ok(_) => break,
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                return Ok((data.freeze(), trailers));
            }
        }
    }
    Ok((data.freeze(), HeaderMap::new()))
}

/// `Err` with what is wrong unless `grpc-status` is 0.
fn ok_status(headers: &HeaderMap) -> Result<(), String> {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    match text("grpc-status").as_deref() {
        Some("0") => Ok(()),
        Some(status) => {
            let message = text("grpc-message").unwrap_or_default();
            Err(format!("grpc-status {status} {message}")
                .trim_end()
                .to_owned())
        }
        None => Err("no grpc-status".to_owned()),
    }
}

/// A gRPC frame (no compression, length) around a `HealthCheckRequest`, whose field 1 is the service.
fn encode(service: &str) -> Bytes {
    let mut message = Vec::with_capacity(service.len() + 6);
    if !service.is_empty() {
        message.push(1 << 3 | 2);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(length as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut frame = Vec::with_capacity(message.len() + 5);
    frame.push(0);
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(&message);
    frame.into()
}

/// The status in a frame with a `HealthCheckResponse`, whose field 1 is an enum; absent fields are 0.
fn decode(mut frame: &[u8]) -> Option<u64> {
    let compressed = frame.try_get_u8().ok()?;
    let length = frame.try_get_u32().ok()?;
    if compressed != 0 || usize::try_from(length).ok()? != frame.len() {
        return None;
    }
    let mut status = 0;
    while !frame.is_empty() {
        let key = varint(&mut frame)?;
        let skip = match key & 7 {
            0 => {
                let value = varint(&mut frame)?;
                if key >> 3 == 1 {
                    status = value;
                }
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut frame)?).ok()?,
            5 => 4,
            _ => return None,
        };
        frame = frame.get(skip..)?;
    }
    Some(status)
}

/// A protobuf varint: 7 bits a byte, least significant first, at most 10 bytes.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// What hyper spawned for the connection; aborted on drop, so that no attempt outlives itself.
#[derive(Default)]
struct Tasks(Arc<Mutex<Vec<AbortHandle>>>);

#[derive(Clone)]
struct Executor(Arc<Mutex<Vec<AbortHandle>>>);

impl Tasks {
    fn executor(&self) -> Executor {
        Executor(Arc::clone(&self.0))
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            task.abort();
        }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        let task = tokio::spawn(future).abort_handle();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task);
    }
}
