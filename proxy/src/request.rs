//! One request, straight through: route, admit (or hold), forward, answer.

mod attempt;
mod choice;
mod rematch;
mod target;

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::Instant;

use crate::access::Entry;
use crate::client::{Client, Serving};
use crate::error::ProxyError;
use crate::forward::{
    AnswerBody, BodyState, Forwarding, RequestBody, request_headers, upgrade_protocol,
};
use crate::hold::{hold, refused};
use crate::metrics::Finished;
use crate::shared::Shared;
use crate::workload::{Admitted, Permit, Stages, Ticket, Workload};
use attempt::Attempt;
use rouse_api::link::EndpointId;
use rouse_api::workload::{Http, Protocol, WorkloadId};
use target::Target;

/// Answers a request, whatever happens.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    client: &Arc<Client>,
    mut request: Request<Incoming>,
) -> Response<AnswerBody> {
    let (serving, ambiguous) = client.begin();
    let grpc = is_grpc(request.headers());
    let outcome = if ambiguous {
        Err(ProxyError::BadRequest(
            "the head can be read in two ways (Content-Length twice or beside Transfer-Encoding, a folded line, or a bare line feed)",
        ))
    } else {
        choice::take(client.choice, request.headers_mut())
            .and_then(|chosen| route(shared, &request, chosen))
    };
    let mut answer = match outcome {
        Ok(routed) => forward(shared, client, serving, request, routed).await,
        Err(error) => {
            shared.metrics.problem(error.name());
            tracing::debug!(%error, peer = %client.peer, "refused");
            let mut answer = error.answer(grpc);
            let unread = RequestBody::new(request.into_body(), Duration::ZERO).into_unread();
            answer.body_mut().attach(None, unread);
            answer
        }
    };
    if !client.is_http1() {
        answer.headers_mut().remove(header::CONNECTION);
    }
    answer
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Where a request is to go.
struct Routed {
    target: Target,
    workload: Arc<Workload>,
    /// By a gateway in front, and not by its host and path.
    chosen: bool,
}

fn route(
    shared: &Shared,
    request: &Request<Incoming>,
    chosen: Option<WorkloadId>,
) -> Result<Routed, ProxyError> {
    if request.method() == Method::CONNECT {
        return Err(ProxyError::Connect);
    }
    let target = Target::of(request)?;
    let table = shared.table.load();
    let table = table.as_ref().ok_or(ProxyError::NotReady)?;
    let workload = match &chosen {
        Some(id) => table
            .workload(id)
            .ok_or_else(|| ProxyError::NoWorkload(id.as_str().into()))?,
        None => table
            .find(target.host(), request.uri().path(), request.headers())
            .ok_or(ProxyError::NoRoute)?,
    };
    Ok(Routed {
        workload: workload.clone(),
        target,
        chosen: chosen.is_some(),
    })
}

async fn forward(
    shared: &Arc<Shared>,
    client: &Arc<Client>,
    serving: Serving,
    mut request: Request<Incoming>,
    routed: Routed,
) -> Response<AnswerBody> {
    let Routed {
        target,
        workload,
        chosen,
    } = routed;
    let grpc = is_grpc(request.headers());
    let mut finished = Finished {
        workload: workload.clone(),
        start: Instant::now(),
        status: 0,
        bytes: 0,
        complete: false,
        error: None,
        entry: None,
        serving,
    };
    if let Some(log) = &shared.access {
        finished.entry = Some((
            log.clone(),
            Box::new(entry(client, &request, &target, &workload)),
        ));
    }
    let http = workload.http.load_full();
    let upgrade = upgrade_protocol(request.headers())
        .filter(|_| client.is_http1() && http.protocol == Protocol::Http1);
    let on_upgrade = upgrade.as_ref().map(|_| hyper::upgrade::on(&mut request));
    let mut exchange = Exchange::new(
        shared, client, workload, http, request, target, upgrade, on_upgrade,
    );
    exchange.chosen = chosen;
    match exchange.run(finished).await {
        Ok(answer) => answer,
        Err((error, mut finished)) => {
            shared.metrics.problem(error.name());
            tracing::debug!(%error, peer = %client.peer, workload = %exchange.workload.id, "not forwarded");
            let mut answer = error.answer(grpc);
            exchange.tell_hold(answer.headers_mut());
            finished.status = answer.status().as_u16();
            finished.error = Some(error.name());
            finished.complete = true;
            drop(exchange.body.take());
            answer
                .body_mut()
                .attach(Some(finished), exchange.body_state.take());
            answer
        }
    }
}

fn entry(
    client: &Client,
    request: &Request<Incoming>,
    target: &Target,
    workload: &Workload,
) -> Entry {
    let text = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .map(str::to_owned)
    };
    Entry {
        timestamp: 0,
        client: client.peer.ip(),
        method: request.method().to_string(),
        host: target.host().to_owned(),
        path: request.uri().path().to_owned(),
        version: format!("{:?}", request.version()),
        workload: workload.id.to_string(),
        request_id: text("x-request-id"),
        endpoint: None,
        held_ms: 0.0,
        status: 0,
        bytes: 0,
        duration_ms: 0.0,
        error: None,
    }
}

