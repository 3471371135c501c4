use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use http::StatusCode;

/// Why an attempt failed: what was seen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeFailure {
    /// No TCP connection.
    #[error("connecting to {address}: {}", cause(error))]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// The system's answer.
        error: io::Error,
    },
    /// Nothing decisive within the time given.
    #[error("{what}: no answer within {timeout:?}")]
    Timeout {
        /// What was tried.
        what: String,
        /// The time given.
        timeout: Duration,
    },
    /// The connection ended, or what came over it was no answer.
    #[error("{what}: {}", chain(error))]
    Broken {
        /// What was tried.
        what: String,
        /// What the protocol's implementation says.
        error: hyper::Error,
    },
    /// An HTTP answer outside of 200 to 399.
    #[error("GET {path} answered {}", status.as_u16())]
    Status {
        /// Path and query asked for.
        path: String,
        /// The answer.
        status: StatusCode,
    },
    /// A gRPC answer that is not the health service's.
    #[error("gRPC health check of {service:?} answered {answer}")]
    Grpc {
        /// The service asked about.
        service: String,
        /// What came instead.
        answer: String,
    },
    /// A health other than SERVING.
    #[error("gRPC health check of {service:?} answered {}", health(*.status))]
    NotServing {
        /// The service asked about.
        service: String,
        /// `grpc.health.v1.HealthCheckResponse.ServingStatus`.
        status: u64,
    },
    /// The command could not be started.
    #[error("{program:?} could not be started: {error}")]
    Start {
        /// The command's program.
        program: String,
        /// The system's answer.
        error: io::Error,
    },
    /// The command ended with something other than success.
    #[error("{program:?} ended with {status}")]
    Exit {
        /// The command's program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The probe itself can't be tried.
    #[error("the probe is not valid: {0}")]
    Invalid(String),
}

/// Without the operating system's error number.
fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        _ => error.to_string(),
    }
}

/// hyper keeps the cause of an error in its source.
fn chain(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Names of `ServingStatus` in grpc/health/v1/health.proto.
fn health(status: u64) -> String {
    match status {
        0 => "UNKNOWN".to_owned(),
        2 => "NOT_SERVING".to_owned(),
        3 => "SERVICE_UNKNOWN".to_owned(),
        other => format!("health {other}"),
    }
}
