//! One readiness probe attempt (HTTP, TCP, gRPC, exec) as the kubelet would make it.
//!
//! An attempt is one look at one replica: when to look, and what several looks in a row mean, is the caller's business.
//! Whatever an attempt opens or starts is closed or killed when it ends, also when its future is dropped.

mod exec;
mod failure;
mod grpc;
mod http1;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rouse_api::workload::ProbeAction;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub use failure::ProbeFailure;

/// What an attempt calls itself in `User-Agent`, unless the probe's headers say otherwise.
const USER_AGENT: &str = "rouse-probe";

/// Makes one attempt against the replica at `address`; a port in `action` replaces the address' own.
///
/// `env` (added to the inherited environment) and `working_dir` are those of an exec probe's command.
///
/// # Errors
/// When the replica is not ready, or did not say so within `timeout`; the failure's text tells what was seen.
pub async fn attempt(
    action: &ProbeAction,
    address: SocketAddr,
    env: &BTreeMap<String, String>,
    working_dir: Option<&Path>,
    timeout: Duration,
) -> Result<(), ProbeFailure> {
    let at = |port: &Option<u16>| SocketAddr::new(address.ip(), port.unwrap_or(address.port()));
    let (what, outcome) = match action {
        ProbeAction::HttpGet {
            path,
            headers,
            port,
        } => {
            let get = Box::pin(http1::get(at(port), path, headers));
            (
                format!("GET {path}"),
                tokio::time::timeout(timeout, get).await,
            )
        }
        ProbeAction::TcpSocket { port } => {
            let connect = async { connect(at(port)).await.map(drop) };
            (
                format!("connecting to {}", at(port)),
                tokio::time::timeout(timeout, connect).await,
            )
        }
        ProbeAction::Grpc { service, port } => {
            let check = Box::pin(grpc::check(at(port), service));
            (
                format!("gRPC health check of {service:?}"),
                tokio::time::timeout(timeout, check).await,
            )
        }
        ProbeAction::Exec { command } => {
            let run = exec::run(command, env, working_dir);
            (
                command.first().cloned().unwrap_or_default(),
                tokio::time::timeout(timeout, run).await,
            )
        }
    };
    outcome.unwrap_or(Err(ProbeFailure::Timeout { what, timeout }))
}

/// As [`attempt`], inside what `wrap` makes of each connection: TLS, say. A command is not tried.
///
/// # Errors
/// As [`attempt`]'s, and when `wrap` fails.
pub async fn attempt_over<F, T, E>(
    action: &ProbeAction,
    address: SocketAddr,
    timeout: Duration,
    wrap: impl FnOnce(TcpStream) -> F,
) -> Result<(), ProbeFailure>
where
    F: Future<Output = Result<T, E>>,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let port = match action {
        ProbeAction::HttpGet { port, .. }
        | ProbeAction::TcpSocket { port }
        | ProbeAction::Grpc { port, .. } => port,
        ProbeAction::Exec { .. } => {
            let problem = "a command is not tried over a connection".to_owned();
            return Err(ProbeFailure::Invalid(problem));
        }
    };
    let address = SocketAddr::new(address.ip(), port.unwrap_or(address.port()));
    let ask = async {
        let stream = wrap(connect(address).await?).await;
        let stream = stream.map_err(|error| ProbeFailure::Connect {
            address,
            error: std::io::Error::other(error),
        })?;
        match action {
            ProbeAction::HttpGet { path, headers, .. } => {
                http1::over(stream, address, path, headers).await
            }
            ProbeAction::Grpc { service, .. } => grpc::over(stream, address, service).await,
            ProbeAction::TcpSocket { .. } | ProbeAction::Exec { .. } => Ok(()),
        }
    };
    let late = |_| ProbeFailure::Timeout {
        what: format!("probing {address}"),
        timeout,
    };
    tokio::time::timeout(timeout, Box::pin(ask))
        .await
        .map_err(late)?
}

async fn connect(address: SocketAddr) -> Result<TcpStream, ProbeFailure> {
    TcpStream::connect(address)
        .await
        .map_err(|error| ProbeFailure::Connect { address, error })
}
