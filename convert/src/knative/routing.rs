//! Hosts and traffic of a Knative Service.

use rouse_api::load::FieldPath;
use rouse_api::resource::Host;

use super::{Known, map, metadata};
use crate::fields::Fields;
use crate::kubernetes::{Key, Meta, key};
use crate::node::Node;
use crate::note::{Note, Notes};
use crate::scalar::{scalar, wanted};

/// Proxies that find the workload by the host, and those that are told it by a header.
const BY_HOST: &str = "rouse-proxy.rouse.svc.cluster.local";
const BY_HEADER: &str = "rouse-proxy-by-header.rouse.svc.cluster.local";

/// Knative's own gateway.
const GATEWAY: &str = "knative-serving/knative-ingress-gateway";

/// How requests come to a workload.
pub(super) struct Route {
    pub(super) hosts: Vec<Host>,
    pub(super) virtual_service: Option<(Node, Vec<Note>)>,
}

/// One entry of `spec.traffic`.
struct Part {
    at: FieldPath,
    /// The workload's name.
    to: String,
    percent: u32,
    tag: Option<String>,
}

/// A revision is chosen by the header; it has a host because every workload has one.
pub(super) fn of_revision(meta: &Meta) -> Route {
    Route {
        hosts: hosts([format!(
            "{}.{}.svc.cluster.local",
            meta.name,
            meta.in_namespace()
        )]),
        virtual_service: None,
    }
}

pub(super) fn of_service(object: &Node, meta: &Meta, known: &Known, others: &mut Notes) -> Route {
    let mut notes = Notes::default();
    let (name, namespace) = (&meta.name, meta.in_namespace());
    let inside = [
        format!("{name}.{namespace}.svc.cluster.local"),
        format!("{name}.{namespace}.svc"),
        format!("{name}.{namespace}"),
    ];
    let visibility = "networking.knative.dev/visibility";
    let is_local = meta
        .labels
        .get(visibility)
        .is_some_and(|text| text == "cluster-local");
    let host = match is_local {
        true => inside[0].clone(),
        false => outside(object, meta, &mut notes),
    };
    let mut outside = vec![host.clone()];
    let mapped = known.hosts.get(&(namespace.to_owned(), name.clone()));
    outside.extend(mapped.into_iter().flatten().cloned());
    let parts = traffic(object, meta, known, others);
    for part in &parts {
        if let Some(tag) = part.tag.as_ref().filter(|_| part.to == *name) {
            outside.push(format!("{tag}-{host}"));
        }
    }
    let mut all = outside.clone();
    all.extend(inside.iter().filter(|inside| **inside != host).cloned());
    others.lost(
        &FieldPath::default(),
        format!("callers inside the cluster use {}: Knative's own Service answers there until it is deleted. Then make a Service of that name without a selector, and write http.front: {{service: {name}}} (deploy/README.md, Callers in the cluster)", inside[0]),
    );
    let http = rules(&parts, &host, meta);
    let tagged = parts.iter().filter(|part| part.to != *name);
    let tagged = tagged.filter_map(|part| Some(format!("{}-{host}", part.tag.as_ref()?)));
    outside.extend(tagged);
    let line = FieldPath::of("spec.gateways");
    let gateway = match is_local {
        true => {
            let message = "callers with a sidecar; others need http.front";
            notes.changed_at(
                &FieldPath::of("metadata.labels").key(visibility),
                line,
                message,
            );
            "mesh"
        }
        false => {
            let message = "the gateway is Knative's own: name yours, if you have another. Istio joins two VirtualServices of one host on one gateway in no order that counts: apply this as you delete the Knative Service, or on a Gateway of its own";
            notes.lost_at(&FieldPath::default(), line, message);
            GATEWAY
        }
    };
    let list = |texts: Vec<String>| Node::List(texts.into_iter().map(Node::Text).collect());
    let made = map([
        ("apiVersion", Node::from("networking.istio.io/v1")),
        ("kind", Node::from("VirtualService")),
        ("metadata", metadata(meta, name)),
        (
            "spec",
            map([
                ("hosts", list(outside)),
                ("gateways", list(vec![gateway.to_owned()])),
                ("http", Node::List(http)),
            ]),
        ),
    ]);
    Route {
        hosts: hosts(all),
        virtual_service: Some((made, notes.into_vec())),
    }
}

fn hosts(all: impl IntoIterator<Item = String>) -> Vec<Host> {
    all.into_iter()
        .filter_map(|host| scalar(host).ok())
        .collect()
}

/// The host at the gateway: Knative's status knows it.
fn outside(object: &Node, meta: &Meta, notes: &mut Notes) -> String {
    let url = object.text("status.url").unwrap_or_default();
    let host = url
        .split_once("://")
        .map(|(_, host)| host.trim_end_matches('/'));
    match host.filter(|host| scalar::<Host>(*host).is_ok()) {
        Some(host) => host.to_owned(),
        None => {
            let message = "the manifest does not say the host (status.url does: kubectl get ksvc -o yaml). It is NAME.NAMESPACE and Knative's domain: put the right one here and into the ScaledWorkload";
            notes.lost_at(
                &FieldPath::of("metadata.name"),
                FieldPath::of("spec.hosts"),
                message,
            );
            format!("{}.{}.example.com", meta.name, meta.in_namespace())
        }
    }
}

