//! Knative's Services and Revisions: a Deployment, a Service, a ScaledWorkload and the user's own VirtualService.

mod autoscaling;
mod deployment;
mod routing;
mod workload;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rouse_api::load::FieldPath;

use crate::fields::Fields;
use crate::kubernetes::{Key, Meta, key};
use crate::node::Node;
use crate::note::{Note, NoteKind, Notes};

use deployment::Pods;
pub(crate) use routing::revisions;

/// What Knative's kinds are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Becomes four objects.
    Service,
    /// Becomes three, to be a part of a Service's traffic.
    Revision,
    /// A host of a Service.
    DomainMapping,
}

/// `None`: the object is none of Knative's that is known here.
#[must_use]
pub fn kind_of(object: &Node) -> Option<Kind> {
    let (group, _) = object.text("apiVersion")?.split_once('/')?;
    match (group, object.text("kind")?) {
        ("serving.knative.dev", "Service") => Some(Kind::Service),
        ("serving.knative.dev", "Revision") => Some(Kind::Revision),
        ("serving.knative.dev", "DomainMapping") => Some(Kind::DomainMapping),
        _ => None,
    }
}

/// What one object becomes: documents, each with the notes whose `to` is in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manifests {
    /// In the order in which they are to be applied; none when nothing of it would scale.
    pub documents: Vec<(Node, Vec<Note>)>,
    /// Why there is none.
    pub notes: Vec<Note>,
}

impl Manifests {
    /// Whether everything was carried over, if with another meaning here and there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let mut notes = self.documents.iter().flat_map(|(_, notes)| notes);
        !self.documents.is_empty() && notes.all(|note| note.kind == NoteKind::Changed)
    }
}

/// What stands beside a Service: its further hosts, and revisions that its traffic may name.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// By the Service.
    hosts: BTreeMap<Key, Vec<String>>,
    revisions: BTreeSet<Key>,
}

impl Known {
    /// Adds a DomainMapping or a Revision; another object is passed over.
    pub fn add(&mut self, object: &Node) {
        match kind_of(object) {
            Some(Kind::DomainMapping) => {
                let (namespace, host) = key(object);
                if let Some(name) = object.text("spec.ref.name") {
                    let of = (namespace, name.to_owned());
                    self.hosts.entry(of).or_default().push(host);
                }
            }
            Some(Kind::Revision) => _ = self.revisions.insert(key(object)),
            _ => {}
        }
    }

    /// The Service of a Revision.
    pub(crate) fn of_revision(object: &Node) -> Option<Key> {
        let labels = object.find("metadata.labels")?;
        let service = labels.get("serving.knative.dev/service")?.as_text()?;
        Some((key(object).0, service.to_owned()))
    }

    /// Whether Knative has made it.
    pub(crate) fn is_made(object: &Node) -> bool {
        object.list("metadata.ownerReferences").iter().any(|owner| {
            let version = owner.text("apiVersion").unwrap_or_default();
            version.contains(".knative.dev/")
        })
    }

    /// Whether a DomainMapping's Service is one of these.
    pub(crate) fn is_of(object: &Node, services: &BTreeSet<Key>) -> bool {
        let (namespace, _) = key(object);
        let name = object.text("spec.ref.name").unwrap_or_default();
        services.contains(&(namespace, name.to_owned()))
    }
}

/// Where a template of Pods stands, and what it is to be called.
struct Template<'a> {
    meta: Meta,
    /// With its own metadata's path.
    annotations: (FieldPath, BTreeMap<String, String>),
    labels: BTreeMap<String, String>,
    spec: Fields<'a>,
}

/// Converts a Service or a Revision. `None`: it is neither.
#[must_use]
pub fn convert(object: &Node, known: &Known) -> Option<Manifests> {
    let mut notes = Notes::default();
    let meta = Meta::of(object, &mut notes);
    let kind = kind_of(object)?;
    let template = match kind {
        Kind::Service => service(object, meta, &mut notes),
        Kind::Revision => revision(object, meta, &mut notes),
        Kind::DomainMapping => return None,
    };
    let route = match kind {
        Kind::Service => routing::of_service(object, &template.meta, known, &mut notes),
        _ => routing::of_revision(&template.meta),
    };
    Some(manifests(template, &route, notes))
}

fn manifests(template: Template<'_>, route: &routing::Route, notes: Notes) -> Manifests {
    let Template {
        meta,
        annotations,
        labels,
        spec,
    } = template;
    let mut own = Notes::default();
    let mut deployed = notes;
    let limits = workload::Limits::read(spec, &mut deployed);
    let at = limits.path.key("timeoutSeconds");
    let (settings, others) = autoscaling::Settings::read(annotations, &mut deployed);
    let pods = Pods::of(limits.rest, &limits.path, limits.timeout, &mut deployed);
    let deployment = deployment::deployment(&meta, (labels, others), &pods, &mut deployed);
    let mut served = Notes::default();
    let service = deployment::service(&meta, &pods, &mut served);
    let made = workload::workload(
        &meta,
        (&limits.values, &at, &settings, &pods),
        &route.hosts,
        &mut own,
    );
    let converted = crate::outcome::Converted::checked(made, own);
    let mut deployed = deployed.into_vec();
    let resource = converted.resource.as_ref();
    let Some(resource) = resource.and_then(|resource| Node::of(resource).ok()) else {
        deployed.extend(converted.notes);
        return Manifests {
            documents: Vec::new(),
            notes: deployed,
        };
    };
    let mut documents = vec![
        (deployment, deployed),
        (service, served.into_vec()),
        (resource, converted.notes),
    ];
    if let Some((virtual_service, notes)) = &route.virtual_service {
        documents.push((virtual_service.clone(), notes.clone()));
    }
    Manifests {
        documents,
        notes: Vec::new(),
    }
}

