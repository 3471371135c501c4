//! What proxies are told of a workload's replicas.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::{Endpoint, EndpointId, EndpointState, Failure, ToProxy, WorkloadState};
use rouse_api::workload::{Dial, Probe, ProbeAction};
use tokio::time::Instant;

use super::entry::{Entry, Phase};
use super::members::Members;
use super::{Action, Turn};
use crate::platform::Replica;

/// For one connection to a Service's address, and between two.
const SERVICE_PROBE: Duration = Duration::from_secs(1);

impl Entry {
    /// What proxies are to know.
    pub(super) fn told(&self, members: &Members) -> WorkloadState {
        let probers = self.probing.chosen().iter();
        let probers = probers.filter_map(|no| members.id(*no).cloned()).collect();
        WorkloadState {
            endpoints: self.endpoints(),
            failure: self.told_failure(),
            progress: self.progress.clone(),
            service: self.service.filter(|_| !self.is_hidden()),
            probers,
            fallback: self.fallback,
            ..WorkloadState::empty(self.id().clone())
        }
    }

    fn told_failure(&self) -> Option<Failure> {
        if self.observes() {
            return self.not_woken();
        }
        if let Some(blocked) = &self.blocked {
            return Some(blocked.clone()).filter(|_| !self.is_serving());
        }
        // Once it may be tried again proxies hold what arrives, and their Wake is the try.
        let failed = matches!(self.phase, Phase::Failed { over: false, .. });
        self.failure.clone().filter(|_| failed)
    }

    /// No replica is to be used.
    fn is_hidden(&self) -> bool {
        matches!(self.phase, Phase::Asleep | Phase::Stopping { .. })
    }

    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        if self.is_hidden() {
            return Vec::new();
        }
        if self.dial() == Dial::Service {
            return self.service_endpoint().into_iter().collect();
        }
        let endpoint = |replica: &Replica| {
            let state = self.endpoint_state(replica);
            let starts = state == EndpointState::Starting && replica.ready_since.is_none();
            Endpoint {
                id: replica.id.clone(),
                address: replica.address,
                state,
                probe: replica.probe.clone().filter(|_| starts),
                service_account: replica.service_account.clone(),
            }
        };
        self.live().map(endpoint).collect()
    }

    fn dial(&self) -> Dial {
        let http = self.workload.http.as_ref();
        http.map_or(Dial::Pod, |http| http.dial)
    }

    pub(super) fn is_draining(&self, id: &EndpointId) -> bool {
        self.drain.contains_key(id) || self.leaving.contains_key(id)
    }

    fn endpoint_state(&self, replica: &Replica) -> EndpointState {
        if self.is_draining(&replica.id) {
            EndpointState::Draining
        } else if self.is_ready(replica) {
            EndpointState::Ready
        } else {
            EndpointState::Starting
        }
    }

    /// As proxies are told it; `None`: not at all.
    pub(super) fn told_state(&self, replica: &Replica) -> Option<EndpointState> {
        (!self.is_hidden()).then(|| self.endpoint_state(replica))
    }

    /// Replicas that take requests.
    pub(super) fn ready(&self) -> u32 {
        let ready = self
            .live()
            .filter(|replica| self.endpoint_state(replica) == EndpointState::Ready)
            .count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }

    /// Whether requests get through.
    pub(super) fn is_serving(&self) -> bool {
        let proven = |id| self.probing.proven_at(id).is_some();
        let through =
            self.dial() == Dial::Pod || self.endpoint_of_service.as_ref().is_some_and(proven);
        through && self.ready() > 0
    }

    /// Dialled through the Service there is one endpoint, while there are replicas. Named after the first of them, so that every
    /// scaler gives it the same name; and it has to be proven again when no replica is ready any more.
    pub(super) fn name_service(&mut self) {
        if self.dial() == Dial::Pod {
            self.endpoint_of_service = None;
            return;
        }
        let oldest = self.live().min_by_key(|one| (one.started, &one.id));
        let name = oldest.map(|one| EndpointId(format!("service/{}", one.id.0).into()));
        match name {
            Some(name) if !self.is_hidden() => {
                let name = self.endpoint_of_service.get_or_insert(name).clone();
                if self.ready() == 0 {
                    self.probing.unproven(&name);
                }
            }
            _ => self.endpoint_of_service = None,
        }
    }

    fn service_endpoint(&self) -> Option<Endpoint> {
        let (id, address) = (self.endpoint_of_service.clone()?, self.service?);
        let ready = self.is_serving();
        Some(Endpoint {
            id,
            address,
            state: if ready {
                EndpointState::Ready
            } else {
                EndpointState::Starting
            },
            // Tried once there is a replica behind it that can answer.
            probe: (!ready && self.ready() > 0).then(|| service_probe(address)),
            // Any of its pods may answer.
            service_account: None,
        })
    }

    /// When the first request could get through.
    pub(super) fn served_since(&self) -> Option<Instant> {
        let first = self.live().filter_map(|one| self.ready_since(one)).min();
        let service = self.endpoint_of_service.as_ref();
        first.max(service.and_then(|id| self.probing.proven_at(id)))
    }

    /// Tells every proxy what has changed for it, and the counts.
    pub(super) fn tell(&mut self, turn: &mut Turn<'_>) {
        let told = self.told(turn.members);
        if self.told.as_ref() != Some(&told) {
            for session in turn.members.sessions() {
                let told = self.told_to(session, &told, turn.members);
                turn.out.push(Action::Send(session, ToProxy::State(told)));
            }
            self.told = Some(told);
        }
        let counts = (self.wanted, self.ready(), self.workload.scale.min);
        if self.counted.replace(counts) != Some(counts) {
            let (workload, (desired, ready, min)) = (self.id().clone(), counts);
            turn.out.push(Action::Count {
                workload,
                desired,
                ready,
                min,
            });
        }
        let mark = self.mark(turn.leads);
        if self.marked.as_ref() != Some(&mark) {
            self.marked = Some(mark);
            turn.out.push(Action::Changed(self.id().clone()));
        }
    }
}

/// A connection to the Service's port.
fn service_probe(address: SocketAddr) -> Arc<Probe> {
    Arc::new(Probe {
        action: ProbeAction::TcpSocket {
            port: Some(address.port()),
        },
        timeout: SERVICE_PROBE,
        period: SERVICE_PROBE,
        success_threshold: 1,
        failure_threshold: 1,
    })
}