/// Revisions that a Service's traffic names, but for the newest.
pub(crate) fn revisions(object: &Node) -> Vec<Key> {
    let newest = newest(object);
    let (namespace, _) = key(object);
    let named = object.list("spec.traffic").iter().filter_map(|part| {
        let name = part.text("revisionName")?;
        let is_old = part.get("latestRevision") != Some(&Node::Bool(true));
        (is_old && !newest.contains(&Some(name))).then(|| (namespace.clone(), name.to_owned()))
    });
    named.collect()
}

fn newest(object: &Node) -> [Option<&str>; 2] {
    [
        object.text("spec.template.metadata.name"),
        object.text("status.latestReadyRevisionName"),
    ]
}

fn traffic(object: &Node, meta: &Meta, known: &Known, notes: &mut Notes) -> Vec<Part> {
    let spec = object.get("spec").unwrap_or(&Node::Null);
    let mut nobody = Notes::default();
    let mut spec = Fields::of(spec, FieldPath::of("spec"), &mut nobody);
    let newest = newest(object);
    let mut parts = Vec::new();
    for mut fields in spec.maps("traffic", notes) {
        let latest = fields.flag("latestRevision", notes).unwrap_or(false);
        let revision = fields.text("revisionName", notes);
        let percent = fields.whole("percent", notes).unwrap_or(0);
        let tag = fields.text("tag", notes);
        // Of what was, for people.
        fields.take("url");
        let at = fields.path.clone();
        fields.take("configurationName");
        fields.rest(notes);
        let named = revision.filter(|name| !latest && !newest.contains(&Some(name)));
        if let Some(name) = &named {
            let of = (meta.in_namespace().to_owned(), name.clone());
            if !known.revisions.contains(&of) {
                let message = format!(
                    "a Service's manifest has the newest template alone: kubectl get revision {name} -o yaml, and give that to rouse convert, too; until that is applied the VirtualService's part for {name} gets a 404, so take it out or wait"
                );
                notes.lost(&at.key("revisionName"), message);
            }
        }
        parts.push(Part {
            at,
            to: named.unwrap_or_else(|| meta.name.clone()),
            percent,
            tag,
        });
    }
    if parts.iter().all(|part| part.percent == 0) {
        parts.push(Part {
            at: FieldPath::of("spec.traffic"),
            to: meta.name.clone(),
            percent: 100,
            tag: None,
        });
    }
    let sum: u64 = parts.iter().map(|part| u64::from(part.percent)).sum();
    if sum != 100 {
        let message = format!("has {sum} percent in all; 100 are wanted");
        notes.mistake(&FieldPath::of("spec.traffic"), message);
    }
    for part in &parts {
        if let Some(tag) = &part.tag {
            // A tag is a label of DNS; told where it can't be.
            let host = format!("{tag}-{}.example.com", meta.name);
            let _: Option<Host> = wanted(host, &part.at.key("tag"), notes);
        }
    }
    parts
}

/// `http` of the VirtualService: tags of other revisions first, then the split.
fn rules(parts: &[Part], host: &str, meta: &Meta) -> Vec<Node> {
    let number = |number: u32| Node::Number(number.into());
    let destination = |to: &str| {
        map([(
            "destination",
            map([
                ("host", Node::from(to)),
                ("port", map([("number", number(80))])),
            ]),
        )])
    };
    let chosen = |name: &str| {
        let workload = format!("{}/{name}", meta.in_namespace());
        let set = map([("rouse-workload", Node::Text(workload))]);
        (
            "headers".to_owned(),
            map([("request", map([("set", set)]))]),
        )
    };
    let route = |all: Vec<Node>| map([("route", Node::List(all))]);
    let mut rules = Vec::new();
    for part in parts.iter().filter(|part| part.to != meta.name) {
        let Some(tag) = &part.tag else {
            continue;
        };
        let exact = map([("exact", Node::Text(format!("{tag}-{host}")))]);
        let mut one = destination(BY_HEADER);
        push(&mut one, chosen(&part.to));
        rules.push(map([
            ("match", Node::List(vec![map([("authority", exact)])])),
            ("route", Node::List(vec![one])),
        ]));
    }
    let taking: Vec<&Part> = parts.iter().filter(|part| part.percent > 0).collect();
    if taking.iter().all(|part| part.to == meta.name) {
        rules.push(route(vec![destination(BY_HOST)]));
        return rules;
    }
    let weighted = taking.into_iter().map(|part| {
        let mut one = destination(BY_HEADER);
        push(&mut one, ("weight".to_owned(), number(part.percent)));
        push(&mut one, chosen(&part.to));
        one
    });
    rules.push(route(weighted.collect()));
    rules
}

fn push(node: &mut Node, field: (String, Node)) {
    if let Node::Map(fields) = node {
        fields.push(field);
    }
}
