//! A workload's observation.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rouse_api::link::{EndpointId, Failure, Fallback};
use rouse_api::workload::{Readiness, WhileWaking};
use rouse_scaler::platform::{Observation, Replica, ReplicaState};
use tokio::time::Instant;

use super::blocked::failure;
use super::event::Key;
use super::pods::Seen;
use super::selector::PodSelector;
use super::service::{Port, Service, TargetPort};
use super::{Entry, Index};
use crate::scale::cost::{GOES, PodCost};

/// What a workload's Service comes to.
pub(super) enum Intake<'a> {
    /// It takes no requests.
    None,
    /// Its pods take them on this port.
    Port(&'a Service, &'a Port),
    /// It can't take any.
    Broken(Failure),
}

impl Index {
    /// What there is of a workload; `None`: there is no such workload, or its object is invalid.
    pub fn observe(&mut self, key: &Key, now: Instant) -> Option<Observation> {
        let mut entry = self.entries.remove(key)?;
        let (observation, due) = self.observed(&mut entry, now).unzip();
        let due = due.flatten();
        if entry.due != due {
            if let Some(old) = entry.due {
                self.due.remove(&(old, key.clone()));
            }
            if let Some(due) = due {
                self.due.insert((due, key.clone()));
            }
            entry.due = due;
        }
        self.entries.insert(key.clone(), entry);
        observation
    }

    fn observed(&self, entry: &mut Entry, now: Instant) -> Option<(Observation, Option<Instant>)> {
        let workload = entry.workload()?;
        let kubelet = workload
            .http
            .as_ref()
            .is_some_and(|http| http.readiness == Readiness::Kubelet);
        let intake = self.intake(entry);
        let pods = self.pods_of(entry, &intake);
        let live = |seen: &&&Seen| !seen.pod.terminating;
        let (troubled, due) = {
            let live: Vec<&Seen> = pods.iter().filter(live).copied().collect();
            self.troubled(entry, &intake, &live, now)
        };
        let replicas = pods
            .iter()
            .filter_map(|seen| replica(seen, &intake, kubelet))
            .collect();
        let target = entry
            .target
            .as_ref()
            .and_then(|target| self.targets.get(target));
        let service = match intake {
            Intake::Port(service, port) => service.socket(port),
            Intake::None | Intake::Broken(_) => None,
        };
        let observation = Observation {
            workload: entry.object.key.clone(),
            fresh: entry.object.recorded.replicas.is_none(),
            replicas,
            failure: troubled.failure,
            progress: self.not_known(entry).or(troubled.progress),
            count: target.map(|target| target.count),
            blocked: self.blocked(entry),
            governed: self.governor(entry).map(|governor| governor.min.max(1)),
            service,
            fallback: self.fallback(entry).and_then(Result::ok).map(Box::new),
            would_have: entry.object.recorded.would_have,
            revision: target.and_then(|target| target.revision.clone()),
            verified: entry.object.recorded.verified.clone(),
        };
        Some((observation, due))
    }

    /// Pods whose deletion cost is to change, so that `victims` go first. A cost that somebody else wrote stays.
    pub(crate) fn costs(&self, key: &Key, victims: &[EndpointId]) -> Vec<PodCost> {
        let Some(entry) = self.entries.get(key) else {
            return Vec::new();
        };
        let going: BTreeSet<&str> = victims.iter().map(uid_of).collect();
        let cost = |seen: &&Seen| {
            let pod = &seen.pod;
            let goes = going.contains(&*pod.uid);
            let changes = match pod.deletion_cost.as_deref() {
                None => goes,
                Some(cost) => cost == GOES && !goes,
            };
            changes && !pod.terminating
        };
        let pods = self.pods_of(entry, &self.intake(entry));
        let told = |seen: &Seen| PodCost {
            name: seen.pod.key.name().to_owned(),
            uid: seen.pod.uid.clone(),
            goes: going.contains(&*seen.pod.uid),
        };
        let pods = pods.into_iter().filter(|seen| cost(seen));
        pods.map(told).collect()
    }

