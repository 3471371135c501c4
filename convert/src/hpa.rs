//! HorizontalPodAutoscalers of `autoscaling/v2` and `autoscaling/v1`.

mod behavior;

use std::num::NonZeroU32;

use rouse_api::load::FieldPath;
use rouse_api::resource::{Replicas, Spec, Trigger, UsageTrigger};

use crate::fields::Fields;
use crate::keda::{Target, metadata, target};
use crate::kubernetes::Meta;
use crate::node::Node;
use crate::note::Notes;
use crate::outcome::{Converted, workload};
use crate::scalar::wanted;

pub(crate) use behavior::{Behavior, stable_window};

/// The HPA's own metric when none is given: percent of the requested processor time.
const CPU: u32 = 80;

/// Whether it is one.
#[must_use]
pub fn is_one(object: &Node) -> bool {
    let version = object.text("apiVersion").unwrap_or_default();
    version.starts_with("autoscaling/") && object.text("kind") == Some("HorizontalPodAutoscaler")
}

/// The ScaledObject for which KEDA has made it.
#[must_use]
pub fn made_for(object: &Node) -> Option<&str> {
    let owners = object.list("metadata.ownerReferences");
    let owner = owners
        .iter()
        .find(|owner| owner.text("kind") == Some("ScaledObject"));
    owner.and_then(|owner| owner.text("name")).or_else(|| {
        let labels = object.find("metadata.labels")?;
        labels.get("scaledobject.keda.sh/name")?.as_text()
    })
}

/// Converts one.
#[must_use]
pub fn convert(object: &Node) -> Converted {
    let mut notes = Notes::default();
    let meta = Meta::of(object, &mut notes);
    let metadata = metadata(&meta, &mut notes);
    let spec = object.get("spec").unwrap_or(&Node::Null);
    let mut spec = Fields::of(spec, FieldPath::of("spec"), &mut notes);
    let of = spec.map("scaleTargetRef", &mut notes);
    let of = of.map_or_else(Target::default, |fields| Target::read(fields, &mut notes));
    let replicas = replicas(&mut spec, &mut notes);
    let triggers = triggers(&mut spec, &mut notes);
    let fields = spec.map("behavior", &mut notes);
    let behavior = Behavior::read(fields, spec.path.key("behavior"), &mut notes);
    spec.rest(&mut notes);
    notes.changed(
        &FieldPath::default(),
        "",
        "Delete the HorizontalPodAutoscaler once this is there: while it stays, Rouse does only zero and the HPA's least.",
    );
    if triggers.is_empty() {
        let at = FieldPath::of("spec.metrics");
        notes.lost(
            &at,
            "nothing of it would scale, so that no workload comes out",
        );
        return Converted::nothing(notes);
    }
    let spec = Spec {
        target: Some(target(&of, &mut notes)),
        behavior: Some(behavior.converted(replicas.min == Some(0), false, &mut notes)),
        replicas: Some(replicas),
        triggers,
        ..Spec::default()
    };
    Converted::checked(workload(metadata, spec), notes)
}

fn replicas(spec: &mut Fields<'_>, notes: &mut Notes) -> Replicas {
    let (min_at, max_at) = (spec.path.key("minReplicas"), spec.path.key("maxReplicas"));
    let mut min = spec.whole("minReplicas", notes).unwrap_or(1);
    let max = spec.whole::<u32>("maxReplicas", notes);
    let max = max.and_then(NonZeroU32::new);
    if max.is_none() {
        notes.mistake(&max_at, "is missing");
    }
    if min == 0 {
        let message = "minReplicas 0: what an HPA measures wakes nothing in Rouse, so that 1 was taken; with http or other triggers it may be 0";
        notes.lost_at(&min_at, FieldPath::of("spec.replicas.min"), message);
        min = 1;
    }
    Replicas {
        min: Some(min),
        max,
        ..Replicas::default()
    }
}

fn triggers(spec: &mut Fields<'_>, notes: &mut Notes) -> Vec<Trigger> {
    let mut triggers = Vec::new();
    let percent_at = spec.path.key("targetCPUUtilizationPercentage");
    let percent = spec.whole::<u32>("targetCPUUtilizationPercentage", notes);
    let metrics = spec.maps("metrics", notes);
    if metrics.is_empty() {
        if percent.is_none() {
            let message = "no metric was given, and this is the HPA's default";
            let line = FieldPath::of("spec.triggers").index(0);
            notes.changed_at(&spec.path.key("metrics"), line, message);
        }
        let percent = f64::from(percent.unwrap_or(CPU));
        triggers.push(Trigger {
            cpu: Some(UsageTrigger {
                utilization: wanted(percent, &percent_at, notes),
                average: None,
                container: None,
            }),
            ..Trigger::default()
        });
    }
    for mut metric in metrics {
        let kind = metric.text("type", notes).unwrap_or_default();
        let of = match kind.as_str() {
            "Resource" => metric.map("resource", notes),
            "ContainerResource" => metric.map("containerResource", notes),
            _ => {
                let message = format!(
                    "{kind} has no counterpart by itself: write what it measures as a prometheus, sqs, pods or cron trigger, or as http.requestRate"
                );
                notes.lost(&metric.path, message);
                continue;
            }
        };
        metric.rest(notes);
        if let Some(of) = of {
            triggers.extend(usage(of, notes));
        }
    }
    triggers
}

fn usage(mut fields: Fields<'_>, notes: &mut Notes) -> Option<Trigger> {
    let at = fields.path.clone();
    let name = fields.text("name", notes).unwrap_or_default();
    let container = fields.text("container", notes);
    let target = fields.map("target", notes);
    fields.rest(notes);
    let Some(mut target) = target else {
        notes.mistake(&at.key("target"), "is missing");
        return None;
    };
    let at_target = target.path.clone();
    target.take("type");
    let percent = target.whole::<u32>("averageUtilization", notes);
    let average = target.text("averageValue", notes);
    target.rest(notes);
    let mut usage = UsageTrigger {
        utilization: None,
        average: None,
        container: match container {
            Some(name) => Some(wanted(name, &at.key("container"), notes)?),
            None => None,
        },
    };
    match (percent, average) {
        (Some(percent), _) => {
            let at = at_target.key("averageUtilization");
            usage.utilization = Some(wanted(f64::from(percent), &at, notes)?);
        }
        (None, Some(average)) => {
            let at = at_target.key("averageValue");
            usage.average = Some(wanted(average, &at, notes)?);
        }
        (None, None) => {
            let message = "has neither averageUtilization nor averageValue; write one of them";
            notes.mistake(&at_target, message);
            return None;
        }
    }
    let (cpu, memory) = match name.as_str() {
        "cpu" => (Some(usage), None),
        "memory" => (None, Some(usage)),
        other => {
            let message = format!("{other:?} has no counterpart: Rouse knows cpu and memory");
            notes.lost(&at.key("name"), message);
            return None;
        }
    };
    Some(Trigger {
        cpu,
        memory,
        ..Trigger::default()
    })
}
