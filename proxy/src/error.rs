//! Everything that can go wrong with a request, told once, at the edge: problem+json (RFC 9457), or a gRPC status.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use rouse_api::link::Failure;
use serde::Serialize;

use crate::forward::AnswerBody;

/// gRPC status codes (grpc/doc/statuscodes.md).
mod grpc {
    pub(super) const DEADLINE_EXCEEDED: u8 = 4;
    pub(super) const PERMISSION_DENIED: u8 = 7;
    pub(super) const RESOURCE_EXHAUSTED: u8 = 8;
    pub(super) const UNIMPLEMENTED: u8 = 12;
    pub(super) const INTERNAL: u8 = 13;
    pub(super) const UNAVAILABLE: u8 = 14;
    pub(super) const UNAUTHENTICATED: u8 = 16;
}

/// Why a request is not answered by its workload.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ProxyError {
    /// The message can't be understood in one way only.
    #[error("{0}")]
    BadRequest(&'static str),
    #[error(
        "CONNECT is not supported: this is a gateway in front of services, not a forward proxy"
    )]
    Connect,
    #[error(
        "no workload has a route for this host and path; check the hosts, pathPrefixes and headers of its ScaledWorkload"
    )]
    NoRoute,
    #[error(
        "there is no workload {0}, which the header rouse-workload names; it is the namespace and the name of a ScaledWorkload with http"
    )]
    NoWorkload(Arc<str>),
    #[error("the gateway has not yet been told its routes; try again in a moment")]
    NotReady,
    #[error(
        "as many requests as allowed already wait for {workload}; raise http.hold.maxRequests, or try again later{}",
        Start(progress)
    )]
    HoldFull {
        workload: String,
        progress: Option<Arc<Failure>>,
    },
    #[error("as many requests as allowed already wait at this gateway; try again later")]
    AllHoldFull,
    #[error(
        "no replica of {workload} took the request within {after:?}; see its status for what the start is waiting for, or raise http.hold.timeout{}",
        Start(progress)
    )]
    HoldTimeout {
        workload: String,
        after: Duration,
        progress: Option<Arc<Failure>>,
    },
    #[error("{workload} can't start: {}: {}", failure.reason, failure.message)]
    Failed {
        workload: String,
        failure: Arc<Failure>,
    },
    #[error("{0} is asleep, and a rule says that this request does not wake it")]
    Asleep(String),
    #[error(
        "{workload} is asleep, and a request wakes it only with {headers} (http.wakeRequires); it is served without while {workload} is awake"
    )]
    WakeRequires {
        workload: String,
        headers: String,
        status: StatusCode,
    },
    #[error("the workload was removed before the request could be sent to it")]
    Removed,
    #[error(
        "the connection to the replica of {0} was lost before its answer; the request may or may not have been executed"
    )]
    UpstreamClosed(String),
    #[error("the replica of {0} refused the request before processing it, on every try")]
    UpstreamRefused(String),
    #[error(
        "the replica of {workload} sent no answer within {after:?} (http.timeouts.responseHeader)"
    )]
    UpstreamTimeout { workload: String, after: Duration },
    #[error("the request's body ended early or stalled")]
    ClientBody,
}

/// What the start of a workload waits for, at the end of a sentence.
struct Start<'a>(&'a Option<Arc<Failure>>);

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(progress) => write!(f, " ({}: {})", progress.reason, progress.message),
            None => Ok(()),
        }
    }
}

/// Why a start takes long, for programs.
#[derive(Serialize)]
struct Progress<'a> {
    reason: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress<'a>>,
}

