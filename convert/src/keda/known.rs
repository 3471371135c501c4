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
    /// Roles of AWS that service accounts name.
    roles: BTreeMap<Key, String>,
}

/// By which a service account names its role.
const ROLE: &str = "eks.amazonaws.com/role-arn";

impl Known {
    /// Adds a TriggerAuthentication, a ClusterTriggerAuthentication, an InterceptorRoute, a ServiceAccount, or anything with a Pod's template,
    /// whose environment triggers may use; another object is passed over. An object that is there is replaced. The notes are about what of it can't be used.
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
                let annotations = object.find("metadata.annotations");
                let role = annotations.and_then(|all| all.get(ROLE)?.as_text());
                if let Some(role) = role.filter(|_| kind == "ServiceAccount") {
                    self.roles.insert(key(object), role.to_owned());
                }
                Vec::new()
            }
        }
    }

    /// Forgets an object that was added.
    pub fn remove(&mut self, object: &Node) {
        let of = key(object);
        match super::kind_of(object) {
            Some(super::Kind::ClusterTriggerAuthentication) => {
                self.cluster_authentications.remove(&of.1);
            }
            Some(super::Kind::TriggerAuthentication) => _ = self.authentications.remove(&of),
            Some(super::Kind::InterceptorRoute) => _ = self.routes.remove(&of),
            Some(_) => {}
            None => {
                let kind = object.text("kind").unwrap_or_default().to_owned();
                if kind == "ServiceAccount" {
                    self.roles.remove(&of);
                }
                self.environments.remove(&(kind, of));
            }
        }
    }

    /// The role of the service account of what scales.
    pub(super) fn role(&self, namespace: &str, environment: &Environment) -> Option<&str> {
        let account = environment.service_account()?;
        let key = (namespace.to_owned(), account.to_owned());
        self.roles.get(&key).map(String::as_str)
    }

    pub(super) fn environment(&self, kind: &str, key: &Key) -> Option<&Environment> {
        self.environments.get(&(kind.to_owned(), key.clone()))
    }
}
