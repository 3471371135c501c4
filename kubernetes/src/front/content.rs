//! EndpointSlices to what matters of them, and back.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::discovery::v1 as discovery;
use rouse_api::resource::{API_VERSION, KIND};
use serde_json::{Value, json};

use super::name::Family;

/// Whose slices they are, in the label [`MANAGER_LABEL`].
pub const MANAGER: &str = "scaler.rouse.dev";
/// Says who writes a slice; that one alone does.
pub const MANAGER_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
/// Says whose endpoints they are.
pub const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// What a slice of a front says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The Service's name.
    pub service: String,
    /// The ScaledWorkload's name and UID: with it the slice goes.
    pub owner: (String, Arc<str>),
    /// Of all addresses.
    pub family: Family,
    /// The Service's port.
    pub port: FrontPort,
    /// The proxies' port that it leads to.
    pub number: u16,
    /// By their Pods' UIDs.
    pub endpoints: Vec<Endpoint>,
}

/// A Service's port, as slices name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontPort {
    /// Empty when it has only one.
    pub name: String,
    /// As the Service has it.
    pub app_protocol: Option<String>,
}

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its Pod's.
    pub address: IpAddr,
    /// It is to be sent connections.
    pub ready: bool,
    /// It answers, but may be about to end.
    pub serving: bool,
    /// Its Pod was told to end.
    pub terminating: bool,
    /// Its Pod: namespace, name, UID.
    pub pod: (String, String, Arc<str>),
    /// Where the Pod runs.
    pub node: Option<String>,
}

impl Content {
    /// `None`: it is not as Rouse writes it.
    #[must_use]
    pub fn of(slice: &discovery::EndpointSlice) -> Option<Self> {
        let labels = slice.metadata.labels.as_ref()?;
        if labels.get(MANAGER_LABEL)? != MANAGER {
            return None;
        }
        let [owner] = slice.metadata.owner_references.as_deref()? else {
            return None;
        };
        if owner.api_version != API_VERSION || owner.kind != KIND || owner.controller != Some(true)
        {
            return None;
        }
        let family = [Family::V4, Family::V6]
            .into_iter()
            .find(|family| family.as_str() == slice.address_type)?;
        let [port] = slice.ports.as_deref()? else {
            return None;
        };
        if port.protocol.as_deref() != Some("TCP") {
            return None;
        }
        let endpoints = slice.endpoints.iter().flatten();
        Some(Self {
            service: labels.get(SERVICE_LABEL)?.clone(),
            owner: (owner.name.clone(), owner.uid.as_str().into()),
            family,
            port: FrontPort {
                name: port.name.clone().unwrap_or_default(),
                app_protocol: port.app_protocol.clone(),
            },
            number: u16::try_from(port.port?).ok()?,
            endpoints: endpoints.map(Endpoint::of).collect::<Option<_>>()?,
        })
    }

    /// As it is written.
    #[must_use]
    pub fn object(&self, namespace: &str, name: &str) -> Value {
        let (owner, uid) = &self.owner;
        let mut port = json!({"name": self.port.name, "port": self.number, "protocol": "TCP"});
        if let Some(protocol) = &self.port.app_protocol {
            port["appProtocol"] = json!(protocol);
        }
        let endpoints: Vec<_> = self.endpoints.iter().map(Endpoint::object).collect();
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": name, "namespace": namespace,
                "labels": {MANAGER_LABEL: MANAGER, SERVICE_LABEL: self.service},
                "ownerReferences": [
                    {"apiVersion": API_VERSION, "kind": KIND, "name": owner, "uid": &**uid, "controller": true},
                ],
            },
            "addressType": self.family.as_str(),
            "ports": [port],
            "endpoints": endpoints,
        })
    }
}

impl Endpoint {
    fn of(endpoint: &discovery::Endpoint) -> Option<Self> {
        let [address] = &*endpoint.addresses else {
            return None;
        };
        let conditions = endpoint.conditions.as_ref()?;
        let pod = endpoint.target_ref.as_ref()?;
        let plain = endpoint.hostname.is_none() && endpoint.hints.is_none();
        if !plain || pod.kind.as_deref() != Some("Pod") {
            return None;
        }
        Some(Self {
            address: address.parse().ok()?,
            ready: conditions.ready?,
            serving: conditions.serving?,
            terminating: conditions.terminating?,
            pod: (
                pod.namespace.clone()?,
                pod.name.clone()?,
                pod.uid.as_deref()?.into(),
            ),
            node: endpoint.node_name.clone(),
        })
    }

    fn object(&self) -> Value {
        let (namespace, name, uid) = &self.pod;
        let mut object = json!({
            "addresses": [self.address],
            "conditions": {"ready": self.ready, "serving": self.serving, "terminating": self.terminating},
            "targetRef": {"kind": "Pod", "namespace": namespace, "name": name, "uid": &**uid},
        });
        if let Some(node) = &self.node {
            object["nodeName"] = json!(node);
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            service: "hello".to_owned(),
            owner: ("hello".to_owned(), "sw-hello".into()),
            family: Family::V4,
            port: FrontPort {
                name: "http".to_owned(),
                app_protocol: Some("kubernetes.io/h2c".to_owned()),
            },
            number: 20_017,
            endpoints: vec![Endpoint {
                address: "10.244.0.9".parse().unwrap(),
                ready: true,
                serving: true,
                terminating: false,
                pod: ("rouse".to_owned(), "proxy-1".to_owned(), "p-1".into()),
                node: Some("node".to_owned()),
            }],
        }
    }

    fn read(object: &Value) -> Option<Content> {
        Content::of(&serde_json::from_value(object.clone()).unwrap())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let whole = content();
        let bare = Content {
            endpoints: Vec::new(),
            port: FrontPort {
                name: String::new(),
                app_protocol: None,
            },
            ..content()
        };
        for content in [whole, bare] {
            assert_eq!(read(&content.object("shop", "x")), Some(content));
        }
    }

    #[test]
    fn what_somebody_has_changed_is_seen() {
        let object = content().object("shop", "x");
        for (at, value) in [
            (
                "/metadata/labels/kubernetes.io~1service-name",
                json!("other"),
            ),
            (
                "/metadata/labels/endpointslice.kubernetes.io~1managed-by",
                json!("me"),
            ),
            ("/metadata/ownerReferences", json!([])),
            ("/metadata/ownerReferences/0/uid", json!("another")),
            ("/ports/0/port", json!(80)),
            ("/ports/0/name", json!("web")),
            ("/ports/0/protocol", json!("UDP")),
            ("/endpoints", json!([])),
            ("/endpoints/0/addresses/0", json!("10.244.0.8")),
            ("/endpoints/0/conditions", json!({})),
            ("/endpoints/0/conditions/ready", json!(false)),
            ("/endpoints/0/targetRef/uid", json!("another")),
            ("/endpoints/0/nodeName", json!("another")),
        ] {
            let mut changed = object.clone();
            *changed.pointer_mut(at).unwrap() = value;
            assert_ne!(read(&changed), Some(content()), "{at}");
        }
    }
}