    pub(super) fn intake(&self, entry: &Entry) -> Intake<'_> {
        let Some(key) = &entry.service else {
            return Intake::None;
        };
        let Some(service) = self.services.get(key) else {
            return Intake::Broken(failure(
                "ServiceNotFound",
                format!(
                    "there is no Service {key}; create it, or name another in spec.http.service"
                ),
            ));
        };
        if service.selector.is_empty() {
            return Intake::Broken(failure(
                "ServiceWithoutSelector",
                format!("Service {key} has no selector: it names no pods that could take requests"),
            ));
        }
        match service.port(entry.service_port()) {
            Ok(port) => Intake::Port(service, port),
            Err(failure) => Intake::Broken(failure),
        }
    }

    /// Where requests go until a replica is ready, or why nowhere; `None`: that is not wanted.
    pub(super) fn fallback(&self, entry: &Entry) -> Option<Result<Fallback, Failure>> {
        let WhileWaking::Fallback(wanted) = &entry.workload()?.http.as_ref()?.while_waking else {
            return None;
        };
        let key = Key::new(entry.object.key.namespace(), &wanted.name);
        let refuse = |what: String| {
            let message = format!("whileWaking.fallback: {what}; requests are held meanwhile");
            Err(failure("FallbackNotFound", message))
        };
        let Some(service) = self.services.get(&key) else {
            return Some(refuse(format!("there is no Service {key}")));
        };
        Some(match service.port(wanted.port.as_ref()) {
            Err(failure) => refuse(failure.message),
            Ok(port) => match service.socket(port) {
                None => refuse(format!("Service {key} is headless: it has no address")),
                Some(address) => Ok(Fallback {
                    address,
                    protocol: port.protocol,
                }),
            },
        })
    }

    /// Its pods that have not ended: those of its Service that are also its target's.
    pub(super) fn pods_of(&self, entry: &Entry, intake: &Intake<'_>) -> Vec<&Seen> {
        let target = entry
            .target
            .as_ref()
            .and_then(|target| self.targets.get(target));
        // While the target is not there, or tells no selector, what its Service selects still takes requests.
        let mut selectors: Vec<&PodSelector> = Vec::new();
        selectors.extend(target.and_then(|target| target.selector.as_ref()));
        match intake {
            Intake::None => {}
            Intake::Port(service, _) => selectors.push(&service.selector),
            Intake::Broken(_) => return Vec::new(),
        }
        let mut pods = self.pods.select(entry.object.key.namespace(), &selectors);
        pods.retain(|seen| !seen.pod.finished);
        pods
    }
}

/// `None`: it has no address yet, or not the port.
fn replica(seen: &Seen, intake: &Intake<'_>, kubelet: bool) -> Option<Replica> {
    let pod = &seen.pod;
    let (address, started) = (pod.address?, seen.started?);
    let port = port_of(seen, intake)?;
    let state = match (pod.terminating, pod.ready) {
        (true, _) => ReplicaState::Terminating,
        (false, true) => ReplicaState::Ready,
        (false, false) => ReplicaState::Starting,
    };
    // Once kubelet has seen it ready its word counts, also when it takes that back.
    let direct = state == ReplicaState::Starting && seen.ready_since.is_none() && !kubelet;
    Some(Replica {
        id: id(&pod.uid, port),
        address: SocketAddr::new(address, port),
        state,
        outdated: false,
        started,
        ready_since: seen.ready_since,
        service_account: Some(pod.service_account.clone()),
        probe: direct
            .then(|| pod.probe.endpoint())
            .flatten()
            .filter(|_| port != 0),
    })
}

/// Of a worker, which takes no requests: 0.
pub(super) fn port_of(seen: &Seen, intake: &Intake<'_>) -> Option<u16> {
    match intake {
        Intake::None => Some(0),
        Intake::Port(_, port) => match &port.target {
            TargetPort::Number(number) => Some(*number),
            TargetPort::Name(name) => seen.pod.port(name),
        },
        Intake::Broken(_) => None,
    }
}

/// The pod's uid, which is never used again, and the port, for another port is another place to send to.
fn id(uid: &str, port: u16) -> EndpointId {
    if port == 0 {
        return EndpointId(uid.into());
    }
    EndpointId(format!("{uid}:{port}").into())
}

/// The pod of an [`id`].
fn uid_of(id: &EndpointId) -> &str {
    id.0.split_once(':').map_or(&*id.0, |(uid, _)| uid)
}
