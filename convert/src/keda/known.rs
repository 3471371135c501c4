//! What a KEDA object refers to.

use std::collections::BTreeMap;

use crate::kubernetes::{Environment, Key, key};
use crate::node::Node;
use crate::note::Note;

use super::authentication::Authentication;
use super::http::InterceptorRoute;

/// The objects that a ScaledObject may refer to: credentials, routes, what scales.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub(super) authentications: BTreeMap<Key, Authentication>,
    /// Of the whole cluster, by name.
    pub(super) cluster_authentications: BTreeMap<String, Authentication>,
    pub(super) routes: BTreeMap<Key, InterceptorRoute>,
    /// By kind, namespace and name.
    environments: BTreeMap<(String, Key), Environment>,
}

impl Known {
    /// Adds a TriggerAuthentication, a ClusterTriggerAuthentication, an InterceptorRoute, or anything with a Pod's template, whose environment
    /// triggers may use; another object is passed over. An object that is there is replaced. The notes are about what of it can't be used.
    pub fn add(&mut self, object: &Node) -> Vec<Note> {
        let kind = object.text("kind").unwrap_or_default();
        match super::kind_of(object) {
            Some(super::Kind::TriggerAuthentication) => {
                let (authentication, notes) = Authentication::read(object);
                self.authentications.insert(key(object), authentication);
                notes
            }
            Some(super::Kind::ClusterTriggerAuthentication) => {
                let (authentication, notes) = Authentication::read(object);
                self.cluster_authentications
                    .insert(key(object).1, authentication);
                notes
            }
            Some(super::Kind::InterceptorRoute) => {
                let (route, notes) = InterceptorRoute::read(object);
                self.routes.insert(key(object), route);
                notes
            }
            Some(_) => Vec::new(),
            None => {
                if object.find("spec.template.spec.containers").is_some() {
                    self.environments
                        .insert((kind.to_owned(), key(object)), Environment::of(object));
                }
                Vec::new()
            }
        }
    }

    pub(super) fn environment(&self, kind: &str, key: &Key) -> Option<&Environment> {
        self.environments.get(&(kind.to_owned(), key.clone()))
    }
}
