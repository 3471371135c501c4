//! gRPC over raw messages: five bytes of frame, then the message, unread.

use std::io;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;

use crate::answer::{self, Body, full};
use crate::units;

/// Largest message taken, and largest concatenation answered, in bytes.
const MAX_MESSAGE: usize = 4 << 20;
/// Compressed flag and length.
const PREFIX: usize = 5;
const ECHO: &str = "rouse.sample.Echo";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

// Codes of gRPC's specification.
const INVALID_ARGUMENT: u16 = 3;
const NOT_FOUND: u16 = 5;
const RESOURCE_EXHAUSTED: u16 = 8;
const UNIMPLEMENTED: u16 = 12;
const INTERNAL: u16 = 13;

/// What a call fails with.
struct Failure(u16, String);

pub(crate) fn is<B>(request: &Request<B>) -> bool {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    kind.strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

pub(crate) fn is_health<B>(request: &Request<B>) -> bool {
    request.uri().path() == HEALTH && is(request)
}

/// Answers `grpc.health.v1.Health/Check`.
pub(crate) async fn health(ready: bool, request: Request<Incoming>) -> Response<Body> {
    let result = Messages::new(request.into_body())
        .only()
        .await
        .and_then(|message| {
            let service = health_service(&message)?;
            if service.is_empty() || service == ECHO.as_bytes() {
                // HealthCheckResponse: field 1 is SERVING (1) or NOT_SERVING (2).
                Ok(Bytes::from_static(if ready {
                    &[0x08, 1]
                } else {
                    &[0x08, 2]
                }))
            } else {
                Err(Failure(NOT_FOUND, "no such service".to_owned()))
            }
        });
    finish(result.map(|message| stream::iter([Ok(message)])))
}

/// HealthCheckRequest: field 1 is the service's name.
fn health_service(message: &[u8]) -> Result<&[u8], Failure> {
    match message {
        [] => Ok(&[]),
        [0x0a, length, name @ ..] if usize::from(*length) == name.len() && *length < 0x80 => {
            Ok(name)
        }
        _ => Err(Failure(
            INVALID_ARGUMENT,
            "not a HealthCheckRequest".to_owned(),
        )),
    }
}

/// Answers any other call. `fails`: with INTERNAL.
pub(crate) async fn answer(request: Request<Incoming>, fails: bool) -> Response<Body> {
    if fails {
        return failed(&Failure(INTERNAL, "told to fail".to_owned()));
    }
    let metadata = match Metadata::read(request.headers()) {
        Ok(metadata) => metadata,
        Err(failure) => return failed(&failure),
    };
    tokio::time::sleep(metadata.latency).await;
    if let Some(code) = metadata.fail {
        return failed(&Failure(code, "as grpc-fail says".to_owned()));
    }
    let path = request.uri().path().to_owned();
    let mut messages = Messages::new(request.into_body());
    match path.strip_prefix("/rouse.sample.Echo/").unwrap_or_default() {
        "Unary" => finish(
            messages
                .only()
                .await
                .map(|message| stream::iter([Ok(message)])),
        ),
        "ServerStream" => finish(
            messages
                .only()
                .await
                .map(|message| repeat(message, metadata.count, metadata.interval)),
        ),
        "ClientStream" => finish(
            messages
                .all()
                .await
                .map(|message| stream::iter([Ok(message)])),
        ),
        "Bidi" => finish(Ok(stream::unfold(messages, async |mut messages| {
            let message = messages.next().await.transpose()?;
            Some((message, messages))
        }))),
        _ => failed(&Failure(
            UNIMPLEMENTED,
            format!("{path} is not a method of this service"),
        )),
    }
}

struct Metadata {
    latency: Duration,
    interval: Duration,
    count: u64,
    fail: Option<u16>,
}

impl Metadata {
    fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        Ok(Self {
            latency: read(headers, "latency", units::duration)?.unwrap_or_default(),
            interval: read(headers, "interval", units::duration)?.unwrap_or_default(),
            count: read(headers, "count", units::size)?.unwrap_or(3),
            fail: read(headers, "grpc-fail", |code| {
                code.parse()
                    .map_err(|_| format!("{code:?} is not a status code"))
            })?,
        })
    }
}

