//! One try of a request on one endpoint.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::{Exchange, Seat};
use crate::endpoint::{ConnectError, Connector, Engaged, Lease, Pool, SendError};
use crate::error::ProxyError;
use crate::forward::{AnswerBody, InFlight, RequestBody, answer_headers, tunnel, upgrade_protocol};
use crate::metrics::{Finished, milliseconds};

/// Head and body for another try.
pub(super) type Again = (Request<()>, RequestBody);

/// What came of a try.
pub(super) enum Attempt {
    Answered(Box<Response<AnswerBody>>),
    /// The endpoint has provably received nothing; the request is whole again.
    NotSent(ProxyError, Box<Finished>),
    /// It may have; `again` is there when it may be sent once more all the same.
    Sent {
        error: ProxyError,
        finished: Box<Finished>,
        again: Option<Box<Again>>,
    },
}

impl Exchange<'_> {
    pub(super) async fn attempt(&mut self, permit: Seat, finished: Finished) -> Attempt {
        let mut finished = Box::new(finished);
        let http = self.http.clone();
        let connector = Connector {
            dial: permit.dial(),
            tls: http.tls().filter(|_| matches!(permit, Seat::Own(_))),
            timeout: self.http.timeouts.connect,
            second_handle: self.http.concurrency_limit.is_some(),
        };
        let streams = self.shared.config.upstream.h2_streams;
        let mut lease = match Pool::lease(permit.endpoint(), self.protocol, connector, streams)
            .await
        {
            Ok(lease) => lease,
            Err(error) => {
                tracing::debug!(%error, workload = %self.workload.id, endpoint = %permit.endpoint().address, "no connection");
                if let ConnectError::Tls(error) = &error {
                    self.shared.metrics.tls_failures.inc();
                    tracing::warn!(%error, workload = %self.workload.id, endpoint = %permit.endpoint().address, "no TLS with a replica");
                }
                if !matches!(error, ConnectError::NoneKept) {
                    permit.failed(true);
                }
                return Attempt::NotSent(
                    ProxyError::UpstreamRefused(self.workload.id.to_string()),
                    finished,
                );
            }
        };
        let (Some(head), Some(body)) = (self.head.take(), self.body.take()) else {
            return Attempt::Sent {
                error: ProxyError::ClientBody,
                finished,
                again: None,
            };
        };
        let address = permit.endpoint().address;
        let patience = self.http.timeouts.response_header;
        let mut engaged = Engaged::new(permit, lease.socket(), patience);
        let state = self.body_state.clone();
        let whole = body.again();
        // Kept only where another try could need it.
        let spare = whole
            .filter(|_| self.method.is_idempotent() || self.is_http2_upstream())
            .map(|body| (head.clone(), body));
        let request = head.map(|()| body);
        let outcome = {
            let sending = std::pin::pin!(lease.send(request));
            let moved = || state.as_ref().map(|state| state.moved());
            answer_within(sending, self.http.timeouts.response_header, moved).await
        };
        let Some(outcome) = outcome else {
            engaged.failed();
            let error = ProxyError::UpstreamTimeout {
                workload: self.workload.id.to_string(),
                after: self.http.timeouts.response_header,
            };
            return Attempt::Sent {
                error,
                finished,
                again: None,
            };
        };
        match outcome {
            Ok(answer) => {
                if let Some((_, entry)) = &mut finished.entry {
                    entry.endpoint = Some(address.to_string());
                }
                Attempt::Answered(Box::new(self.answered(answer, engaged, lease, *finished)))
            }
            Err(SendError::Unsent(request)) => {
                if !lease.reused {
                    // It takes connections and closes them at once.
                    engaged.failed();
                }
                engaged.done();
                let (head, body) = request.into_parts();
                (self.head, self.body) = (Some(Request::from_parts(head, ())), Some(body));
                Attempt::NotSent(
                    ProxyError::UpstreamRefused(self.workload.id.to_string()),
                    finished,
                )
            }
            Err(SendError::Refused(error)) => {
                tracing::debug!(%error, workload = %self.workload.id, "refused by the endpoint");
                engaged.done();
                Attempt::Sent {
                    error: ProxyError::UpstreamRefused(self.workload.id.to_string()),
                    finished,
                    again: spare.map(Box::new),
                }
            }
            Err(SendError::Lost(error)) => {
                tracing::debug!(%error, reused = lease.reused, workload = %self.workload.id, "lost");
                if state.is_some_and(|state| state.client_failed()) {
                    return Attempt::Sent {
                        error: ProxyError::ClientBody,
                        finished,
                        again: None,
                    };
                }
                engaged.failed();
                Attempt::Sent {
                    error: ProxyError::UpstreamClosed(self.workload.id.to_string()),
                    finished,
                    again: spare.filter(|_| self.method.is_idempotent()).map(Box::new),
                }
            }
        }
    }

    fn is_http2_upstream(&self) -> bool {
        self.protocol == rouse_api::workload::Protocol::H2c
    }

    fn answered(
        &mut self,
        answer: Response<Incoming>,
        engaged: Engaged,
        lease: Lease,
        mut finished: Finished,
    ) -> Response<AnswerBody> {
        engaged.head();
        self.workload.retries.earn();
        let (mut head, body) = answer.into_parts();
        finished.status = head.status.as_u16();
        if let Some((_, entry)) = &mut finished.entry {
            entry.held_ms = self.held.map_or(0.0, |held| milliseconds(held.total));
        }
        let in_flight = InFlight {
            engaged,
            finished,
            request: self.body_state.take(),
        };
        let idle = self.http.timeouts.idle;
        let switched = head.status == StatusCode::SWITCHING_PROTOCOLS;
        let agreed = self
            .upgrade
            .take()
            .filter(|_| switched && upgrade_protocol(&head.headers).is_some());
        answer_headers(&mut head.headers, agreed.as_ref());
        self.tell_hold(&mut head.headers);
        match (agreed, self.on_upgrade.take()) {
            (Some(protocol), Some(client)) => {
                let mut answer = Response::from_parts(head, body);
                let upstream = hyper::upgrade::on(&mut answer);
                self.client.becomes_tunnel();
                self.shared.tasks.spawn({
                    let (draining, killed) = (self.shared.draining.clone(), self.shared.killed.clone());
                    async move {
                        tokio::select! {
                            () = tunnel(client, upstream, protocol, idle, draining, lease, in_flight) => {}
                            () = killed.cancelled() => {}
                        }
                    }
                });
                answer.map(|_| AnswerBody::own(bytes::Bytes::new()))
            }
            _ if switched => {
                // It was not asked to switch; its bytes mean nothing to anybody.
                self.shared.metrics.problem("upstream-closed");
                let mut answer =
                    ProxyError::UpstreamClosed(self.workload.id.to_string()).answer(false);
                let InFlight {
                    mut finished,
                    request,
                    ..
                } = in_flight;
                (finished.status, finished.complete) = (answer.status().as_u16(), true);
                answer.body_mut().attach(Some(finished), request);
                answer
            }
            _ => Response::from_parts(head, AnswerBody::streamed(body, lease, in_flight, idle)),
        }
    }
}

/// Waits for the answer's head: at most `limit` after the last byte of the request's body has moved. None: too late.
async fn answer_within<T>(
    mut sending: std::pin::Pin<&mut impl Future<Output = T>>,
    limit: Duration,
    moved: impl Fn() -> Option<Instant>,
) -> Option<T> {
    if limit.is_zero() {
        return Some(sending.await);
    }
    let mut wait = limit;
    loop {
        if let Ok(outcome) = tokio::time::timeout(wait, sending.as_mut()).await {
            return Some(outcome);
        }
        let quiet = moved().map_or(limit, |moved| moved.elapsed());
        if quiet >= limit {
            return None;
        }
        wait = limit - quiet;
    }
}
