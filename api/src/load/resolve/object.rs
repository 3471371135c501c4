use crate::load::document::Document;
use crate::load::path::FieldPath;
use crate::resource::{self, FrontSpec, HttpSpec, PortRef, ProtocolSpec, Spec};
use crate::workload::{
    Dial, Front, Http, Protocol, Readiness, Scalable, Service, ServicePort, WhileWaking, WorkloadId,
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
pub(super) fn http(
    document: &mut Document,
    spec: &HttpSpec,
    id: Option<&WorkloadId>,
    http: &mut Http,
) {
    let service = spec.service.clone().unwrap_or_default();
    let name = match (service.name, id) {
        (Some(name), _) => Some(name.into()),
        (None, id) => id.map(|id| id.name().to_owned()),
    };
    http.service = name.map(|name| Service {
        name,
        port: service.port.map(port),
    });
    http.front = spec
        .front
        .as_ref()
        .and_then(|front| self::front(document, front, http));
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

fn port(port: PortRef) -> ServicePort {
    match port {
        PortRef::Number(number) => ServicePort::Number(number.get()),
        PortRef::Name(name) => ServicePort::Name(name),
    }
}

/// `http`: its own Service and its fallback, which are others.
fn front(document: &mut Document, spec: &FrontSpec, http: &Http) -> Option<Front> {
    let at = FieldPath::of("spec.http.front").key("service");
    let Some(name) = &spec.service else {
        if !document.touched(&at) {
            document.refuse(
                &at,
                "is missing; write the name of the Service that callers use, which has no selector",
            );
        }
        return None;
    };
    let name = name.as_str();
    if http.service.as_ref().is_some_and(|own| own.name == name) {
        let message = format!(
            "is {name}, which is in front of the pods (http.service); give that one another name, and name it there"
        );
        document.refuse(&at, message);
    }
    if let WhileWaking::Fallback(other) = &http.while_waking
        && other.name == name
    {
        let message = format!(
            "is {name}, which is also whileWaking.fallback: what it doesn't answer would come back to it; name another there"
        );
        document.refuse(&at, message);
    }
    Some(Front {
        service: Service {
            name: name.to_owned(),
            port: spec.port.clone().map(port),
        },
        listen: None,
    })
}