impl ProxyError {
    /// HTTP status, stable name, gRPC status. UNAVAILABLE only when nothing went upstream: gateways in front retry it.
    fn facts(&self) -> (StatusCode, &'static str, u8) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad-request", grpc::INTERNAL),
            Self::Connect => (
                StatusCode::NOT_IMPLEMENTED,
                "connect-not-supported",
                grpc::UNIMPLEMENTED,
            ),
            Self::NoRoute => (StatusCode::NOT_FOUND, "no-route", grpc::UNIMPLEMENTED),
            Self::NoWorkload(_) => (StatusCode::NOT_FOUND, "no-workload", grpc::UNIMPLEMENTED),
            Self::NotReady => (
                StatusCode::SERVICE_UNAVAILABLE,
                "not-ready",
                grpc::UNAVAILABLE,
            ),
            Self::HoldFull { .. } | Self::AllHoldFull => (
                StatusCode::SERVICE_UNAVAILABLE,
                "hold-full",
                grpc::RESOURCE_EXHAUSTED,
            ),
            Self::HoldTimeout { .. } => (
                StatusCode::GATEWAY_TIMEOUT,
                "hold-timeout",
                grpc::DEADLINE_EXCEEDED,
            ),
            Self::Failed { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "workload-failed",
                grpc::UNAVAILABLE,
            ),
            Self::Asleep(_) => (StatusCode::SERVICE_UNAVAILABLE, "asleep", grpc::UNAVAILABLE),
            Self::WakeRequires { status, .. } => (
                *status,
                "wake-requires",
                match *status {
                    StatusCode::UNAUTHORIZED => grpc::UNAUTHENTICATED,
                    StatusCode::FORBIDDEN => grpc::PERMISSION_DENIED,
                    _ => grpc::UNAVAILABLE,
                },
            ),
            Self::Removed => (
                StatusCode::SERVICE_UNAVAILABLE,
                "workload-removed",
                grpc::UNAVAILABLE,
            ),
            Self::UpstreamClosed(_) => (StatusCode::BAD_GATEWAY, "upstream-closed", grpc::INTERNAL),
            Self::UpstreamRefused(_) => (
                StatusCode::BAD_GATEWAY,
                "upstream-refused",
                grpc::UNAVAILABLE,
            ),
            Self::UpstreamTimeout { .. } => (
                StatusCode::GATEWAY_TIMEOUT,
                "upstream-timeout",
                grpc::DEADLINE_EXCEEDED,
            ),
            Self::ClientBody => (StatusCode::BAD_REQUEST, "client-body", grpc::INTERNAL),
        }
    }

    /// The stable name, as in `type` and as a metric's label.
    pub(crate) fn name(&self) -> &'static str {
        self.facts().1
    }

    fn progress(&self) -> Option<Progress<'_>> {
        let (Self::HoldFull { progress, .. } | Self::HoldTimeout { progress, .. }) = self else {
            return None;
        };
        progress.as_ref().map(|progress| Progress {
            reason: &progress.reason,
            message: &progress.message,
        })
    }

    /// The answer to the client.
    pub(crate) fn answer(&self, is_grpc: bool) -> Response<AnswerBody> {
        let (status, name, code) = self.facts();
        let detail = self.to_string();
        let mut response = if is_grpc {
            grpc_answer(code, &format!("{name}: {detail}"))
        } else {
            let problem = Problem {
                r#type: format!("urn:rouse:problem:{name}"),
                title: status.canonical_reason().unwrap_or("Error"),
                status: status.as_u16(),
                detail,
                progress: self.progress(),
            };
            let mut response = Response::new(AnswerBody::own(Bytes::from(
                serde_json::to_vec(&problem).unwrap_or_default(),
            )));
            *response.status_mut() = status;
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            );
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        };
        let headers = response.headers_mut();
        match self {
            Self::HoldFull { .. } | Self::AllHoldFull | Self::NotReady => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // One must be there (RFC 9110 section 15.5.2); this one opens no dialog.
            Self::WakeRequires { status, .. } if *status == StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Failed { .. } | Self::Removed | Self::Asleep(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            // What follows on the connection can't be told from this message's rest.
            Self::BadRequest(_) | Self::Connect | Self::ClientBody => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

/// A gRPC answer of headers alone ("Trailers-Only").
fn grpc_answer(code: u8, message: &str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::own(Bytes::new()));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert("grpc-status", HeaderValue::from(u16::from(code)));
    if let Ok(value) = HeaderValue::try_from(percent_encode(message)) {
        headers.insert("grpc-message", value);
    }
    response
}

/// As gRPC over HTTP/2 wants it: printable ASCII but for the percent sign stays.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            match byte {
                b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
                _ => out.push_str(&format!("%{byte:02X}")),
            }
            out
        })
}

#[cfg(test)]
mod tests;
