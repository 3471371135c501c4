//! What objects of Kubernetes have in common, and what is needed of Pods.

use std::collections::BTreeMap;

use rouse_api::load::FieldPath;
use rouse_api::resource::SecretKey;

use crate::node::Node;
use crate::note::Notes;
use crate::scalar::scalar;

/// Annotations that programs write about the object as it was, not about what it shall do.
const BOOKKEEPING: [&str; 9] = [
    "argocd.argoproj.io/tracking-id",
    "client.knative.dev/updateTimestamp",
    "client.knative.dev/user-image",
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
    "serving.knative.dev/creator",
    "serving.knative.dev/lastModifier",
    "serving.knative.dev/routes",
    "serving.knative.dev/routingStateModified",
];

/// Who an object is. What the API server itself writes (`uid`, `managedFields`, ...) is left out, and so is `status`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Meta {
    pub(crate) name: String,
    /// As written.
    pub(crate) namespace: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Where an object is when it says nothing.
const DEFAULT_NAMESPACE: &str = "default";

/// `(namespace, name)`.
pub(crate) type Key = (String, String);

impl Meta {
    pub(crate) fn of(object: &Node, notes: &mut Notes) -> Self {
        let path = FieldPath::of("metadata");
        let text = |field: &str| object.text(&format!("metadata.{field}"));
        if text("name").is_none() {
            notes.mistake(&path.key("name"), "is missing");
        }
        let annotations = texts(object.fields("metadata.annotations"));
        Self {
            name: text("name").unwrap_or_default().to_owned(),
            namespace: text("namespace").map(str::to_owned),
            labels: texts(object.fields("metadata.labels")).collect(),
            annotations: annotations
                .filter(|(key, _)| !BOOKKEEPING.contains(&key.as_str()))
                .collect(),
        }
    }

    pub(crate) fn in_namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }
}

/// Of any object that has a name.
pub(crate) fn key(object: &Node) -> Key {
    let namespace = object.text("metadata.namespace");
    let name = object.text("metadata.name").unwrap_or_default();
    (
        namespace.unwrap_or(DEFAULT_NAMESPACE).to_owned(),
        name.to_owned(),
    )
}

fn texts(fields: &[(String, Node)]) -> impl Iterator<Item = (String, String)> {
    fields
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_text()?.to_owned())))
}

/// The environment of the containers of a workload's Pods.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Environment {
    containers: Vec<Container>,
    service_account: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Container {
    name: String,
    variables: BTreeMap<String, Variable>,
    /// Secrets of which every entry is a variable, with their prefixes.
    secrets: Vec<(String, String)>,
}

/// What a variable of a container is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Variable {
    /// Written out.
    Text(String),
    /// An entry of a Secret.
    Secret(SecretKey),
    /// Something that is not known before the Pod runs.
    Other,
}

impl Environment {
    /// Of anything with a Pod's template.
    pub(crate) fn of(object: &Node) -> Self {
        let spec = "spec.template.spec";
        let containers = object.list(&format!("{spec}.containers"));
        let account = object.text(&format!("{spec}.serviceAccountName"));
        Self {
            containers: containers.iter().map(container).collect(),
            service_account: account.map(str::to_owned),
        }
    }

    /// As whom the Pods run.
    pub(crate) fn service_account(&self) -> Option<&str> {
        self.service_account.as_deref()
    }

    /// In the container of that name, unless said in the first one.
    pub(crate) fn variable(&self, container: Option<&str>, name: &str) -> Option<Variable> {
        let mut all = self.containers.iter();
        let container = match container {
            None => all.next(),
            Some(wanted) => all.find(|container| container.name == wanted),
        }?;
        if let Some(variable) = container.variables.get(name) {
            return Some(variable.clone());
        }
        // With several sources it would be a guess.
        let [(secret, prefix)] = &container.secrets[..] else {
            return None;
        };
        secret_key(secret, name.strip_prefix(prefix.as_str())?).map(Variable::Secret)
    }
}

fn container(node: &Node) -> Container {
    let variable = |node: &Node| {
        let value = match (node.text("value"), node.find("valueFrom.secretKeyRef")) {
            (Some(text), _) => Variable::Text(text.to_owned()),
            (None, Some(secret)) => secret
                .text("name")
                .zip(secret.text("key"))
                .and_then(|(name, key)| secret_key(name, key))
                .map_or(Variable::Other, Variable::Secret),
            (None, None) => Variable::Other,
        };
        Some((node.text("name")?.to_owned(), value))
    };
    let secret = |node: &Node| {
        let name = node.text("secretRef.name")?.to_owned();
        Some((name, node.text("prefix").unwrap_or_default().to_owned()))
    };
    Container {
        name: node.text("name").unwrap_or_default().to_owned(),
        variables: node.list("env").iter().filter_map(variable).collect(),
        secrets: node.list("envFrom").iter().filter_map(secret).collect(),
    }
}

pub(crate) fn secret_key(name: &str, key: &str) -> Option<SecretKey> {
    Some(SecretKey {
        name: scalar(name).ok()?,
        key: key.to_owned(),
    })
}
