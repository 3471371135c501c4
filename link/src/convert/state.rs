//! A workload's replicas.

use std::sync::Arc;

use rouse_api::link::{Endpoint, EndpointState, Failure, WorkloadState};
use rouse_api::workload::{Probe, ProbeAction};

use super::Malformed;
use super::edge::{read_fallback, write_protocol};
use super::field::{address, each, endpoint, name, port, read_duration, workload, write_duration};
use super::to_scaler::{read_member, write_member};
use crate::wire;

type Result<T> = std::result::Result<T, Malformed>;

pub(super) fn write_state(state: &WorkloadState) -> wire::State {
    wire::State {
        workload: state.workload.as_str().to_owned(),
        endpoints: state.endpoints.iter().map(write_endpoint).collect(),
        failure: state.failure.as_ref().map(write_failure),
        progress: state.progress.as_ref().map(write_failure),
        service: state
            .service
            .map(|service| service.to_string())
            .unwrap_or_default(),
        probers: state.probers.iter().map(write_member).collect(),
        fallback: state.fallback.map(|fallback| wire::Fallback {
            address: fallback.address.to_string(),
            protocol: write_protocol(fallback.protocol).into(),
        }),
    }
}

pub(super) fn read_state(state: wire::State) -> Result<WorkloadState> {
    let service = match state.service.as_str() {
        "" => None,
        text => Some(address("state.service", text)?),
    };
    Ok(WorkloadState {
        workload: workload("state.workload", &state.workload)?,
        endpoints: each(state.endpoints, read_endpoint)?,
        failure: state.failure.map(read_failure),
        progress: state.progress.map(read_failure),
        service,
        probers: each(state.probers, |member| {
            read_member("state.probers.host", member)
        })?,
        fallback: state.fallback.as_ref().map(read_fallback).transpose()?,
    })
}

fn write_endpoint(endpoint: &Endpoint) -> wire::Endpoint {
    wire::Endpoint {
        id: endpoint.id.0.as_ref().to_owned(),
        address: endpoint.address.to_string(),
        state: match endpoint.state {
            EndpointState::Starting => wire::EndpointState::Starting,
            EndpointState::Ready => wire::EndpointState::Ready,
            EndpointState::Draining => wire::EndpointState::Draining,
        }
        .into(),
        probe: endpoint.probe.as_deref().map(write_probe),
        service_account: endpoint
            .service_account
            .as_deref()
            .unwrap_or_default()
            .to_owned(),
    }
}

fn read_endpoint(read: wire::Endpoint) -> Result<Endpoint> {
    let state = match read.state() {
        wire::EndpointState::Starting => EndpointState::Starting,
        wire::EndpointState::Ready => EndpointState::Ready,
        wire::EndpointState::Draining => EndpointState::Draining,
    };
    Ok(Endpoint {
        id: endpoint("state.endpoints.id", &read.id)?,
        address: address("state.endpoints.address", &read.address)?,
        state,
        probe: read
            .probe
            .map(read_probe)
            .transpose()?
            .flatten()
            .map(Arc::new),
        service_account: match read.service_account.as_str() {
            "" => None,
            account => Some(name("state.endpoints.service_account", account)?),
        },
    })
}

fn write_probe(probe: &Probe) -> wire::Probe {
    use wire::probe::Action;
    let number = |port: &Option<u16>| port.map(u32::from);
    wire::Probe {
        timeout_ns: write_duration(probe.timeout),
        period_ns: write_duration(probe.period),
        success_threshold: probe.success_threshold,
        failure_threshold: probe.failure_threshold,
        action: Some(match &probe.action {
            ProbeAction::HttpGet {
                path,
                headers,
                port,
            } => Action::HttpGet(wire::HttpGet {
                path: path.clone(),
                headers: headers
                    .iter()
                    .cloned()
                    .map(|(name, value)| wire::NameValue { name, value })
                    .collect(),
                port: number(port),
            }),
            ProbeAction::TcpSocket { port } => {
                Action::TcpSocket(wire::TcpSocket { port: number(port) })
            }
            ProbeAction::Grpc { service, port } => Action::Grpc(wire::Grpc {
                service: service.clone(),
                port: number(port),
            }),
            ProbeAction::Exec { command } => Action::Exec(wire::Exec {
                command: command.clone(),
            }),
        }),
    }
}

/// `None`: an action that isn't known here.
fn read_probe(probe: wire::Probe) -> Result<Option<Probe>> {
    use wire::probe::Action;
    let number = |read: Option<u32>| {
        read.map(|read| port("state.endpoints.probe.port", read))
            .transpose()
    };
    let Some(action) = probe.action else {
        return Ok(None);
    };
    let action = match action {
        Action::HttpGet(get) => {
            if !get.path.starts_with('/') {
                let problem = "does not begin with /";
                return Err(Malformed::new(
                    "state.endpoints.probe.http_get.path",
                    problem,
                ));
            }
            ProbeAction::HttpGet {
                path: get.path,
                headers: get
                    .headers
                    .into_iter()
                    .map(|header| (header.name, header.value))
                    .collect(),
                port: number(get.port)?,
            }
        }
        Action::TcpSocket(tcp) => ProbeAction::TcpSocket {
            port: number(tcp.port)?,
        },
        Action::Grpc(grpc) => ProbeAction::Grpc {
            service: grpc.service,
            port: number(grpc.port)?,
        },
        Action::Exec(exec) => ProbeAction::Exec {
            command: exec.command,
        },
    };
    Ok(Some(Probe {
        action,
        timeout: read_duration(probe.timeout_ns),
        period: read_duration(probe.period_ns),
        success_threshold: probe.success_threshold,
        failure_threshold: probe.failure_threshold,
    }))
}

fn write_failure(failure: &Failure) -> wire::Failure {
    wire::Failure {
        reason: failure.reason.clone(),
        message: failure.message.clone(),
    }
}

fn read_failure(failure: wire::Failure) -> Failure {
    Failure {
        reason: failure.reason,
        message: failure.message,
    }
}
