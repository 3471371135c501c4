//! A ScaledObject as a workload.

use std::num::NonZeroU32;

use rouse_api::load::FieldPath;
use rouse_api::resource::{Metadata, OnDelete, Replicas, Spec, TargetSpec};

use super::http;
use super::known::Known;
use super::scaled_object::{ScaledObject, Target, Trigger};
use super::trigger::{self, Bounds};
use crate::kubernetes::Meta;
use crate::node::Node;
use crate::note::Notes;
use crate::outcome::{Converted, workload};
use crate::scalar::{seconds, wanted};

/// KEDA's defaults.
pub(super) const COOLDOWN_PERIOD: u64 = 300;
pub(super) const MAX_REPLICAS: u32 = 100;

/// Annotations are of this domain or of one below it.
const DOMAIN: &str = "keda.sh/";

/// Freezes a workload.
const PAUSED: &str = "rouse.dev/paused";

pub(super) fn scaled_object(object: &Node, known: &Known) -> Converted {
    let mut notes = Notes::default();
    let object = ScaledObject::read(object, &mut notes);
    let mut metadata = metadata(&object.meta, &mut notes);
    let mut replicas = replicas(&object, &mut notes);
    annotations(&object.meta, &mut metadata, &mut replicas, &mut notes);
    let mut spec = Spec {
        target: Some(target(&object.target, &mut notes)),
        idle_after: seconds(object.cooldown_period.unwrap_or(COOLDOWN_PERIOD)),
        on_delete: Some(match object.restores {
            true => OnDelete::Restore,
            false => OnDelete::Keep,
        }),
        ..Spec::default()
    };
    let name = metadata.name.as_ref().map_or("", |name| name.as_str());
    let bounds = Bounds {
        max: replicas.max.map_or(MAX_REPLICAS, NonZeroU32::get),
        workload: format!("{}/{name}", object.meta.in_namespace()),
    };
    let mut stable_window = None;
    for given in &object.triggers {
        match routed(given, &object.meta, known) {
            Some(_) if spec.http.is_some() => {
                let message = "is the second that names a route; a workload has one http";
                notes.lost(&given.at, message);
            }
            Some(Ok(route)) => {
                let made = http::of_route(route, &mut notes);
                stable_window = made.stable_window;
                spec.http = Some(made.http);
            }
            Some(Err(name)) => {
                let message = format!(
                    "names the InterceptorRoute {name}, which is not here; give its manifest, too"
                );
                notes.mistake(&given.at.key("metadata"), message);
            }
            None => {
                let place = spec.triggers.len();
                let made = trigger::trigger(&object, given, place, (known, &bounds), &mut notes);
                spec.triggers.extend(made);
            }
        }
    }
    if spec.triggers.is_empty() && spec.http.is_none() {
        let message = "nothing of it would scale, so that no workload comes out";
        notes.lost(&FieldPath::of("spec.triggers"), message);
        return Converted::nothing(notes);
    }
    without_effect(&object, &spec, &mut notes);
    never_wakes(&spec, &mut replicas, &mut notes);
    let each = spec
        .triggers
        .iter()
        .any(|one| one.cpu.is_none() && one.memory.is_none() && one.cron.is_none());
    let idles = replicas.min == Some(0);
    let mut behavior = object.behavior.converted(idles, each, &mut notes);
    behavior.stable_window = stable_window.or(behavior.stable_window);
    spec.behavior = Some(behavior);
    spec.replicas = Some(replicas);
    Converted::checked(workload(metadata, spec), notes)
}

/// The route whose demand a trigger asks the HTTP add-on for; `None`: it is another trigger.
fn routed<'a>(
    trigger: &'a Trigger,
    meta: &Meta,
    known: &'a Known,
) -> Option<Result<&'a http::InterceptorRoute, &'a str>> {
    let name = trigger.metadata.get("interceptorRoute")?;
    if trigger.kind != "external-push" && trigger.kind != "external" {
        return None;
    }
    let key = (meta.in_namespace().to_owned(), name.clone());
    Some(known.routes.get(&key).ok_or(name.as_str()))
}

/// Name, namespace, labels and what annotations are not KEDA's own.
pub(crate) fn metadata(meta: &Meta, notes: &mut Notes) -> Metadata {
    let at = FieldPath::of("metadata");
    let mut name = meta.name.clone();
    if name.contains('.') {
        name = name.replace('.', "-");
        let message = format!(
            "{} has a dot, which a ScaledWorkload's name can't",
            meta.name
        );
        notes.changed(&at.key("name"), "metadata.name", message);
    }
    let own = meta.annotations.iter().filter(|(key, _)| !is_kedas(key));
    Metadata {
        name: match name.is_empty() {
            true => None,
            false => wanted(name, &at.key("name"), notes),
        },
        namespace: meta
            .namespace
            .clone()
            .and_then(|namespace| wanted(namespace, &at.key("namespace"), notes)),
        labels: meta.labels.clone(),
        annotations: own
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    }
}

fn is_kedas(key: &str) -> bool {
    key.split_once(DOMAIN)
        .is_some_and(|(begin, _)| begin.is_empty() || begin.ends_with('.'))
}

pub(crate) fn target(target: &Target, notes: &mut Notes) -> TargetSpec {
    let at = FieldPath::of("spec.scaleTargetRef");
    if target.name.is_none() {
        notes.mistake(&at.key("name"), "is missing");
    }
    let api_version = target.api_version.clone().filter(|text| text != "apps/v1");
    let kind = target.kind.clone().filter(|text| text != "Deployment");
    TargetSpec {
        api_version: api_version.and_then(|text| wanted(text, &at.key("apiVersion"), notes)),
        kind: kind.and_then(|text| wanted(text, &at.key("kind"), notes)),
        name: target
            .name
            .clone()
            .and_then(|text| wanted(text, &at.key("name"), notes)),
        process: None,
    }
}