fn read<T>(
    headers: &HeaderMap,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .map_err(|_| Failure(INVALID_ARGUMENT, format!("{name}: not text")))?;
    parse(text)
        .map(Some)
        .map_err(|error| Failure(INVALID_ARGUMENT, format!("{name}: {error}")))
}

fn repeat(
    message: Bytes,
    count: u64,
    interval: Duration,
) -> impl Stream<Item = Result<Bytes, Failure>> + Send {
    stream::unfold(0, move |n| {
        let message = message.clone();
        async move {
            if n == count {
                return None;
            }
            if n > 0 && !interval.is_zero() {
                tokio::time::sleep(interval).await;
            }
            Some((Ok(message), n + 1))
        }
    })
}

/// The messages, then the trailers with the status.
fn finish(
    messages: Result<impl Stream<Item = Result<Bytes, Failure>> + Send + 'static, Failure>,
) -> Response<Body> {
    let messages = match messages {
        Ok(messages) => Box::pin(messages),
        Err(failure) => return failed(&failure),
    };
    let frames = stream::unfold(Some(messages), async |messages| {
        let mut messages = messages?;
        match futures_util::StreamExt::next(&mut messages).await {
            Some(Ok(message)) => Some((Ok(Frame::data(framed(&message))), Some(messages))),
            Some(Err(failure)) => Some((Ok(Frame::trailers(status(&failure))), None)),
            None => Some((
                Ok(Frame::trailers(status(&Failure(0, String::new())))),
                None,
            )),
        }
    });
    let body = StreamBody::new(frames).map_err(|error: io::Error| error);
    answer::answer(StatusCode::OK, "application/grpc", body.boxed_unsync())
}

/// Trailers only: the status is in the head.
fn failed(failure: &Failure) -> Response<Body> {
    let mut response = answer::answer(StatusCode::OK, "application/grpc", full(""));
    response.headers_mut().extend(status(failure));
    response
}

fn status(Failure(code, message): &Failure) -> HeaderMap {
    let mut status = HeaderMap::new();
    status.insert("grpc-status", HeaderValue::from(*code));
    if let (false, Ok(message)) = (
        message.is_empty(),
        HeaderValue::from_str(&message.replace('%', "%25")),
    ) {
        status.insert("grpc-message", message);
    }
    status
}

fn framed(message: &Bytes) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(message);
    frame.freeze()
}

/// The messages of a request's body.
struct Messages {
    body: Incoming,
    buffer: BytesMut,
}

impl Messages {
    fn new(body: Incoming) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => {
                    return Err(Failure(INTERNAL, format!("the request broke off: {error}")));
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => {
                    return Err(Failure(
                        INTERNAL,
                        "the request ended within a message".to_owned(),
                    ));
                }
            }
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, Failure> {
        let [flag, a, b, c, d, ..] = self.buffer[..] else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if flag != 0 {
            return Err(Failure(
                UNIMPLEMENTED,
                "compressed messages are not understood".to_owned(),
            ));
        }
        if length > MAX_MESSAGE {
            return Err(Failure(
                RESOURCE_EXHAUSTED,
                format!("a message of {length} bytes; {MAX_MESSAGE} at most"),
            ));
        }
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// The one message of a unary request.
    async fn only(&mut self) -> Result<Bytes, Failure> {
        let message = self
            .next()
            .await?
            .ok_or_else(|| Failure(INTERNAL, "no message".to_owned()))?;
        match self.next().await? {
            None => Ok(message),
            Some(_) => Err(Failure(INTERNAL, "more than one message".to_owned())),
        }
    }

    async fn all(&mut self) -> Result<Bytes, Failure> {
        let mut all = BytesMut::new();
        while let Some(message) = self.next().await? {
            if all.len() + message.len() > MAX_MESSAGE {
                return Err(Failure(
                    RESOURCE_EXHAUSTED,
                    format!("more than {MAX_MESSAGE} bytes in all"),
                ));
            }
            all.extend_from_slice(&message);
        }
        Ok(all.freeze())
    }
}
