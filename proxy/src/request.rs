//! One request, straight through: route, admit (or hold), forward, answer.

mod attempt;
mod choice;
mod exception;
mod rematch;
mod seat;
mod target;

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::Instant;

use crate::access::Entry;
use crate::client::{Choice, Client, Serving};
use crate::error::ProxyError;
use crate::forward::{
    AnswerBody, BodyState, Forwarding, RequestBody, request_headers, upgrade_protocol,
};
use crate::hold::{hold, refused};
use crate::metrics::{Exception, Finished};
use crate::shared::Shared;
use crate::workload::{
    Admitted, Guest, Manner, Permit, Refusal, Settings, Stages, Ticket, Workload,
};
use attempt::Attempt;
use exception::{Other, Treatment, instead};
use rouse_api::link::EndpointId;
use rouse_api::workload::{Protocol, WorkloadId};
pub(crate) use seat::Seat;
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
        choice::take(&client.choice, request.headers_mut())
            .and_then(|chosen| route(shared, &request, &client.choice, chosen))
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
    /// By a gateway in front or by its port, and not by its host and path.
    chosen: bool,
}

fn route(
    shared: &Shared,
    request: &Request<Incoming>,
    choice: &Choice,
    chosen: Option<WorkloadId>,
) -> Result<Routed, ProxyError> {
    if request.method() == Method::CONNECT {
        return Err(ProxyError::Connect);
    }
    let target = Target::of(request)?;
    let table = shared.table.load();
    let table = table.as_ref().ok_or(ProxyError::NotReady)?;
    let workload = match &chosen {
        Some(id) => table.workload(id).ok_or_else(|| match choice {
            Choice::Made(_) => ProxyError::Removed,
            _ => ProxyError::NoWorkload(id.as_str().into()),
        })?,
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
    let (manner, asleep) = match Treatment::of(shared, client, &http, &request) {
        Treatment::Forward { manner, asleep } => (manner, asleep),
        Treatment::Respond(fixed) => {
            shared.metrics.exception(&workload.id, Exception::Respond);
            return own(fixed.answer(), request.into_body(), finished);
        }
    };
    let mut guest = None;
    if manner.wakes && http.instead.is_some() {
        match instead(&http, &workload, &request, target.host(), grpc) {
            None => {}
            Some(Other::Answer(answer, kind)) => {
                shared.metrics.exception(&workload.id, kind);
                return own(*answer, request.into_body(), finished);
            }
            Some(Other::Fallback(other)) => guest = Some(other),
        }
    }
    let protocol = guest.as_ref().map_or(http.protocol, |guest| guest.protocol);
    let upgrade = upgrade_protocol(request.headers())
        .filter(|_| client.is_http1() && protocol == Protocol::Http1);
    let on_upgrade = upgrade.as_ref().map(|_| hyper::upgrade::on(&mut request));
    let mut exchange = Exchange::new(
        shared, client, workload, http, request, target, protocol, upgrade, on_upgrade,
    );
    exchange.chosen = chosen;
    exchange.manner = manner;
    match exchange.run(finished, guest).await {
        Ok(answer) => answer,
        Err((error, mut finished)) => {
            let mut answer = match (&error, asleep) {
                (ProxyError::Asleep(_), Some(asleep)) => asleep.answer(),
                _ => {
                    shared.metrics.problem(error.name());
                    error.answer(grpc)
                }
            };
            tracing::debug!(%error, peer = %client.peer, workload = %exchange.workload.id, "not forwarded");
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

/// The proxy's own answer to a request that goes nowhere.
fn own(
    mut answer: Response<AnswerBody>,
    body: Incoming,
    mut finished: Finished,
) -> Response<AnswerBody> {
    finished.status = answer.status().as_u16();
    finished.complete = true;
    let unread = RequestBody::new(body, Duration::ZERO).into_unread();
    answer.body_mut().attach(Some(finished), unread);
    answer
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
    http: Arc<Settings>,
    manner: Manner,
    /// What the head was made for.
    protocol: Protocol,
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
        http: Arc<Settings>,
        request: Request<Incoming>,
        target: Target,
        protocol: Protocol,
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
            protocol,
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
            manner: Manner::DEMAND,
            protocol,
            expects_continue,
            upgrade,
            on_upgrade,
            arrived: Instant::now(),
            held: None,
        }
    }

    /// Tries until there is an answer, or an error to tell. `guest`: at the fallback first; what that provably didn't get is held.
    async fn run(
        &mut self,
        mut finished: Finished,
        guest: Option<Guest>,
    ) -> Result<Response<AnswerBody>, (ProxyError, Finished)> {
        if let Some(guest) = guest {
            self.shared
                .metrics
                .exception(&self.workload.id, Exception::Fallback);
            finished = match self.attempt(Seat::Fallback(guest), finished).await {
                Attempt::Answered(answer) => return Ok(*answer),
                Attempt::Sent {
                    error, finished, ..
                } => return Err((error, *finished)),
                Attempt::NotSent(error, finished) if self.protocol != self.http.protocol => {
                    return Err((error, *finished));
                }
                Attempt::NotSent(_, finished) => *finished,
            };
        }
        let mut ticket = self.workload.arrive(self.manner);
        let mut matched_again = false;
        let mut avoid: Option<EndpointId> = None;
        let (mut sent, mut tries) = (0, 0);
        loop {
            let permit = match self.permit(ticket, avoid.as_ref()).await {
                Ok(permit) => permit,
                Err(ProxyError::Removed) if !matched_again && self.match_again() => {
                    matched_again = true;
                    (ticket, avoid) = (self.workload.arrive(self.manner), None);
                    finished.move_to(&self.workload);
                    continue;
                }
                Err(error) => return Err((error, finished)),
            };
            avoid = Some(permit.endpoint().id.clone());
            tries += 1;
            finished = match self.attempt(Seat::Own(permit), finished).await {
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
        let (head, method, protocol) = (self.head.as_ref(), &self.method, self.protocol);
        let caller = || {
            let host = head.and_then(|head| rematch::host(head, protocol));
            let headers = head.map(Request::headers).cloned().unwrap_or_default();
            crate::edge::caller(method.as_str(), host.unwrap_or_default(), &headers)
        };
        let wait = match self.workload.admit(ticket, avoid, self.manner, caller) {
            Ok(Admitted::Now(permit)) => return Ok(permit),
            Ok(Admitted::Held(wait)) => wait,
            Err(refusal) => return Err(self.refused(refusal)),
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

    fn refused(&self, refusal: Refusal) -> ProxyError {
        let workload = &self.workload;
        let asleep = matches!(refusal, Refusal::Asleep);
        let kind = if self.manner.counts {
            Exception::WakeRequires
        } else {
            Exception::NoWake
        };
        if asleep {
            self.shared.metrics.exception(&workload.id, kind);
        }
        match &self.http.wake_requires {
            Some(requires) if asleep && self.manner == Manner::GUEST => ProxyError::WakeRequires {
                workload: workload.id.to_string(),
                headers: requires.headers.join(", "),
                status: http::StatusCode::from_u16(requires.status)
                    .unwrap_or(http::StatusCode::UNAUTHORIZED),
            },
            _ => refused(refusal, workload),
        }
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
