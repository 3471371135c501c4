use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{self, HttpSpec, PortRef, ProtocolSpec, Spec};
use crate::workload::{
    Dial, Http, Protocol, Readiness, Scalable, Service, ServicePort, WorkloadId,
};

/// What `target` is, unless said.
pub(in crate::load) const DEFAULT_API_VERSION: &str = "apps/v1";
pub(in crate::load) const DEFAULT_KIND: &str = "Deployment";

/// In a cluster: the object that scales. `id`: its name, unless said.
pub(super) fn target(
    document: &mut Document,
    spec: &Spec,
    id: Option<&WorkloadId>,
) -> Option<Scalable> {
    let target = spec.target.clone().unwrap_or_default();
    if target.process.is_some() {
        let at = FieldPath::of("spec.target.process");
        document.refuse(&at, "is for standalone mode, and this runs in a cluster: leave it out, and write target.name unless the Deployment has the resource's own name");
    }
    Some(Scalable {
        api_version: target
            .api_version
            .map_or_else(|| DEFAULT_API_VERSION.to_owned(), Into::into),
        kind: target
            .kind
            .map_or_else(|| DEFAULT_KIND.to_owned(), Into::into),
        name: match target.name {
            Some(name) => name.into(),
            None => id?.name().to_owned(),
        },
    })
}

/// Adds to `http` what means something in a cluster only.
pub(super) fn http(spec: &HttpSpec, id: Option<&WorkloadId>, http: &mut Http) {
    let service = spec.service.clone().unwrap_or_default();
    let name = match (service.name, id) {
        (Some(name), _) => Some(name.into()),
        (None, id) => id.map(|id| id.name().to_owned()),
    };
    http.service = name.map(|name| Service {
        name,
        port: service.port.map(|port| match port {
            PortRef::Number(number) => ServicePort::Number(number.get()),
            PortRef::Name(name) => ServicePort::Name(name),
        }),
    });
    http.protocol = match spec.protocol {
        None | Some(ProtocolSpec::Auto) => Protocol::Auto,
        Some(ProtocolSpec::Http1) => Protocol::Http1,
        Some(ProtocolSpec::H2c) => Protocol::H2c,
    };
    http.readiness = match spec.readiness {
        None | Some(resource::Readiness::Auto) => Readiness::Auto,
        Some(resource::Readiness::Kubelet) => Readiness::Kubelet,
    };
    http.dial = match spec.upstream.as_ref().and_then(|upstream| upstream.dial) {
        None | Some(resource::Dial::Pod) => Dial::Pod,
        Some(resource::Dial::Service) => Dial::Service,
    };
}