/// A request with everything that its tries share.
pub(super) struct Exchange<'a> {
    shared: &'a Arc<Shared>,
    client: &'a Arc<Client>,
    workload: Arc<Workload>,
    /// The workload was named, not found by host and path.
    chosen: bool,
    http: Arc<Http>,
    method: Method,
    /// Head and body as they go upstream; away while a try has them.
    head: Option<Request<()>>,
    body: Option<RequestBody>,
    body_state: Option<Arc<BodyState>>,
    expects_continue: bool,
    upgrade: Option<HeaderValue>,
    on_upgrade: Option<OnUpgrade>,
    arrived: Instant,
    held: Option<Held>,
}

/// When a request was held, and until when.
#[derive(Debug, Clone, Copy)]
struct Held {
    total: Duration,
    stages: Stages,
}

/// Tries of one request that may have reached an endpoint.
const MOST_SENT: u32 = 3;
/// Tries in all: an endpoint that takes no connection has received nothing, and is set aside at once.
const MOST_TRIES: u32 = 100;

impl<'a> Exchange<'a> {
    #[allow(
        clippy::too_many_arguments,
        reason = "made in one place, from what that place has just taken apart"
    )]
    fn new(
        shared: &'a Arc<Shared>,
        client: &'a Arc<Client>,
        workload: Arc<Workload>,
        http: Arc<Http>,
        request: Request<Incoming>,
        target: Target,
        upgrade: Option<HeaderValue>,
        on_upgrade: Option<OnUpgrade>,
    ) -> Self {
        let expects_continue = request.headers().contains_key(header::EXPECT);
        let (mut head, body) = request.into_parts();
        let method = head.method.clone();
        let body = RequestBody::new(body, http.timeouts.idle);
        prepare(
            &mut head,
            target,
            http.protocol,
            &client.forwarding,
            upgrade.as_ref(),
        );
        Self {
            shared,
            client,
            method,
            head: Some(Request::from_parts(head, ())),
            body_state: body.state(),
            body: Some(body),
            workload,
            chosen: false,
            http,
            expects_continue,
            upgrade,
            on_upgrade,
            arrived: Instant::now(),
            held: None,
        }
    }

    /// Tries until there is an answer, or an error to tell.
    async fn run(
        &mut self,
        mut finished: Finished,
    ) -> Result<Response<AnswerBody>, (ProxyError, Finished)> {
        let mut ticket = self.workload.arrive();
        let mut matched_again = false;
        let mut avoid: Option<EndpointId> = None;
        let (mut sent, mut tries) = (0, 0);
        loop {
            let permit = match self.permit(ticket, avoid.as_ref()).await {
                Ok(permit) => permit,
                Err(ProxyError::Removed) if !matched_again && self.match_again() => {
                    matched_again = true;
                    (ticket, avoid) = (self.workload.arrive(), None);
                    finished.move_to(&self.workload);
                    continue;
                }
                Err(error) => return Err((error, finished)),
            };
            avoid = Some(permit.endpoint().id.clone());
            tries += 1;
            finished = match self.attempt(permit, finished).await {
                Attempt::Answered(answer) => return Ok(*answer),
                Attempt::NotSent(error, finished) if tries >= MOST_TRIES => {
                    return Err((error, *finished));
                }
                Attempt::NotSent(_, finished) => *finished,
                Attempt::Sent {
                    error,
                    finished,
                    again,
                } => {
                    sent += 1;
                    let Some((head, body)) = again.map(|again| *again) else {
                        return Err((error, *finished));
                    };
                    if sent >= MOST_SENT || !self.workload.retries.spend(Instant::now()) {
                        return Err((error, *finished));
                    }
                    (self.head, self.body) = (Some(head), Some(body));
                    *finished
                }
            };
            self.workload.metrics.retries.inc();
        }
    }

    async fn permit(
        &mut self,
        ticket: Ticket,
        avoid: Option<&EndpointId>,
    ) -> Result<Permit, ProxyError> {
        let wait = match self.workload.admit(ticket, avoid) {
            Ok(Admitted::Now(permit)) => return Ok(permit),
            Ok(Admitted::Held(wait)) => wait,
            Err(refusal) => return Err(refused(refusal, &self.workload)),
        };
        let deadline = self.arrived + self.http.hold.timeout;
        let Some(body) = self.body.as_mut() else {
            return Err(ProxyError::ClientBody);
        };
        // Boxed: most requests are never held, and every connection has room for this future.
        let held = Box::pin(hold(
            self.shared,
            self.client,
            &self.workload,
            wait,
            body,
            self.expects_continue,
            deadline,
        ))
        .await;
        let total = self.arrived.elapsed();
        self.workload.metrics.hold.observe(total.as_secs_f64());
        let stages = held.as_ref().map(Permit::stages).unwrap_or_default();
        self.held = Some(Held { total, stages });
        held
    }

    /// Says in `Server-Timing` what a held request waited for.
    fn tell_hold(&self, headers: &mut HeaderMap) {
        let Some(held) = self.held else { return };
        let milliseconds =
            |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1e3;
        let end = self.arrived + held.total;
        let mut text = format!("rouse-hold;dur={:.1}", held.total.as_secs_f64() * 1e3);
        if let (Some(starting), Some(ready)) = (held.stages.starting, held.stages.ready) {
            let (starting, ready) = (
                starting.clamp(self.arrived, end),
                ready.clamp(self.arrived, end),
            );
            let stages = [
                ("rouse-schedule", milliseconds(self.arrived, starting)),
                ("rouse-start", milliseconds(starting, ready)),
                ("rouse-queue", milliseconds(ready, end)),
            ];
            for (name, length) in stages {
                text.push_str(&format!(", {name};dur={length:.1}"));
            }
        }
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.append("server-timing", value);
        }
    }
}

/// Makes the head that goes upstream.
fn prepare(
    head: &mut http::request::Parts,
    target: Target,
    protocol: Protocol,
    forwarding: &Forwarding,
    upgrade: Option<&HeaderValue>,
) {
    let http1 = protocol == Protocol::Http1;
    request_headers(
        &mut head.headers,
        target.value(),
        forwarding,
        http1,
        upgrade,
    );
    head.extensions.clear();
    head.version = if http1 {
        http::Version::HTTP_11
    } else {
        http::Version::HTTP_2
    };
    head.uri = target.into_uri(std::mem::take(&mut head.uri), http1);
}
