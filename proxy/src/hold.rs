//! Holding a request: in line for a permit, with a deadline, with a little of its body, and gone at once when its client is.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::Client;
use crate::error::ProxyError;
use crate::forward::RequestBody;
use crate::shared::{Part, Shared};
use crate::workload::{Permit, Refusal, Wait, Workload};

/// Of a body at most this is read while its request is held. It shows a client that leaves, and lets the request be sent again.
const AHEAD: usize = 64 << 10;
/// How often a client is looked at that has more body waiting than is read ahead: then no read would tell that it has left.
const LOOK: Duration = Duration::from_millis(100);

/// Waits for the permit.
pub(crate) async fn hold(
    shared: &Shared,
    client: &Client,
    workload: &Workload,
    wait: Wait,
    body: &mut RequestBody,
    expects_continue: bool,
    deadline: Instant,
) -> Result<Permit, ProxyError> {
    let _place = shared
        .held_requests
        .take(1)
        .ok_or(ProxyError::AllHoldFull)?;
    // Read while it was held before, if it was.
    let read = body.ahead();
    let (own, all) = (workload.held_bytes.take(read), shared.held_bytes.take(read));
    let mut ahead = Ahead {
        // A client that expects 100 (Continue) sends its body when it is told to, and it is told by the first read.
        reading: !expects_continue && read < AHEAD && own.is_some() && all.is_some(),
        read,
        own,
        all,
    };
    let mut wait = pin!(wait);
    let mut late = pin!(tokio::time::sleep_until(deadline));
    let mut left = pin!(client.left(LOOK));
    poll_fn(|cx| {
        if let Poll::Ready(verdict) = wait.as_mut().poll(cx) {
            return Poll::Ready(verdict.map_err(|refusal| refused(refusal, workload)));
        }
        match ahead.poll(body, cx) {
            Poll::Ready(Err(())) => return Poll::Ready(Err(ProxyError::ClientBody)),
            Poll::Ready(Ok(()))
                if client.is_http1() && body.is_waiting() && left.as_mut().poll(cx).is_ready() =>
            {
                return Poll::Ready(Err(ProxyError::ClientBody));
            }
            _ => {}
        }
        if late.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(ProxyError::HoldTimeout {
                workload: workload.id.to_string(),
                after: workload.http.load().hold.timeout,
                progress: workload.progress(),
            }));
        }
        Poll::Pending
    })
    .await
}

/// The error that a refusal is told as.
pub(crate) fn refused(refusal: Refusal, workload: &Workload) -> ProxyError {
    match refusal {
        Refusal::Full => ProxyError::HoldFull {
            workload: workload.id.to_string(),
            progress: workload.progress(),
        },
        Refusal::Failed(failure) => ProxyError::Failed {
            workload: workload.id.to_string(),
            failure,
        },
        Refusal::Removed => ProxyError::Removed,
        Refusal::Asleep => ProxyError::Asleep(workload.id.to_string()),
    }
}

/// What is read of a body meanwhile, counted against the workload's and the proxy's bounds.
struct Ahead {
    reading: bool,
    read: usize,
    own: Option<Part>,
    all: Option<Part>,
}

impl Ahead {
    /// Ready once no more is read: all is here, or as much as may be.
    fn poll(&mut self, body: &mut RequestBody, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        while self.reading {
            match body.poll_ahead(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => self.reading = false,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(())),
                Poll::Ready(Some(Ok(length))) => {
                    self.read += length;
                    let room = [&mut self.own, &mut self.all]
                        .into_iter()
                        .all(|part| part.as_mut().is_some_and(|part| part.grow(length)));
                    self.reading = room && self.read < AHEAD;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