/// Fields of its metadata that are about Knative's own objects.
const OWN: &str = "serving.knative.dev/";

fn service<'a>(object: &'a Node, meta: Meta, notes: &mut Notes) -> Template<'a> {
    let at = FieldPath::of("metadata.annotations");
    for key in meta.annotations.keys() {
        if key.starts_with(autoscaling::PREFIX) {
            let message = "has no effect here, in Knative neither: it belongs to spec.template.metadata.annotations";
            notes.mistake(&at.key(key), message);
        } else if let Some(message) = of_networking(key) {
            notes.lost(&at.key(key), message);
        }
    }
    let spec = object.get("spec").unwrap_or(&Node::Null);
    let mut spec = Fields::of(spec, FieldPath::of("spec"), notes);
    // Read with the routes.
    spec.take("traffic");
    let template = spec.map("template", notes);
    spec.rest(notes);
    let path = FieldPath::of("spec.template");
    let mut template = template.unwrap_or_else(|| {
        notes.mistake(&path, "is missing");
        Fields::of(&Node::Null, path.clone(), notes)
    });
    let mut metadata = template.map("metadata", notes);
    let pairs = |metadata: &mut Option<Fields<'a>>, field: &str, notes: &mut Notes| {
        let pairs = metadata.as_mut().map(|fields| fields.pairs(field, notes));
        pairs.unwrap_or_default().into_iter().collect()
    };
    let annotations = pairs(&mut metadata, "annotations", notes);
    let labels = pairs(&mut metadata, "labels", notes);
    if let Some(mut metadata) = metadata {
        if let Some(name) = metadata.text("name", notes) {
            let message = format!(
                "Knative's name for this revision was {name}; a Deployment's template has none"
            );
            notes.changed(&metadata.path.key("name"), "spec.template", message);
        }
        metadata.rest(notes);
    }
    let spec = template.map("spec", notes);
    template.rest(notes);
    let spec_path = path.key("spec");
    Template {
        meta,
        annotations: (path.key("metadata").key("annotations"), annotations),
        labels,
        spec: spec.unwrap_or_else(|| Fields::of(&Node::Null, spec_path, notes)),
    }
}

fn revision<'a>(object: &'a Node, mut meta: Meta, notes: &mut Notes) -> Template<'a> {
    let spec = object.get("spec").unwrap_or(&Node::Null);
    let annotations = std::mem::take(&mut meta.annotations);
    let labels = std::mem::take(&mut meta.labels);
    let labels = labels.into_iter().filter(|(key, _)| !key.starts_with(OWN));
    Template {
        annotations: (FieldPath::of("metadata.annotations"), annotations),
        labels: labels.collect(),
        spec: Fields::of(spec, FieldPath::of("spec"), notes),
        meta,
    }
}

/// Why an annotation about Knative's network or rollout is not carried over.
fn of_networking(key: &str) -> Option<&'static str> {
    match key {
        "networking.knative.dev/http-protocol"
        | "networking.knative.dev/httpProtocol"
        | "networking.knative.dev/http-option" => {
            Some("has no counterpart: write httpsRedirect into the servers of your Gateway")
        }
        "serving.knative.dev/rollout-duration" => Some(
            "has no counterpart: a Deployment replaces its Pods by its own strategy; nothing goes down meanwhile",
        ),
        _ if key.starts_with("networking.knative.dev/") || key.starts_with(OWN) => {
            Some("has no counterpart: it is about Knative's own workings")
        }
        _ => None,
    }
}

/// A mapping.
fn map<const N: usize>(fields: [(&str, Node); N]) -> Node {
    let fields = fields.into_iter();
    Node::Map(fields.map(|(key, node)| (key.to_owned(), node)).collect())
}

/// Names with texts.
fn texts(all: &BTreeMap<String, String>) -> Node {
    let fields = all.iter();
    Node::Map(
        fields
            .map(|(key, text)| (key.clone(), Node::Text(text.clone())))
            .collect(),
    )
}

/// `metadata` of what is made.
fn metadata(meta: &Meta, name: &str) -> Node {
    let mut fields = vec![("name".to_owned(), Node::from(name))];
    if let Some(namespace) = &meta.namespace {
        fields.push(("namespace".to_owned(), Node::from(namespace.as_str())));
    }
    let labels: BTreeMap<String, String> = meta
        .labels
        .iter()
        .filter(|(key, _)| !key.contains("knative.dev/"))
        .map(|(key, text)| (key.clone(), text.clone()))
        .collect();
    if !labels.is_empty() {
        fields.push(("labels".to_owned(), texts(&labels)));
    }
    Node::Map(fields)
}
