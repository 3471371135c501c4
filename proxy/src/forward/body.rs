//! Bodies in both directions: streamed, never gathered, except for what a held request had sent already.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::idle::IdleTimer;
use crate::endpoint::{Engaged, Lease};
use crate::metrics::Finished;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the client sends, on its way to an endpoint.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// Read while the request was held.
    ready: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    rest: Option<Incoming>,
    state: Option<Arc<BodyState>>,
    idle: IdleTimer,
}

/// What the sender of a body needs to know while hyper has it.
#[derive(Debug)]
pub(crate) struct BodyState {
    /// The client's part was at fault, not the endpoint's.
    failed: AtomicBool,
    moved: Mutex<Instant>,
    /// What nobody reads any more, because the answer came before its end. Dropped before the answer has gone out it would
    /// reset the client's HTTP/2 stream, and the answer with it.
    unread: Mutex<Option<Incoming>>,
}

impl BodyState {
    pub(crate) fn client_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// When the last bytes of the body came by.
    pub(crate) fn moved(&self) -> Instant {
        *self.moved.lock()
    }
}

/// Of what is left of a body after its answer so much is still read, for so long: clients that are in the middle of sending
/// take a reset (HTTP/2) or a closed socket (HTTP/1.1) for a failure and lose the answer.
const LINGER_BYTES: usize = 256 << 10;
const LINGER: Duration = Duration::from_secs(1);

impl Drop for BodyState {
    fn drop(&mut self) {
        if let (Some(rest), Ok(runtime)) = (
            self.unread.get_mut().take(),
            tokio::runtime::Handle::try_current(),
        ) {
            // Whether it ends or not, it is dropped after this.
            runtime.spawn(tokio::time::timeout(LINGER, linger(rest)));
        }
    }
}

