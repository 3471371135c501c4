//! A workload as `/status` shows it.

use std::net::SocketAddr;

use rouse_api::link::EndpointState;
use rouse_api::workload::WorkloadId;
use serde::Serialize;

use super::handle::Workload;

/// A workload in `/status`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// `namespace/name`.
    pub workload: WorkloadId,
    /// Requests sent to an endpoint and not ended.
    pub in_flight: u32,
    /// Of them, those that a rule keeps from counting as demand.
    pub uncounted: u32,
    /// Requests that wait.
    pub held: usize,
    /// Whether the proxy holds back because the workload is about to sleep.
    pub quiesced: bool,
    /// The replicas it knows.
    pub endpoints: Vec<EndpointStatus>,
}

/// An endpoint in `/status`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// The replica's name.
    pub id: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// `starting`, `ready` or `draining`; `aside` while it fails.
    pub state: &'static str,
    /// Requests in flight there.
    pub in_flight: u32,
    /// With a limit: how many may be; the rest of it belongs to other proxies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permits: Option<u32>,
}

impl Workload {
    pub(crate) fn status(&self) -> WorkloadStatus {
        let core = self.core();
        let state = |state, aside| match state {
            _ if aside => "aside",
            EndpointState::Starting => "starting",
            EndpointState::Ready => "ready",
            EndpointState::Draining => "draining",
        };
        WorkloadStatus {
            workload: self.id.clone(),
            in_flight: core.in_flight(),
            uncounted: core.uncounted(),
            held: core.held(),
            quiesced: core.is_quiesced(),
            endpoints: core
                .endpoints()
                .map(
                    |(endpoint, told, in_flight, aside, permits)| EndpointStatus {
                        id: endpoint.id.0.to_string(),
                        address: endpoint.address,
                        state: state(told, aside),
                        in_flight,
                        permits,
                    },
                )
                .collect(),
        }
    }
}
