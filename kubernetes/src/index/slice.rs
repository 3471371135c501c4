//! EndpointSlices: those of fronts, and whose the others are.

use std::sync::Arc;

use k8s_openapi::api::discovery::v1 as discovery;
use rouse_api::resource::KIND;

use super::event::Key;
use crate::front::content::{Content, MANAGER, MANAGER_LABEL, SERVICE_LABEL};
use crate::front::name::SliceName;

/// An EndpointSlice.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Who it is.
    pub key: Key,
    /// `metadata.resourceVersion` as a number.
    pub version: u64,
    /// The Service whose endpoints it has.
    pub service: Option<Key>,
    /// Who writes it; empty: nobody says.
    pub manager: String,
    /// What Rouse needs of its own; `None`: it is another's.
    pub own: Option<Arc<Own>>,
}

/// One that Rouse has made.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    /// For whom.
    pub workload: Key,
    /// What its name tells.
    pub name: SliceName,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `None`: somebody has changed it.
    pub content: Option<Content>,
}

impl Slice {
    /// `None`: it has no name.
    #[must_use]
    pub fn of(slice: discovery::EndpointSlice) -> Option<Self> {
        let meta = &slice.metadata;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let key = Key::new(namespace, meta.name.as_deref()?);
        let label = |name: &str| meta.labels.as_ref().and_then(|labels| labels.get(name));
        let manager = label(MANAGER_LABEL).cloned().unwrap_or_default();
        // Also when the one or the other was taken away.
        let owned = meta.owner_references.iter().flatten();
        let made = manager == MANAGER || owned.into_iter().any(|owner| owner.kind == KIND);
        let name = SliceName::parse(key.name()).filter(|_| made);
        let own = name.map(|name| {
            Arc::new(Own {
                workload: Key::new(namespace, &name.workload),
                name,
                uid: meta.uid.clone().unwrap_or_default(),
                resource_version: meta.resource_version.clone().unwrap_or_default(),
                content: Content::of(&slice),
            })
        });
        let version = meta.resource_version.as_deref();
        Some(Self {
            version: version.and_then(|text| text.parse().ok()).unwrap_or(0),
            service: label(SERVICE_LABEL).map(|service| Key::new(namespace, service)),
            key,
            manager,
            own,
        })
    }
}

impl Own {
    /// UIDs of the Pods in it.
    pub fn pods(&self) -> impl Iterator<Item = &str> {
        let endpoints = self.content.iter().flat_map(|content| &content.endpoints);
        endpoints.map(|endpoint| &*endpoint.pod.2)
    }
}