async fn linger(mut rest: Incoming) {
    let mut read = 0;
    while read < LINGER_BYTES
        && let Some(Ok(frame)) = rest.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

impl RequestBody {
    pub(crate) fn new(rest: Incoming, idle: Duration) -> Self {
        let rest = (!rest.is_end_stream()).then_some(rest);
        let state = || {
            Arc::new(BodyState {
                failed: AtomicBool::new(false),
                moved: Mutex::new(Instant::now()),
                unread: Mutex::new(None),
            })
        };
        Self {
            ready: VecDeque::new(),
            trailers: None,
            state: rest.is_some().then(state),
            rest,
            idle: IdleTimer::new(idle),
        }
    }

    /// None: there is no body.
    pub(crate) fn state(&self) -> Option<Arc<BodyState>> {
        self.state.clone()
    }

    /// Bytes that have been read ahead.
    pub(crate) fn ahead(&self) -> usize {
        self.ready.iter().map(Bytes::len).sum()
    }

    /// More is to come from the client than has been read ahead.
    pub(crate) fn is_waiting(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| !rest.is_end_stream())
    }

    /// What nobody is going to read, to be kept until the answer has gone out.
    pub(crate) fn into_unread(self) -> Option<Arc<BodyState>> {
        self.state.clone()
    }

    /// The same body once more, if all of it is here.
    pub(crate) fn again(&self) -> Option<Self> {
        self.rest.is_none().then(|| Self {
            ready: self.ready.clone(),
            trailers: self.trailers.clone(),
            rest: None,
            state: self.state.clone(),
            idle: IdleTimer::new(Duration::ZERO),
        })
    }

    /// Reads the next part ahead, while the request is held. Ready with its bytes (0: trailers), or None once all is here.
    pub(crate) fn poll_ahead(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<usize, hyper::Error>>> {
        let Some(rest) = self.rest.as_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(rest).poll_frame(cx));
        Poll::Ready(match frame {
            None => {
                self.rest = None;
                None
            }
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(frame)) => Some(Ok(match frame.into_data() {
                Ok(data) => {
                    let length = data.len();
                    self.ready.push_back(data);
                    length
                }
                Err(frame) => {
                    self.trailers = frame.into_trailers().ok();
                    0
                }
            })),
        })
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let (Some(state), Some(rest)) = (&self.state, self.rest.take())
            && !rest.is_end_stream()
        {
            *state.unread.lock() = Some(rest);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Some(chunk) = this.ready.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if let Some(trailers) = this.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        let Some(rest) = this.rest.as_mut() else {
            return Poll::Ready(None);
        };
        match Pin::new(rest).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.idle.stir();
                if let Some(state) = &this.state {
                    *state.moved.lock() = Instant::now();
                    state
                        .failed
                        .fetch_or(matches!(frame, Some(Err(_))), Ordering::Relaxed);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                ready!(this.idle.poll(cx));
                if let Some(state) = &this.state {
                    state.failed.store(true, Ordering::Relaxed);
                }
                Poll::Ready(Some(Err("the client sent nothing for too long".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty()
            && self.trailers.is_none()
            && self.rest.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ready = self
            .ready
            .iter()
            .map(|chunk| chunk.len() as u64)
            .sum::<u64>();
        let rest = self
            .rest
            .as_ref()
            .map(Incoming::size_hint)
            .unwrap_or(SizeHint::with_exact(0));
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + ready);
        // HTTP/1.1 sends a body of known length without its trailers.
        if let Some(upper) = rest.upper().filter(|_| self.trailers.is_none()) {
            hint.set_upper(upper + ready);
        }
        hint
    }
}

/// What keeps a request in flight until its answer has ended.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) engaged: Engaged,
    pub(crate) finished: Finished,
    #[allow(dead_code, reason = "keeps what is unread of the request")]
    pub(crate) request: Option<Arc<BodyState>>,
}

/// An answer, on its way to the client.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// From an endpoint.
    Streamed(Box<Streamed>),
    /// The proxy's own.
    Own(Own),
}

#[derive(Debug, Default)]
pub(crate) struct Own {
    bytes: Option<Bytes>,
    /// Accounts for the request when this has gone out.
    finished: Option<Finished>,
    /// Keeps what is unread of the request.
    request: Option<Arc<BodyState>>,
}

#[derive(Debug)]
pub(crate) struct Streamed {
    body: Incoming,
    lease: Option<Lease>,
    in_flight: Option<InFlight>,
    idle: IdleTimer,
}

impl AnswerBody {
    pub(crate) fn streamed(
        body: Incoming,
        lease: Lease,
        in_flight: InFlight,
        idle: Duration,
    ) -> Self {
        Self::Streamed(Box::new(Streamed {
            body,
            lease: Some(lease),
            in_flight: Some(in_flight),
            idle: IdleTimer::new(idle),
        }))
    }

    pub(crate) fn own(bytes: Bytes) -> Self {
        Self::Own(Own {
            bytes: (!bytes.is_empty()).then_some(bytes),
            ..Own::default()
        })
    }

    /// Goes with the proxy's own answer: accounts for the request, and keeps what is unread of it, until it has gone out.
    pub(crate) fn attach(&mut self, finished: Option<Finished>, request: Option<Arc<BodyState>>) {
        if let Self::Own(own) = self {
            (own.finished, own.request) = (finished, request);
        }
    }
}

impl Streamed {
    fn end(&mut self, complete: bool) {
        if let Some(lease) = self.lease.take()
            && complete
        {
            lease.complete();
        }
        if let Some(mut in_flight) = self.in_flight.take() {
            in_flight.finished.complete = complete;
            if complete {
                in_flight.engaged.done();
            }
        }
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        // With a known length the server stops at its last byte and never asks for the end.
        let complete = self.body.is_end_stream();
        self.end(complete);
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Own(own) => Poll::Ready(own.bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streamed(streamed) => match Pin::new(&mut streamed.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    streamed.idle.stir();
                    if let (Some(data), Some(in_flight)) =
                        (frame.data_ref(), &mut streamed.in_flight)
                    {
                        in_flight.finished.bytes += data.len() as u64;
                    }
                    Poll::Ready(Some(Ok(frame)))
                }
                Poll::Ready(None) => {
                    streamed.end(true);
                    Poll::Ready(None)
                }
                Poll::Ready(Some(Err(error))) => {
                    if let Some(in_flight) = &mut streamed.in_flight {
                        in_flight.finished.error = Some("upstream-closed");
                    }
                    streamed.end(false);
                    Poll::Ready(Some(Err(error.into())))
                }
                Poll::Pending => {
                    ready!(streamed.idle.poll(cx));
                    if let Some(in_flight) = &mut streamed.in_flight {
                        in_flight.finished.error = Some("upstream-idle");
                    }
                    streamed.end(false);
                    Poll::Ready(Some(Err("the upstream sent nothing for too long".into())))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(own) => own.bytes.is_none(),
            Self::Streamed(streamed) => streamed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(own) => {
                SizeHint::with_exact(own.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Streamed(streamed) => streamed.body.size_hint(),
        }
    }
}
