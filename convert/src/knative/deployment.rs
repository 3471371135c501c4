//! The Deployment of a revision, and the Service of its Pods.

use std::collections::BTreeMap;

use rouse_api::load::{FieldPath, Segment};

use super::{map, metadata, texts};
use crate::kubernetes::Meta;
use crate::node::Node;
use crate::note::Notes;

/// Where Knative lets a container listen unless said.
const PORT: u16 = 8080;

/// What containers are called that say nothing.
const CONTAINER: &str = "user-container";

/// Variables that Knative sets and a Deployment has not.
const VARIABLES: &str = "K_SERVICE, K_CONFIGURATION and K_REVISION are not set any more";

/// A Pod's spec as a Deployment wants it.
pub(super) struct Pods {
    spec: Node,
    port: u16,
    /// It speaks HTTP/2 without TLS.
    pub(super) h2c: bool,
}

/// The Service of the Pods; Knative has one of the Service's own name.
pub(super) fn service_name(name: &str) -> String {
    format!("{name}-pods")
}

const SPEC: &str = "spec.template.spec";

impl Pods {
    /// `fields`: of the revision's spec, without those that only Knative has. `timeout`: in seconds, for a request.
    pub(super) fn of(
        fields: Vec<(&str, &Node)>,
        at: &FieldPath,
        timeout: u64,
        notes: &mut Notes,
    ) -> Self {
        let mut spec: Vec<(String, Node)> = fields
            .into_iter()
            .map(|(key, node)| (key.to_owned(), node.without_nulls()))
            .collect();
        let add = |spec: &mut Vec<(String, Node)>, key: &str, node: Node| {
            let there = spec.iter().any(|(name, _)| name == key);
            if !there {
                spec.push((key.to_owned(), node));
            }
            !there
        };
        if add(&mut spec, "enableServiceLinks", Node::Bool(false)) {
            let line = format!("{SPEC}.enableServiceLinks");
            let message = "Knative's default; Kubernetes' would give each container variables of all Services, which slows starts";
            notes.changed(&at.key("enableServiceLinks"), &line, message);
        }
        let grace = Node::Number(timeout.into());
        if add(&mut spec, "terminationGracePeriodSeconds", grace) {
            let line = format!("{SPEC}.terminationGracePeriodSeconds");
            let message = "Knative gives timeoutSeconds to what is in flight as a Pod ends";
            notes.changed(&at.key("timeoutSeconds"), &line, message);
        }
        let mut pods = Self {
            spec: Node::Null,
            port: PORT,
            h2c: false,
        };
        let mut containers: Vec<Node> = match spec.iter().find(|(key, _)| key == "containers") {
            Some((_, Node::List(nodes))) => nodes.clone(),
            _ => Vec::new(),
        };
        if containers.is_empty() {
            notes.mistake(&at.key("containers"), "is empty");
        }
        pods.containers(&mut containers, at, notes);
        for (key, node) in &mut spec {
            if key == "containers" {
                *node = Node::List(std::mem::take(&mut containers));
            }
        }
        pods.spec = Node::Map(spec);
        pods
    }

    fn containers(&mut self, containers: &mut [Node], at: &FieldPath, notes: &mut Notes) {
        // With several the one with a port is asked.
        let has_port = |node: &Node| !node.list("ports").is_empty();
        let serving = containers.iter().position(has_port).unwrap_or(0);
        for (place, container) in containers.iter_mut().enumerate() {
            let at = at.key("containers").index(place);
            let line = FieldPath::of(&format!("{SPEC}.containers")).index(place);
            let Node::Map(fields) = container else {
                notes.mistake(&at, "is not a mapping");
                continue;
            };
            if !fields.iter().any(|(key, _)| key == "name") {
                let name = match place {
                    place if place == serving => CONTAINER.to_owned(),
                    place => format!("{CONTAINER}-{place}"),
                };
                fields.insert(0, ("name".to_owned(), Node::Text(name)));
            }
            if place == serving {
                self.ports(fields, &at, notes);
                self.variable(fields, &at, &line, notes);
            }
            for key in ["readinessProbe", "livenessProbe", "startupProbe"] {
                let probe = fields.iter_mut().find(|(name, _)| name == key);
                if let Some((_, probe)) = probe {
                    self.probe(probe, (&at.key(key), &line.key(key)), notes);
                }
            }
        }
    }

    fn ports(&mut self, fields: &mut Vec<(String, Node)>, at: &FieldPath, notes: &mut Notes) {
        let ports = at.key("ports");
        let mut all = list(fields, "ports", at, notes);
        if !matches!(all.first(), Some(Node::Map(_))) {
            all = vec![Node::Map(Vec::new())];
        }
        if let Some(Node::Map(port)) = all.first_mut() {
            let name = port.iter().find(|(key, _)| key == "name");
            let name = name.and_then(|(_, node)| node.as_text());
            self.h2c = name.is_some_and(|name| name.starts_with("h2c"));
            let number = port.iter().find(|(key, _)| key == "containerPort");
            let given = match number {
                Some((_, Node::Number(number))) => number.as_u64(),
                _ => None,
            };
            let given = given.and_then(|number| u16::try_from(number).ok());
            if number.is_some() && given.is_none() {
                let message = format!("is not a port; Knative's {PORT} was taken");
                notes.mistake(&ports.index(0).key("containerPort"), message);
            }
            self.port = given.unwrap_or(PORT);
            set(port, "containerPort", Node::Number(self.port.into()));
        }
        set(fields, "ports", Node::List(all));
    }

