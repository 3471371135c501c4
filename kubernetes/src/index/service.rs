//! Services: which pods, which port, which protocol.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use rouse_api::link::Failure;
use rouse_api::workload::{self, Protocol};

use super::event::Key;
use super::selector::PodSelector;

/// A Service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Who it is.
    pub key: Key,
    /// Its pods; empty: somebody else writes its endpoints.
    pub selector: PodSelector,
    /// Its own address; `None`: headless.
    pub address: Option<IpAddr>,
    /// It is a name alone.
    pub external: bool,
    /// Its ports.
    pub ports: Vec<Port>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Empty when there is only one.
    pub name: String,
    /// The Service's own.
    pub number: u16,
    /// The pods'.
    pub target: TargetPort,
    /// As `appProtocol` or else the name's prefix says.
    pub protocol: Protocol,
    /// As it is written.
    pub app_protocol: Option<String>,
}

/// A port of pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    /// Of each pod the same.
    Number(u16),
    /// As each pod's containers name it.
    Name(String),
}

impl Service {
    /// `None`: it has no name.
    #[must_use]
    pub fn of(object: core::Service) -> Option<Self> {
        let key = Key::new(
            object.metadata.namespace.as_deref().unwrap_or_default(),
            object.metadata.name.as_deref()?,
        );
        let spec = object.spec.unwrap_or_default();
        let ports = spec.ports.unwrap_or_default();
        Some(Self {
            key,
            selector: PodSelector::of_labels(spec.selector.unwrap_or_default()),
            address: spec.cluster_ip.and_then(|text| text.parse().ok()),
            external: spec.type_.as_deref() == Some("ExternalName"),
            ports: ports.into_iter().filter_map(port).collect(),
        })
    }

    /// The port that a workload means.
    ///
    /// # Errors
    /// When there is none, or it is not clear which.
    pub fn port(&self, wanted: Option<&workload::ServicePort>) -> Result<&Port, Failure> {
        let found = match wanted {
            Some(workload::ServicePort::Name(name)) => self.ports.iter().find(|p| p.name == *name),
            Some(workload::ServicePort::Number(number)) => {
                self.ports.iter().find(|p| p.number == *number)
            }
            None if self.ports.len() == 1 => self.ports.first(),
            None => None,
        };
        found.ok_or_else(|| {
            let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
            let ports = ports.join(", ");
            let wanted = match wanted {
                Some(workload::ServicePort::Name(name)) => format!("has no port {name:?}"),
                Some(workload::ServicePort::Number(number)) => format!("has no port {number}"),
                None => "does not have exactly one port, and spec.http.service.port names none"
                    .to_owned(),
            };
            Failure {
                reason: "ServicePortNotFound".to_owned(),
                message: format!("Service {} {wanted}; it has: {ports}", self.key),
            }
        })
    }

    /// Its own address with this port.
    #[must_use]
    pub fn socket(&self, port: &Port) -> Option<SocketAddr> {
        self.address
            .map(|address| SocketAddr::new(address, port.number))
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.name.is_empty() {
            write!(f, "{}", self.number)
        } else {
            write!(f, "{} ({})", self.name, self.number)
        }
    }
}

fn port(port: core::ServicePort) -> Option<Port> {
    if port.protocol.is_some_and(|protocol| protocol != "TCP") {
        return None;
    }
    let number = u16::try_from(port.port).ok()?;
    let target = match port.target_port {
        Some(IntOrString::Int(number)) => TargetPort::Number(u16::try_from(number).ok()?),
        Some(IntOrString::String(name)) => TargetPort::Name(name),
        None => TargetPort::Number(number),
    };
    let name = port.name.unwrap_or_default();
    let protocol = protocol(port.app_protocol.as_deref(), &name);
    Some(Port {
        name,
        number,
        target,
        protocol,
        app_protocol: port.app_protocol,
    })
}

/// `appProtocol` in Kubernetes' own form (`kubernetes.io/h2c`) or a mesh's (`grpc`, `http2`); without one the port's name, whose
/// part before the first dash meshes read alike.
fn protocol(app_protocol: Option<&str>, name: &str) -> Protocol {
    let word = app_protocol.unwrap_or_else(|| name.split('-').next().unwrap_or_default());
    let word = word.to_ascii_lowercase();
    match word.strip_prefix("kubernetes.io/").unwrap_or(&word) {
        "h2c" | "http2" | "grpc" => Protocol::H2c,
        _ => Protocol::Http1,
    }
}
