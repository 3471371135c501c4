//! What a front's slices should be, and what leads there from what they are; pure.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rouse_api::link::Failure;
use rouse_api::workload::WorkloadId;
use rouse_scaler::Listening;

use super::content::{Content, Endpoint, FrontPort};
use super::name::{Family, SliceName};
use crate::index::slice::Own;
use crate::members::{ProxyPod, ProxyPods};

/// Endpoints of one slice: Kubernetes' own controller has as many; 1,000 are the most.
const LARGEST: usize = 100;

/// A workload with slices, or that should have some.
#[derive(Debug, Clone)]
pub struct View {
    /// The workload.
    pub workload: WorkloadId,
    /// `None`: it has no front.
    pub wants: Option<Wants>,
    /// Those that there are, by name.
    pub slices: Vec<(String, Arc<Own>)>,
}

/// What a workload asks for.
#[derive(Debug, Clone)]
pub struct Wants {
    /// Its object's UID.
    pub uid: Arc<str>,
    /// The Service's name.
    pub service: String,
    /// Of [`super::name::mark`].
    pub mark: u32,
    /// The port that it has been given.
    pub port: Option<u16>,
    /// The Service's port.
    pub standing: Standing,
}

/// How it is with the Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// All is well.
    Good(FrontPort),
    /// No slices are begun, but those that there are go on: with a port, as proxies come and go.
    Waits(Failure, Option<FrontPort>),
    /// There must be no slices.
    Refused(Failure),
}

/// What is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The port.
    pub port: Option<u16>,
    /// Proxies that are ready in the slices.
    pub proxies: u32,
    /// Proxies that are ready.
    pub of: u32,
    /// What is wrong.
    pub failure: Option<Failure>,
}

/// A change of one slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// There is none of this name.
    Create(String, Content),
    /// From the version with this UID and `resourceVersion`.
    Change(String, (String, String), Content),
    /// The one with this UID.
    Delete(String, String),
}

/// What to do, in order, and what to say; nothing is to be said of what has no front.
#[must_use]
pub fn plan(view: &View, pods: &ProxyPods, listening: &Listening) -> (Vec<Write>, Option<Said>) {
    let of = pods.values().filter(|pod| pod.is_up()).count();
    let mut said = Said {
        port: None,
        proxies: 0,
        of: u32::try_from(of).unwrap_or(u32::MAX),
        failure: None,
    };
    let Some(wants) = &view.wants else {
        return (deletes(view, |_| true), None);
    };
    let (port, failure) = match &wants.standing {
        Standing::Refused(failure) => {
            said.failure = Some(failure.clone());
            return (deletes(view, |_| true), Some(said));
        }
        Standing::Good(port) => (Some(port), None),
        Standing::Waits(failure, port) => (port.as_ref(), Some(failure.clone())),
    };
    said.failure = failure;
    let waits = said.failure.is_some();
    let there = |name: &SliceName| Some(name.port) == wants.port && name.mark == wants.mark;
    let mine: Vec<_> = view
        .slices
        .iter()
        .filter(|(name, _)| SliceName::parse(name).as_ref().is_some_and(there))
        .collect();
    let (Some(number), Some(port), true) = (wants.port, port, !waits || !mine.is_empty()) else {
        return (Vec::new(), Some(said));
    };
    let known: BTreeSet<&str> = mine.iter().flat_map(|(_, own)| own.pods()).collect();
    let row = |(uid, pod): (&Arc<str>, &ProxyPod)| {
        let was_there = known.contains(&**uid);
        let listens = match listening.get(uid) {
            Some(fronts) => fronts.get(&view.workload) == Some(&number),
            // It was seen to listen, and this scaler has not heard from it yet.
            None => was_there,
        };
        endpoint(uid, pod, listens, was_there)
    };
    let endpoints: Vec<Endpoint> = pods.iter().filter_map(row).collect();
    let ready = endpoints.iter().filter(|endpoint| endpoint.ready).count();
    (said.port, said.proxies) = (Some(number), u32::try_from(ready).unwrap_or(u32::MAX));
    if said.failure.is_none() {
        said.failure = nobody(&said, number);
    }
    let wanted = contents(view, wants, port, number, endpoints);
    (writes(view, wants, number, &wanted, ready > 0), Some(said))
}