    /// `$PORT`, which Knative sets.
    fn variable(
        &self,
        fields: &mut Vec<(String, Node)>,
        at: &FieldPath,
        line: &FieldPath,
        notes: &mut Notes,
    ) {
        let mut env = list(fields, "env", at, notes);
        if !env.iter().any(|one| one.text("name") == Some("PORT")) {
            let port = Node::Text(self.port.to_string());
            env.push(map([("name", Node::from("PORT")), ("value", port)]));
        }
        set(fields, "env", Node::List(env));
        let message = format!("PORT is what Knative sets; {VARIABLES}");
        notes.changed_at(&at.key("env"), line.key("env"), message);
    }

    /// Knative fills in what Kubernetes wants.
    fn probe(&self, probe: &mut Node, (at, line): (&FieldPath, &FieldPath), notes: &mut Notes) {
        let Node::Map(fields) = probe else {
            return;
        };
        let handler = ["httpGet", "tcpSocket", "grpc", "exec"];
        if !fields
            .iter()
            .any(|(key, _)| handler.contains(&key.as_str()))
        {
            fields.push(("tcpSocket".to_owned(), Node::Map(Vec::new())));
        }
        for (key, node) in fields {
            match (key.as_str(), node) {
                ("httpGet" | "tcpSocket" | "grpc", Node::Map(fields)) => {
                    let wanted = |(key, node): &(String, Node)| {
                        key == "port" && *node != Node::Number(0.into())
                    };
                    if !fields.iter().any(wanted) {
                        fields.retain(|(key, _)| key != "port");
                        fields.push(("port".to_owned(), Node::Number(self.port.into())));
                    }
                }
                ("periodSeconds", node) if *node == Node::Number(0.into()) => {
                    *node = Node::Number(1.into());
                    let message = "0 was Knative's own probing; Rouse probes a starting Pod at once, whatever stands here";
                    notes.changed_at(&at.key("periodSeconds"), line.key("periodSeconds"), message);
                }
                _ => {}
            }
        }
    }
}

/// A field's elements; what is no list is a mistake.
fn list(fields: &[(String, Node)], key: &str, at: &FieldPath, notes: &mut Notes) -> Vec<Node> {
    match fields.iter().find(|(name, _)| name == key) {
        Some((_, Node::List(nodes))) => nodes.clone(),
        Some(_) => {
            notes.mistake(&at.key(key), "is not a list");
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// In the place of what is there, or at the end.
fn set(fields: &mut Vec<(String, Node)>, key: &str, node: Node) {
    match fields.iter_mut().find(|(name, _)| name == key) {
        Some((_, there)) => *there = node,
        None => fields.push((key.to_owned(), node)),
    }
}

/// By which the Deployment and the Service find the Pods.
const LABEL: &str = "app.kubernetes.io/name";

pub(super) fn deployment(
    meta: &Meta,
    (labels, annotations): (BTreeMap<String, String>, BTreeMap<String, String>),
    pods: &Pods,
    notes: &mut Notes,
) -> Node {
    let mut labels = labels;
    labels.retain(|key, _| !key.contains("knative.dev/"));
    labels.insert(LABEL.to_owned(), meta.name.clone());
    let mut template = vec![("labels".to_owned(), texts(&labels))];
    if !annotations.is_empty() {
        template.push(("annotations".to_owned(), texts(&annotations)));
    }
    let message =
        "No replicas here: Rouse sets them. A new revision is a rollout of this Deployment.";
    notes.changed(&FieldPath::default(), "", message);
    let mut of_deployment = metadata(meta, &meta.name);
    let mut own = meta.annotations.clone();
    own.retain(|key, _| !key.contains("knative.dev/"));
    if let (false, Node::Map(fields)) = (own.is_empty(), &mut of_deployment) {
        fields.push(("annotations".to_owned(), texts(&own)));
    }
    map([
        ("apiVersion", Node::from("apps/v1")),
        ("kind", Node::from("Deployment")),
        ("metadata", of_deployment),
        (
            "spec",
            map([
                ("selector", map([("matchLabels", selector(meta))])),
                (
                    "template",
                    map([
                        ("metadata", Node::Map(template)),
                        ("spec", pods.spec.clone()),
                    ]),
                ),
            ]),
        ),
    ])
}

fn selector(meta: &Meta) -> Node {
    map([(LABEL, Node::from(meta.name.as_str()))])
}

pub(super) fn service(meta: &Meta, pods: &Pods, notes: &mut Notes) -> Node {
    let mut port = vec![
        ("name".to_owned(), Node::from("http")),
        ("port".to_owned(), Node::Number(80.into())),
        ("targetPort".to_owned(), Node::Number(pods.port.into())),
    ];
    if pods.h2c {
        port.push(("appProtocol".to_owned(), Node::from("kubernetes.io/h2c")));
    }
    let name = service_name(&meta.name);
    let line: FieldPath = ["metadata", "name"]
        .map(|key| Segment::Key(key.to_owned()))
        .into_iter()
        .collect();
    let message = format!(
        "not {}, which is Knative's own until the Knative Service is deleted; the two can be there together",
        meta.name
    );
    notes.changed_at(&FieldPath::of("metadata.name"), line, message);
    map([
        ("apiVersion", Node::from("v1")),
        ("kind", Node::from("Service")),
        ("metadata", metadata(meta, &name)),
        (
            "spec",
            map([
                ("selector", selector(meta)),
                ("ports", Node::List(vec![Node::Map(port)])),
            ]),
        ),
    ])
}
