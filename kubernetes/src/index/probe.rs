//! A pod's own readinessProbe as something that a proxy can try.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use rouse_api::workload::{Probe, ProbeAction};

use super::pod::containers;

/// How a pod is found ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodProbe {
    /// From outside, as its only readinessProbe says.
    Direct(Arc<Probe>),
    /// No container has a probe: the port accepts.
    Port,
    /// Only kubelet can tell.
    Kubelet,
}

impl PodProbe {
    /// What can be tried from outside: one container with one probe over the network, and nothing else that Ready waits for.
    #[must_use]
    pub fn of(spec: &core::PodSpec) -> Self {
        let gated = spec
            .readiness_gates
            .as_ref()
            .is_some_and(|gates| !gates.is_empty());
        if gated || containers(spec).any(|container| container.startup_probe.is_some()) {
            return Self::Kubelet;
        }
        let mut probing = containers(spec).filter(|container| container.readiness_probe.is_some());
        let (first, second) = (probing.next(), probing.next());
        match (first, second) {
            (None, _) => Self::Port,
            (Some(container), None) => match direct(container) {
                Some(probe) => Self::Direct(Arc::new(probe)),
                None => Self::Kubelet,
            },
            (Some(_), Some(_)) => Self::Kubelet,
        }
    }

    /// What a proxy may try on an endpoint of such a pod.
    #[must_use]
    pub fn endpoint(&self) -> Option<Arc<Probe>> {
        match self {
            Self::Direct(probe) => Some(probe.clone()),
            Self::Port => Some(Arc::new(Probe {
                action: ProbeAction::TcpSocket { port: None },
                timeout: Duration::from_secs(1),
                period: Duration::from_secs(10),
                success_threshold: 1,
                failure_threshold: 3,
            })),
            Self::Kubelet => None,
        }
    }
}

fn direct(container: &core::Container) -> Option<Probe> {
    let probe = container.readiness_probe.as_ref()?;
    // Kubernetes' defaults of a probe.
    let number = |given: Option<i32>, default: u32| {
        let given = given.and_then(|number| u32::try_from(number).ok());
        given.filter(|number| *number > 0).unwrap_or(default)
    };
    let seconds = |given, default| Duration::from_secs(number(given, default).into());
    Some(Probe {
        action: action(container, probe)?,
        timeout: seconds(probe.timeout_seconds, 1),
        period: seconds(probe.period_seconds, 10),
        success_threshold: number(probe.success_threshold, 1),
        failure_threshold: number(probe.failure_threshold, 3),
    })
}

fn action(container: &core::Container, probe: &core::Probe) -> Option<ProbeAction> {
    if let Some(get) = &probe.http_get {
        return http_get(container, get);
    }
    if let Some(tcp) = &probe.tcp_socket {
        if tcp.host.as_ref().is_some_and(|host| !host.is_empty()) {
            return None;
        }
        let port = Some(port(container, &tcp.port)?);
        return Some(ProbeAction::TcpSocket { port });
    }
    let grpc = probe.grpc.as_ref()?;
    // The only mode of the past is a connection in clear; a newer one may not be.
    if grpc
        .mode
        .as_deref()
        .is_some_and(|mode| !mode.is_empty() && mode != "Plaintext")
    {
        return None;
    }
    Some(ProbeAction::Grpc {
        service: grpc.service.clone().unwrap_or_default(),
        port: Some(u16::try_from(grpc.port).ok()?),
    })
}

fn http_get(container: &core::Container, get: &core::HTTPGetAction) -> Option<ProbeAction> {
    let clear = get
        .scheme
        .as_deref()
        .is_none_or(|scheme| scheme.eq_ignore_ascii_case("HTTP"));
    let elsewhere = get.host.as_ref().is_some_and(|host| !host.is_empty());
    let protocol = get.protocol.as_deref().unwrap_or_default();
    if !clear || elsewhere || !matches!(protocol, "" | "HTTP1" | "HTTP/1.1") {
        return None;
    }
    let path = get.path.clone().unwrap_or_default();
    let path = if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    };
    let headers = get.http_headers.iter().flatten();
    Some(ProbeAction::HttpGet {
        path,
        headers: headers
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect(),
        port: Some(port(container, &get.port)?),
    })
}

fn port(container: &core::Container, port: &IntOrString) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            let named = ports.find(|port| port.name.as_deref() == Some(name))?;
            u16::try_from(named.container_port).ok()
        }
    }
}