/// `None`: it has no place in a slice.
fn endpoint(uid: &Arc<str>, pod: &ProxyPod, listens: bool, was_there: bool) -> Option<Endpoint> {
    let (Some(address), true) = (pod.address, listens || (was_there && pod.terminating)) else {
        return None;
    };
    let ready = pod.is_up();
    (ready || pod.terminating).then(|| Endpoint {
        address,
        ready,
        serving: pod.ready,
        terminating: pod.terminating,
        pod: (pod.namespace.clone(), pod.name.clone(), uid.clone()),
        node: pod.node.clone(),
    })
}

/// Why no proxy is there, if none is.
fn nobody(said: &Said, port: u16) -> Option<Failure> {
    if said.proxies > 0 {
        return None;
    }
    let (reason, message) = if said.of == 0 {
        (
            "FrontWithoutProxies",
            "no Pod that --proxies selects is ready: nobody could answer".to_owned(),
        )
    } else {
        let of = said.of;
        (
            "FrontNotOpen",
            format!(
                "none of {of} ready proxies says that it listens on port {port}: they may be of an older version, or the port is taken there (see their logs)"
            ),
        )
    };
    Some(Failure {
        reason: reason.to_owned(),
        message,
    })
}

/// Each slice that there should be; at least one, for it keeps the port.
fn contents(
    view: &View,
    wants: &Wants,
    port: &FrontPort,
    number: u16,
    endpoints: Vec<Endpoint>,
) -> BTreeMap<String, Content> {
    let mut families: BTreeMap<Family, Vec<Endpoint>> = BTreeMap::new();
    for endpoint in endpoints {
        let family = Family::of(endpoint.address);
        families.entry(family).or_default().push(endpoint);
    }
    if families.is_empty() {
        families.insert(Family::V4, Vec::new());
    }
    let content = |family, endpoints| Content {
        service: wants.service.clone(),
        owner: (view.workload.name().to_owned(), wants.uid.clone()),
        family,
        port: port.clone(),
        number,
        endpoints,
    };
    let mut all = BTreeMap::new();
    for (family, endpoints) in families {
        let mut parts: Vec<_> = endpoints.chunks(LARGEST).map(<[_]>::to_vec).collect();
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        for (part, endpoints) in parts.into_iter().enumerate() {
            let name = SliceName {
                workload: view.workload.name().to_owned(),
                port: number,
                mark: wants.mark,
                family,
                number: part,
            };
            all.insert(name.to_string(), content(family, endpoints));
        }
    }
    all
}

/// Those of an earlier port stay until somebody is ready at the new one.
fn writes(
    view: &View,
    wants: &Wants,
    number: u16,
    wanted: &BTreeMap<String, Content>,
    ready: bool,
) -> Vec<Write> {
    let there: BTreeMap<&str, &Arc<Own>> = view
        .slices
        .iter()
        .map(|(name, own)| (&**name, own))
        .collect();
    let mut writes = Vec::new();
    for (name, content) in wanted {
        match there.get(&**name) {
            None => writes.push(Write::Create(name.clone(), content.clone())),
            Some(own) if own.content.as_ref() == Some(content) => {}
            Some(own) => {
                let from = (own.uid.clone(), own.resource_version.clone());
                writes.push(Write::Change(name.clone(), from, content.clone()));
            }
        }
    }
    writes.extend(deletes(view, |name| {
        let parsed = SliceName::parse(name);
        let earlier = parsed.is_some_and(|one| one.mark == wants.mark && one.port != number);
        !wanted.contains_key(name) && (ready || !earlier)
    }));
    writes
}

fn deletes(view: &View, goes: impl Fn(&str) -> bool) -> Vec<Write> {
    let gone = view.slices.iter().filter(|(name, _)| goes(name));
    gone.map(|(name, own)| Write::Delete(name.clone(), own.uid.clone()))
        .collect()
}
