//! KEDA's objects, and those of its HTTP add-on. One conversion, whether manifests are converted or objects are watched.

mod authentication;
mod http;
mod known;
mod scaled_object;
mod trigger;
mod values;
mod workload;

#[cfg(test)]
mod tests;

use rouse_api::load::FieldPath;

use crate::node::Node;
use crate::note::Notes;
use crate::outcome::Converted;

pub use known::Known;
pub(crate) use scaled_object::Target;
pub(crate) use workload::{metadata, target};

/// What KEDA's kinds are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Becomes a workload.
    ScaledObject,
    /// Has no counterpart.
    ScaledJob,
    /// Is referred to.
    TriggerAuthentication,
    /// Is referred to, from any namespace.
    ClusterTriggerAuthentication,
    /// Becomes a workload.
    HttpScaledObject,
    /// Is referred to by a ScaledObject, or becomes a workload.
    InterceptorRoute,
}

/// `None`: the object is none of KEDA's.
#[must_use]
pub fn kind_of(object: &Node) -> Option<Kind> {
    let (group, _) = object.text("apiVersion")?.split_once('/')?;
    match (group, object.text("kind")?) {
        ("keda.sh", "ScaledObject") => Some(Kind::ScaledObject),
        ("keda.sh", "ScaledJob") => Some(Kind::ScaledJob),
        ("keda.sh", "TriggerAuthentication") => Some(Kind::TriggerAuthentication),
        ("keda.sh", "ClusterTriggerAuthentication") => Some(Kind::ClusterTriggerAuthentication),
        ("http.keda.sh", "HTTPScaledObject") => Some(Kind::HttpScaledObject),
        ("http.keda.sh", "InterceptorRoute") => Some(Kind::InterceptorRoute),
        _ => None,
    }
}

/// Converts a ScaledObject, an HTTPScaledObject, or an InterceptorRoute that no ScaledObject refers to. Of another object nothing comes out.
#[must_use]
pub fn convert(object: &Node, known: &Known) -> Converted {
    match kind_of(object) {
        Some(Kind::ScaledObject) => workload::scaled_object(object, known),
        Some(Kind::HttpScaledObject) => http::scaled_object(object),
        Some(Kind::InterceptorRoute) => http::alone(object),
        kind => {
            let mut notes = Notes::default();
            let message = match kind {
                Some(Kind::ScaledJob) => {
                    "ScaledJob has no counterpart: Rouse scales what runs on, not Jobs; leave it with KEDA, or make it a Deployment with behavior.scaleIn: whenIdle"
                }
                _ => "becomes no workload by itself",
            };
            notes.lost(&FieldPath::default(), message);
            Converted::nothing(notes)
        }
    }
}

/// The objects that an object refers to, as `(kind, namespace, name)`; the namespace of what belongs to the cluster is empty.
#[must_use]
pub fn references(object: &Node) -> Vec<(Kind, String, String)> {
    let (namespace, _) = crate::kubernetes::key(object);
    let mut all = Vec::new();
    for trigger in object.list("spec.triggers") {
        if let Some(name) = trigger.text("authenticationRef.name") {
            all.push(match trigger.text("authenticationRef.kind") {
                Some("ClusterTriggerAuthentication") => (
                    Kind::ClusterTriggerAuthentication,
                    String::new(),
                    name.to_owned(),
                ),
                _ => (
                    Kind::TriggerAuthentication,
                    namespace.clone(),
                    name.to_owned(),
                ),
            });
        }
        if let Some(name) = trigger.text("metadata.interceptorRoute") {
            all.push((Kind::InterceptorRoute, namespace.clone(), name.to_owned()));
        }
    }
    all
}
