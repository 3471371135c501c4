//! Pods, as far as they matter here: a whole one is some kilobytes, this is some hundred bytes.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;

use super::event::Key;
use super::probe::PodProbe;
use super::selector::Labels;
use super::trouble::Trouble;
use crate::scale::cost::ANNOTATION;
use crate::usage::quantity;

/// A Pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Pod {
    /// Who it is.
    pub key: Key,
    /// `metadata.uid`.
    pub uid: Arc<str>,
    /// `metadata.resourceVersion`.
    pub version: u64,
    /// Its labels.
    pub labels: Labels,
    /// Its address, once it has one.
    pub address: Option<IpAddr>,
    /// Its Ready condition.
    pub ready: bool,
    /// It is told to stop.
    pub terminating: bool,
    /// It has succeeded or failed: its containers will not run again.
    pub finished: bool,
    /// TCP ports that its containers name.
    pub ports: Vec<(Box<str>, u16)>,
    /// The service account that it runs as.
    pub service_account: Arc<str>,
    /// How it is found ready.
    pub probe: PodProbe,
    /// Its annotation `controller.kubernetes.io/pod-deletion-cost`: those with less go first.
    pub deletion_cost: Option<Box<str>>,
    /// What its containers request.
    pub requests: Box<[Requests]>,
    /// What keeps it from coming up.
    pub trouble: Option<Trouble>,
}

/// A pod's name, and what its containers request.
pub type PodRequests = (String, Box<[Requests]>);

/// What a container requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Requests {
    /// Its name.
    pub container: Box<str>,
    /// In cores.
    pub cpu: Option<f64>,
    /// In bytes.
    pub memory: Option<f64>,
}

impl Pod {
    /// `None`: it has no name.
    #[must_use]
    pub fn of(object: &core::Pod) -> Option<Self> {
        let meta = &object.metadata;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let (spec, status) = (object.spec.as_ref(), object.status.as_ref());
        let phase = status.and_then(|status| status.phase.as_deref());
        let address = status.and_then(|status| status.pod_ip.as_deref());
        Some(Self {
            key: Key::new(namespace, meta.name.as_deref()?),
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            version: super::target::version(meta.resource_version.as_deref()),
            labels: meta.labels.clone().unwrap_or_default(),
            address: address.and_then(|text| text.parse().ok()),
            ready: status.is_some_and(is_ready),
            terminating: meta.deletion_timestamp.is_some(),
            finished: matches!(phase, Some("Succeeded" | "Failed")),
            ports: spec.map(named_ports).unwrap_or_default(),
            // The API server fills it in; without it this is Kubernetes' own default.
            service_account: spec
                .and_then(|spec| spec.service_account_name.as_deref())
                .filter(|name| !name.is_empty())
                .unwrap_or("default")
                .into(),
            probe: spec.map_or(PodProbe::Kubelet, PodProbe::of),
            deletion_cost: meta
                .annotations
                .as_ref()
                .and_then(|all| all.get(ANNOTATION))
                .map(|cost| cost.as_str().into()),
            requests: spec.map(requests).unwrap_or_default(),
            trouble: status.and_then(Trouble::of),
        })
    }

    /// A port that one of its containers names.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<u16> {
        let mut ports = self.ports.iter();
        ports.find(|(own, _)| **own == *name).map(|(_, port)| *port)
    }
}

fn is_ready(status: &core::PodStatus) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn requests(spec: &core::PodSpec) -> Box<[Requests]> {
    let of = |container: &core::Container| {
        let requests = container.resources.as_ref();
        let requests = requests.and_then(|all| all.requests.as_ref());
        let amount = |name: &str| quantity(&requests?.get(name)?.0);
        Requests {
            container: container.name.as_str().into(),
            cpu: amount("cpu"),
            memory: amount("memory"),
        }
    };
    containers(spec).map(of).collect()
}

fn named_ports(spec: &core::PodSpec) -> Vec<(Box<str>, u16)> {
    containers(spec)
        .flat_map(|container| container.ports.iter().flatten())
        .filter(|port| {
            port.protocol
                .as_deref()
                .is_none_or(|protocol| protocol == "TCP")
        })
        .filter_map(|port| {
            let number = u16::try_from(port.container_port).ok()?;
            Some((port.name.as_deref()?.into(), number))
        })
        .collect()
}

/// Its containers, and those of its init containers that go on beside them.
pub(super) fn containers(spec: &core::PodSpec) -> impl Iterator<Item = &core::Container> {
    let beside = spec.init_containers.iter().flatten();
    let beside = beside.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.containers.iter().chain(beside)
}
