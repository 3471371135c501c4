//! One typed resource to one workload: rules between its fields, defaults, and what this version can't do yet.

mod behavior;
mod edge;
mod http;
mod object;
mod process;
mod tls;
mod trigger;
mod unsupported;

use super::Mode;
use super::document::Document;
use super::path::FieldPath;
use crate::resource::{self, ScaledWorkload, Spec};
use crate::workload::{OnDelete, Scale, Target, Workload, WorkloadId};

pub(super) use edge::rules;
pub(crate) use edge::{LONGEST_BODY, MOST_PARTS, MOST_RULES};
pub(crate) use http::{LARGEST_ROUTE, MOST_ROUTES};
pub(super) use http::{Single, expanded, routes};
pub(super) use object::{DEFAULT_API_VERSION, DEFAULT_KIND};
pub(crate) use trigger::MOST_TRIGGERS;

/// Entries of `wakes`.
pub(crate) const MOST_WAKES: usize = 32;

/// Kubernetes counts replicas with signed 32 bits.
pub(crate) const MOST_REPLICAS: u32 = i32::MAX.unsigned_abs();

/// `namespace/name`; `None` (with the problem noted) when either is not known.
pub(super) fn id(document: &mut Document, resource: &ScaledWorkload) -> Option<WorkloadId> {
    for (field, given) in [
        ("apiVersion", resource.api_version.is_some()),
        ("kind", resource.kind.is_some()),
        ("metadata.name", resource.metadata.name.is_some()),
        ("spec", resource.spec.is_some()),
    ] {
        if !given {
            let example = match field {
                "apiVersion" => format!("; write apiVersion: {}", resource::API_VERSION),
                "kind" => format!("; write kind: {}", resource::KIND),
                _ => String::new(),
            };
            document.refuse(&FieldPath::of(field), format!("is missing{example}"));
        }
    }
    let name = resource.metadata.name.as_ref()?;
    let namespace = match &resource.metadata.namespace {
        Some(namespace) => namespace.as_str(),
        None if document.touched(&FieldPath::of("metadata.namespace")) => return None,
        None => WorkloadId::DEFAULT_NAMESPACE,
    };
    Some(WorkloadId::new(namespace, name.as_str()))
}

/// The workload with every default applied; problems are noted in the document.
pub(super) fn workload(
    document: &mut Document,
    resource: &ScaledWorkload,
    id: Option<&WorkloadId>,
    mode: Mode,
) -> Option<Workload> {
    let spec = resource.spec.as_ref()?;
    let scale = scale(document, spec, mode);
    let triggers = trigger::triggers(document, spec, &scale, mode);
    let wakes = wakes(document, spec, id);
    let mut http = spec.http.as_ref().map(|http| http::http(document, http));
    if let (Some(spec), Some(http)) = (&spec.http, &mut http) {
        edge::edge(document, spec, mode, http);
        // Kept, it would hold requests for replicas that nobody adds.
        http.concurrency_limit = http.concurrency_limit.filter(|_| !scale.observes);
    }
    let target = match mode {
        Mode::Standalone => process::target(document, spec).map(Target::Process),
        Mode::Cluster => object::target(document, spec, id).map(Target::Scalable),
    };
    if mode == Mode::Cluster
        && let (Some(spec), Some(http)) = (&spec.http, &mut http)
    {
        object::http(document, spec, id, http);
    }
    if let (Some(spec), Some(http)) = (&spec.http, &mut http) {
        tls::tls(document, spec, id, mode, http);
    }
    unsupported::refuse(document, spec, mode);
    if !document.problems.is_empty() {
        return None;
    }
    Some(Workload {
        rank: 0,
        id: id?.clone(),
        scale,
        http,
        triggers,
        wakes,
        target: target?,
    })
}

fn wakes(document: &mut Document, spec: &Spec, id: Option<&WorkloadId>) -> Vec<WorkloadId> {
    let at = FieldPath::of("spec.wakes");
    http::at_most(document, &at, spec.wakes.len(), MOST_WAKES);
    let Some(id) = id else {
        return Vec::new();
    };
    let mut wakes = Vec::new();
    for (i, name) in spec.wakes.iter().enumerate() {
        let other = WorkloadId::new(id.namespace(), name.as_str());
        if other == *id {
            document.refuse(&at.index(i), "is the workload itself; leave it out");
        } else if wakes.contains(&other) {
            document.refuse(&at.index(i), "is there twice; leave one out");
        } else {
            wakes.push(other);
        }
    }
    wakes
}

fn scale(document: &mut Document, spec: &Spec, mode: Mode) -> Scale {
    let default = Scale::default();
    let replicas = spec.replicas.clone().unwrap_or_default();
    let at = FieldPath::of("spec.replicas");
    let (min_at, max_at) = (at.key("min"), at.key("max"));
    let min = replicas.min.unwrap_or(default.min);
    let max = replicas.max.map_or(default.max, std::num::NonZeroU32::get);
    let says = if replicas.max.is_some() {
        "max is"
    } else {
        "max is, unless said,"
    };
    if min > max {
        let message = format!("is {min} but {says} {max}: min may not be above max");
        document.refuse_between(&min_at, std::slice::from_ref(&max_at), message);
    }
    let on_wake = replicas.on_wake.map(std::num::NonZeroU32::get);
    if let Some(on_wake) = on_wake.filter(|on_wake| *on_wake > max) {
        let message = format!("is {on_wake} but {says} {max}: onWake may not be above max");
        document.refuse_between(&at.key("onWake"), std::slice::from_ref(&max_at), message);
    }
    if let Some(initial) = replicas.initial.filter(|initial| *initial > max) {
        let message = format!("is {initial} but {says} {max}: initial may not be above max");
        document.refuse_between(&at.key("initial"), &[max_at], message);
    }
    if mode == Mode::Cluster {
        for (field, given) in [
            ("min", replicas.min),
            ("max", replicas.max.map(std::num::NonZeroU32::get)),
            ("onWake", on_wake),
            ("initial", replicas.initial),
        ] {
            if let Some(given) = given.filter(|given| *given > MOST_REPLICAS) {
                let message = format!("is {given}: in a cluster {MOST_REPLICAS} are the most");
                document.refuse(&at.key(field), message);
            }
        }
    }
    let observes = spec.mode == Some(resource::Mode::Observe);
    Scale {
        min,
        max,
        initial: replicas.initial.filter(|_| !observes),
        observes,
        verify_changes: spec.verify_changes.unwrap_or(default.verify_changes),
        on_wake: on_wake.unwrap_or(min.max(default.on_wake)),
        idle_after: spec
            .idle_after
            .map_or(default.idle_after, resource::Duration::get),
        behavior: behavior::behavior(document, spec),
        on_delete: match spec.on_delete {
            None => default.on_delete,
            Some(resource::OnDelete::Wake) => OnDelete::Wake,
            Some(resource::OnDelete::Keep) => OnDelete::Keep,
            Some(resource::OnDelete::Restore) => OnDelete::Restore,
        },
    }
}
