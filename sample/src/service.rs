//! One HTTP request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::Notify;

use crate::answer::{self, Body, Tracked};
use crate::execution::Execution;
use crate::knobs::{Abort, Knobs};
use crate::server::State;
use crate::{burn, grpc, websocket};

const HELLO_45: &str = "Hello from the sample, in forty-five octets.\n";

/// Answers one request. `connection` closes the connection that it came on.
pub(crate) async fn handle(
    state: Arc<State>,
    connection: Arc<Notify>,
    request: Request<Incoming>,
) -> Result<Response<Tracked>, Infallible> {
    let method = request.method().clone();
    if let Some(response) = uncounted(&state, &request) {
        return Ok(Tracked::new(response, &method, None));
    }
    if grpc::is_health(&request) {
        return Ok(Tracked::new(
            grpc::health(state.is_ready(), request).await,
            &method,
            None,
        ));
    }
    let execution = Execution::begin(&state.counts, &request);
    let (pid, in_flight) = (
        HeaderValue::from(std::process::id()),
        HeaderValue::from(execution.in_flight),
    );
    let (mut response, execution) = counted(&state, &connection, request, execution).await;
    response.headers_mut().insert("x-sample-pid", pid);
    response
        .headers_mut()
        .insert("x-sample-in-flight", in_flight);
    Ok(Tracked::new(response, &method, execution))
}

fn uncounted(state: &State, request: &Request<Incoming>) -> Option<Response<Body>> {
    match request.uri().path() {
        "/healthz" if state.is_ready() => Some(answer::text(StatusCode::OK, "ok\n")),
        "/healthz" => Some(answer::text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")),
        "/stats" => Some(answer::json(&state.counts.stats())),
        _ => None,
    }
}

/// Without an execution in the answer something else ends it.
async fn counted(
    state: &Arc<State>,
    connection: &Arc<Notify>,
    request: Request<Incoming>,
    mut execution: Execution,
) -> (Response<Body>, Option<Execution>) {
    let knobs = match Knobs::parse(request.uri().query().unwrap_or_default()) {
        Ok(knobs) => knobs,
        Err(error) => {
            return (
                answer::text(StatusCode::BAD_REQUEST, format!("{error}\n")),
                Some(execution),
            );
        }
    };
    work(state, connection, &knobs, &mut execution).await;
    let fails = state.fails(execution.number);
    if grpc::is(&request) {
        return (grpc::answer(request, fails).await, Some(execution));
    }
    if fails {
        return (
            answer::text(StatusCode::INTERNAL_SERVER_ERROR, "told to fail\n"),
            Some(execution),
        );
    }
    let (mut response, execution) = if request.uri().path() == "/ws" {
        websocket::answer(state, request, execution)
    } else {
        (
            by_path(state, connection, &knobs, request, execution.number).await,
            Some(execution),
        )
    };
    if let Some(status) = knobs.status {
        *response.status_mut() = status;
    }
    for (name, value) in knobs.headers {
        response.headers_mut().append(name, value);
    }
    (response, execution)
}

/// What is done before the answer begins.
async fn work(state: &State, connection: &Notify, knobs: &Knobs, execution: &mut Execution) {
    if let Some(code) = knobs.exit {
        std::process::exit(code);
    }
    execution.memory = burn::memory(knobs.memory);
    let latency = knobs.latency.unwrap_or(state.options.latency);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    burn::cpu(knobs.cpu.unwrap_or(state.options.cpu)).await;
    if knobs.abort == Some(Abort::Before) {
        connection.notify_one();
        std::future::pending::<()>().await;
    }
}

/// Answers at once. What still comes is read for a moment, as servers do that want their answer to arrive.
fn early(mut body: Incoming) -> Response<Body> {
    tokio::spawn(tokio::time::timeout(Duration::from_secs(1), async move {
        while let Some(Ok(_)) = body.frame().await {}
    }));
    answer::text(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too large, said before it came\n",
    )
}

async fn by_path(
    state: &State,
    connection: &Arc<Notify>,
    knobs: &Knobs,
    request: Request<Incoming>,
    number: u64,
) -> Response<Body> {
    match request.uri().path() {
        "/echo" => echo(request),
        "/upload" => upload(request.into_body()).await,
        "/headers" => headers(&request),
        "/sse" => events(knobs),
        "/trailers" => trailers(),
        "/early" => early(request.into_body()),
        "/never" => std::future::pending().await,
        "/hello45" => answer::text(StatusCode::OK, HELLO_45),
        _ if answer::wants_generated(knobs) => answer::generated(knobs, connection),
        _ => {
            let (name, pid) = (&state.options.name, std::process::id());
            answer::text(
                StatusCode::OK,
                format!("Hello from {name} (pid {pid}, request {number})\n"),
            )
        }
    }
}

fn echo(request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let length = body.size_hint().exact();
    let mut response = Response::new(body.map_err(std::io::Error::other).boxed_unsync());
    for name in [header::CONTENT_TYPE, header::TRAILER] {
        if let Some(value) = parts.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    if let Some(length) = length {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

async fn upload(mut body: Incoming) -> Response<Body> {
    let (mut bytes, mut hash) = (0_u64, Fnv::new());
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Some(data) = frame.data_ref() {
                    bytes += data.len() as u64;
                    hash.add(data);
                }
            }
            Err(error) => {
                return answer::text(
                    StatusCode::BAD_REQUEST,
                    format!("the body broke off: {error}\n"),
                );
            }
        }
    }
    answer::json(&json!({"bytes": bytes, "fnv1a64": format!("{:016x}", hash.0)}))
}

fn headers(request: &Request<Incoming>) -> Response<Body> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), text(value)))
        .collect();
    answer::json(&json!({
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "query": request.uri().query(),
        "authority": request.uri().authority().map(http::uri::Authority::as_str),
        "version": format!("{:?}", request.version()),
        "headers": headers,
    }))
}

fn events(knobs: &Knobs) -> Response<Body> {
    let (count, interval) = (
        knobs.count.unwrap_or(10),
        knobs.interval.unwrap_or(Duration::from_millis(100)),
    );
    let body = StreamBody::new(stream::unfold(0, move |n| async move {
        if n == count {
            return None;
        }
        if n > 0 {
            tokio::time::sleep(interval).await;
        }
        Some((
            Ok(Frame::data(format!("id: {n}\ndata: event {n}\n\n").into())),
            n + 1,
        ))
    }));
    let mut response = answer::answer(StatusCode::OK, "text/event-stream", body.boxed_unsync());
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn trailers() -> Response<Body> {
    const TEXT: &str = "a body with a trailer\n";
    let mut hash = Fnv::new();
    hash.add(TEXT.as_bytes());
    let mut trailers = http::HeaderMap::new();
    if let Ok(checksum) = format!("{:016x}", hash.0).parse() {
        trailers.insert("x-checksum", checksum);
    }
    // A stream tells no length: with one HTTP/1.1 sends no trailers.
    let frames = [Frame::data(TEXT.into()), Frame::trailers(trailers)];
    let body = StreamBody::new(stream::iter(frames.map(Ok)));
    let mut response = answer::answer(StatusCode::OK, "text/plain", body.boxed_unsync());
    response
        .headers_mut()
        .insert(header::TRAILER, HeaderValue::from_static("x-checksum"));
    response
}

/// FNV-1a, 64 bit.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_has_45_bytes() {
        assert_eq!(HELLO_45.len(), 45);
    }

    #[test]
    fn fnv_is_fnv_1a() {
        let mut hash = Fnv::new();
        hash.add(b"foobar");
        assert_eq!(hash.0, 0x8594_4171_f739_67e8);
    }
}