fn replicas(object: &ScaledObject, notes: &mut Notes) -> Replicas {
    let at = FieldPath::of("spec");
    let max = object.max.unwrap_or(MAX_REPLICAS);
    let max = NonZeroU32::new(max).or_else(|| {
        notes.mistake(&at.key("maxReplicaCount"), "is 0; 1 is the least");
        Some(NonZeroU32::MIN)
    });
    let min = object.min.unwrap_or(0);
    let mut replicas = Replicas {
        min: Some(min),
        max,
        ..Replicas::default()
    };
    let Some(idle) = object.idle else {
        return replicas;
    };
    let at = at.key("idleReplicaCount");
    if idle >= min {
        let message =
            format!("IdleReplicaCount={idle} must be less than MinReplicaCount={min}; left out");
        notes.mistake(&at, message);
        return replicas;
    }
    if idle > 0 {
        let message = format!("is {idle}; only 0 works, in KEDA as here");
        notes.mistake(&at, message);
    }
    replicas.min = Some(0);
    replicas.on_wake = NonZeroU32::new(min);
    let message = format!(
        "KEDA never has fewer than {min} while awake; Rouse wakes with so many, and goes lower when less is asked for"
    );
    notes.changed(&at, "spec.replicas.onWake", message);
    replicas
}

/// KEDA's annotations.
fn annotations(meta: &Meta, metadata: &mut Metadata, replicas: &mut Replicas, notes: &mut Notes) {
    let all = FieldPath::of("metadata.annotations");
    for (key, value) in meta.annotations.iter().filter(|(key, _)| is_kedas(key)) {
        let at = all.key(key);
        let is_on = !matches!(value.as_str(), "false" | "0");
        match key.strip_prefix("autoscaling.keda.sh/").unwrap_or_default() {
            "paused-replicas" => paused_at(value, &at, metadata, replicas, notes),
            "paused" | "paused-scale-in" | "paused-scale-out" | "force-activation" if !is_on => {}
            "paused" => pause(metadata),
            "force-activation" => {
                let min = replicas.min.unwrap_or(0).max(1);
                notes.changed(
                    &at,
                    "spec.replicas.min",
                    "force-activation: it never sleeps",
                );
                replicas.min = Some(min);
            }
            "paused-scale-in" => {
                notes.lost(&at, "has no counterpart: behavior.scaleIn: whenIdle is the nearest, rouse.dev/paused: \"true\" freezes the count");
            }
            "paused-scale-out" => {
                notes.lost(&at, "has no counterpart: lower replicas.max, or freeze the count with rouse.dev/paused: \"true\"");
            }
            _ => notes.lost(&at, "has no counterpart: it is about KEDA's own workings"),
        }
    }
}

fn pause(metadata: &mut Metadata) {
    let annotation = (PAUSED.to_owned(), "true".to_owned());
    metadata.annotations.extend([annotation]);
}

/// KEDA goes to the count and stays there.
fn paused_at(
    value: &str,
    at: &FieldPath,
    metadata: &mut Metadata,
    replicas: &mut Replicas,
    notes: &mut Notes,
) {
    let Ok(count) = value.parse::<u32>() else {
        notes.mistake(at, format!("is {value:?}; a whole number is wanted"));
        return;
    };
    let Some(fixed) = NonZeroU32::new(count) else {
        pause(metadata);
        let line = FieldPath::of("metadata.annotations").key(PAUSED);
        let message = "paused-replicas 0: KEDA has gone to 0; Rouse leaves the count as it is: kubectl scale --replicas=0";
        notes.lost_at(at, line, message);
        return;
    };
    let (min, max) = (replicas.min.unwrap_or(0), replicas.max);
    let max = max.map_or(MAX_REPLICAS, NonZeroU32::get);
    let message = format!(
        "paused-replicas holds it at {count}; without that write min: {min} and max: {max}"
    );
    notes.changed(at, "spec.replicas", message);
    replicas.min = Some(count);
    replicas.max = Some(fixed);
    replicas.on_wake = None;
}

/// What is for triggers of which none is left.
fn without_effect(object: &ScaledObject, spec: &Spec, notes: &mut Notes) {
    if spec.triggers.iter().any(|one| one.poll_interval.is_some()) {
        return;
    }
    if object.polling_interval.is_some() {
        let message = "pollingInterval has no effect on these, in KEDA as here";
        notes.changed(
            &FieldPath::of("spec.pollingInterval"),
            "spec.triggers",
            message,
        );
    }
    if let Some(fallback) = &object.fallback {
        notes.lost(
            &fallback.at,
            "has no counterpart: no trigger is left that it could be for",
        );
    }
}

/// Usage sees nothing at zero.
fn never_wakes(spec: &Spec, replicas: &mut Replicas, notes: &mut Notes) {
    let is_usage = |one: &rouse_api::resource::Trigger| one.cpu.is_some() || one.memory.is_some();
    let only_usage = spec.http.is_none() && spec.triggers.iter().all(is_usage);
    if only_usage && replicas.min == Some(0) {
        let message = "is 0, and only cpu and memory are left to scale by (scale to zero doesn't work in this case): 1 was taken, or nothing would wake it";
        notes.mistake(&FieldPath::of("spec.minReplicaCount"), message);
        replicas.min = Some(1);
    }
}
