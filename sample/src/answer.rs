//! Bodies of answers, and the guard that follows one to its end.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::sync::Notify;

use crate::execution::Execution;
use crate::knobs::{Abort, Knobs};

/// An answer's body.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Largest piece of a generated body, in bytes.
const PIECE: usize = 64 << 10;
/// Body of an answer that is to break off, unless `bytes` says otherwise.
const ABORTED_BYTES: u64 = 100_000;
/// From the last that is to be sent until the connection is closed: time to write it.
const BEFORE_ABORT: Duration = Duration::from_millis(20);

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if !content_type.is_empty() {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    answer(status, "text/plain", full(text.into()))
}

pub(crate) fn json(value: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(body) => answer(StatusCode::OK, "application/json", full(body)),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Whether the knobs ask for a generated body.
pub(crate) fn wants_generated(knobs: &Knobs) -> bool {
    knobs.bytes.is_some()
        || knobs.chunk.is_some()
        || knobs.interval.is_some()
        || knobs.abort.is_some()
}

/// A body of `bytes` letters, with the knobs' pace; closes the connection where `abort` says.
pub(crate) fn generated(knobs: &Knobs, connection: &Arc<Notify>) -> Response<Body> {
    let bytes = knobs.bytes.unwrap_or(ABORTED_BYTES);
    let pieces = Pieces {
        left: bytes,
        piece: knobs
            .chunk
            .and_then(|chunk| usize::try_from(chunk).ok())
            .unwrap_or(PIECE)
            .min(PIECE),
        interval: knobs.interval.unwrap_or_default(),
        first: true,
        abort_at: match knobs.abort {
            Some(Abort::Head) => Some(bytes),
            Some(Abort::Middle) => Some(bytes / 2),
            _ => None,
        },
        connection: Arc::clone(connection),
    };
    let body = StreamBody::new(stream::unfold(pieces, async |mut pieces| {
        let piece = pieces.next().await?;
        Some((Ok(Frame::data(piece)), pieces))
    }));
    let mut response = answer(StatusCode::OK, "text/plain", body.boxed_unsync());
    if knobs.chunk.is_none() && knobs.interval.is_none() {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    response
}

struct Pieces {
    left: u64,
    piece: usize,
    interval: Duration,
    first: bool,
    /// The connection is closed when this much is left.
    abort_at: Option<u64>,
    connection: Arc<Notify>,
}

impl Pieces {
    async fn next(&mut self) -> Option<Bytes> {
        let until = self.abort_at.unwrap_or(0);
        if self.left <= until {
            if self.abort_at.is_some() {
                tokio::time::sleep(BEFORE_ABORT).await;
                self.connection.notify_one();
                std::future::pending::<()>().await;
            }
            return None;
        }
        if !std::mem::take(&mut self.first) && !self.interval.is_zero() {
            tokio::time::sleep(self.interval).await;
        }
        let length = usize::try_from(self.left - until)
            .unwrap_or(usize::MAX)
            .min(self.piece);
        self.left -= length as u64;
        Some(letters().slice(..length))
    }
}

fn letters() -> &'static Bytes {
    static LETTERS: OnceLock<Bytes> = OnceLock::new();
    LETTERS.get_or_init(|| (b'a'..=b'z').cycle().take(PIECE).collect())
}

/// An answer's body with the execution that it belongs to, which ends with its last frame.
pub(crate) struct Tracked {
    body: Body,
    execution: Option<Execution>,
    /// Bytes still to come, when known.
    left: Option<u64>,
}

impl Tracked {
    pub(crate) fn new(
        response: Response<Body>,
        method: &Method,
        execution: Option<Execution>,
    ) -> Response<Self> {
        let (mut parts, mut body) = response.into_parts();
        let said = parts
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let left = said.or_else(|| body.size_hint().exact());
        if matches!(
            parts.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            parts.headers.remove(header::CONTENT_LENGTH);
            body = full(Bytes::new());
        } else if *method == Method::HEAD {
            if let Some(length) = left {
                parts
                    .headers
                    .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            }
            body = full(Bytes::new());
        }
        let mut tracked = Self {
            body,
            execution,
            left,
        };
        if left == Some(0) || tracked.body.is_end_stream() {
            tracked.finish();
        }
        Response::from_parts(parts, tracked)
    }

    fn finish(&mut self) {
        if let Some(execution) = self.execution.take() {
            execution.finish();
        }
    }
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let last = match &frame {
            None => true,
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => {
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    self.left == Some(0) || self.body.is_end_stream()
                }
                None => frame.is_trailers(),
            },
            Some(Err(_)) => false,
        };
        if last {
            self.finish();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
