//! Triggers: which types Rouse has, and what all of them have.

mod access;
mod cron;
mod external;
mod metrics_api;
mod pods;
mod prometheus;
mod sqs;
mod usage;

use std::num::NonZeroU32;

use rouse_api::load::FieldPath;
use rouse_api::resource::{self, FallbackReplicas, NotNegative};

use super::known::Known;
use super::scaled_object::{Fallback, ScaledObject, Trigger};
use super::values::Values;
use crate::note::Notes;
use crate::scalar::{seconds, wanted};

/// The types that Rouse has, each with what makes one of it. Another one is a line here and a file.
const TYPES: [(&str, Convert); 9] = [
    ("aws-sqs-queue", sqs::sqs),
    ("cpu", usage::cpu),
    ("cron", cron::cron),
    ("external", external::external),
    ("external-push", external::external_push),
    ("kubernetes-workload", pods::pods),
    ("memory", usage::memory),
    ("metrics-api", metrics_api::metrics_api),
    ("prometheus", prometheus::prometheus),
];

/// `None`: it can't be one, which has been told.
type Convert = fn(&mut Values<'_>, &Bounds, &mut Notes) -> Option<resource::Trigger>;

/// What a trigger must know of the workload.
pub(super) struct Bounds {
    pub(super) max: u32,
    /// `namespace/name` of what comes out.
    pub(super) workload: String,
}

/// KEDA's defaults, in seconds.
const POLLING_INTERVAL: u64 = 30;
/// The HPA's, in seconds, and Rouse's.
const HPA_INTERVAL: u64 = 15;
/// Rouse's longest, in seconds.
const LONGEST_INTERVAL: u64 = 3600;

/// What one becomes as entry `place` of the outcome.
pub(super) fn trigger(
    object: &ScaledObject,
    trigger: &Trigger,
    place: usize,
    (known, bounds): (&Known, &Bounds),
    notes: &mut Notes,
) -> Option<resource::Trigger> {
    let kind = trigger.kind.as_str();
    let Some((_, convert)) = TYPES.iter().find(|(name, _)| *name == kind) else {
        let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "{kind:?} has no counterpart in this version, which has {}; the other triggers work without it",
            names.join(", ")
        );
        notes.lost(&trigger.at.key("type"), message);
        return None;
    };
    let to = FieldPath::of("spec.triggers").index(place);
    let target = &object.target;
    let environment = target.name.as_ref().and_then(|name| {
        let kind = target.kind.as_deref().unwrap_or("Deployment");
        let key = (object.meta.in_namespace().to_owned(), name.clone());
        known.environment(kind, &key)
    });
    let mut values = Values {
        at: trigger.at.key("metadata"),
        to: to.clone(),
        trigger,
        authentication: authentication(object, trigger, known, notes)?,
        environment,
        role: environment
            .and_then(|environment| known.role(object.meta.in_namespace(), environment)),
        container: target.container.as_deref(),
        taken: Default::default(),
    };
    let converted = convert(&mut values, bounds, notes);
    values.rest(notes);
    let mut converted = converted?;
    if let Some(name) = &trigger.name {
        let message = format!("KEDA's name for it: {name}");
        notes.changed_at(&trigger.at.key("name"), to.clone(), message);
    }
    if converted.cron.is_none() && converted.cpu.is_none() && converted.memory.is_none() {
        converted.poll_interval = polled(object, trigger, &to, notes);
        if let Some(given) = &object.fallback {
            converted.fallback = fallback(given, bounds.max, &to, notes);
        }
    }
    Some(converted)
}

/// What it refers to; the outer `None`: it isn't there, which has been told.
#[expect(
    clippy::option_option,
    reason = "not there is not the same as not wanted"
)]
fn authentication<'a>(
    object: &ScaledObject,
    trigger: &Trigger,
    known: &'a Known,
    notes: &mut Notes,
) -> Option<Option<&'a super::authentication::Authentication>> {
    let Some((kind, name)) = &trigger.authentication else {
        return Some(None);
    };
    let (kind, found) = match kind.as_deref() {
        Some(kind @ "ClusterTriggerAuthentication") => {
            (kind, known.cluster_authentications.get(name))
        }
        Some(kind) if kind != "TriggerAuthentication" => {
            let message = format!(
                "{kind:?} is unknown; TriggerAuthentication or ClusterTriggerAuthentication is wanted"
            );
            notes.mistake(&trigger.at.key("authenticationRef").key("kind"), message);
            return None;
        }
        _ => {
            let key = (object.meta.in_namespace().to_owned(), name.clone());
            ("TriggerAuthentication", known.authentications.get(&key))
        }
    };
    if found.is_none() {
        let message = format!("names the {kind} {name}, which is not here; give its manifest, too");
        notes.mistake(&trigger.at.key("authenticationRef"), message);
        return None;
    }
    Some(found)
}

fn polled(
    object: &ScaledObject,
    trigger: &Trigger,
    to: &FieldPath,
    notes: &mut Notes,
) -> Option<resource::Duration> {
    let at = FieldPath::of("spec.pollingInterval");
    let line = to.key("pollInterval");
    let given = object.polling_interval.unwrap_or(POLLING_INTERVAL);
    if given == 0 {
        notes.mistake(&at, "is 0; 1 is KEDA's least");
    }
    let every = given.clamp(1, LONGEST_INTERVAL);
    let mut message = String::new();
    if given > LONGEST_INTERVAL {
        message.push_str("1h is Rouse's longest; ");
    }
    if every != HPA_INTERVAL && !trigger.is_cached {
        message.push_str(
            "in KEDA only for waking and sleeping, while the HPA asks each 15 s; here for both",
        );
    }
    if !message.is_empty() {
        notes.changed_at(&at, line, message.trim_end_matches("; "));
    }
    seconds(every)
}

fn fallback(
    given: &Fallback,
    max: u32,
    to: &FieldPath,
    notes: &mut Notes,
) -> Option<FallbackReplicas> {
    match given.behavior.as_str() {
        // What Rouse does anyway.
        "currentReplicas" => return None,
        "currentReplicasIfLower" => {
            let message = "currentReplicasIfLower has no counterpart: while nothing is known Rouse lowers nothing";
            notes.lost(&given.at.key("behavior"), message);
            return None;
        }
        "static" | "currentReplicasIfHigher" => {}
        other => {
            let message = format!(
                "{other:?} is unknown; static, currentReplicas, currentReplicasIfHigher or currentReplicasIfLower is wanted"
            );
            notes.mistake(&given.at.key("behavior"), message);
            return None;
        }
    }
    let Some(replicas) = NonZeroU32::new(given.replicas.min(max)) else {
        let message = "is 0, which has no counterpart: while nothing is known Rouse lowers nothing";
        notes.lost(&given.at.key("replicas"), message);
        return None;
    };
    let mut message = match given.failures {
        Some(failures) => format!("KEDA: after {failures} failures in a row. "),
        None => String::new(),
    };
    message.push_str("Rouse: when nothing has been known for 5 minutes, and at least so many, never fewer than there are");
    if given.replicas > max {
        message.push_str(&format!("; {} is above max", given.replicas));
    }
    notes.changed_at(&given.at, to.key("fallback"), message);
    Some(FallbackReplicas { replicas })
}

/// For sources of which one replica takes a part: whether the metric type says so; told when it says something else.
fn is_average(values: &Values<'_>, notes: &mut Notes) -> bool {
    let at = values.trigger.at.key("metricType");
    match values.trigger.metric_type.as_deref() {
        None | Some("" | "AverageValue") => true,
        Some("Value") => false,
        Some(other) => {
            let message = format!(
                "{other:?} is not for {}; AverageValue or Value is wanted, and AverageValue was taken",
                values.trigger.kind
            );
            notes.mistake(&at, message);
            true
        }
    }
}

/// The same where Rouse has only a replica's part.
fn only_average(values: &Values<'_>, field: &str, notes: &mut Notes) {
    if !is_average(values, notes) {
        let message = "the HPA took this for what the whole shall be (metricType Value); Rouse takes it for each replica's part";
        let at = values.trigger.at.key("metricType");
        notes.lost_at(&at, values.to.key(field).key("perReplica"), message);
    }
}

/// The value above which it is awake; 0 unless said.
fn activation(
    values: &mut Values<'_>,
    key: &str,
    field: &str,
    notes: &mut Notes,
) -> Result<NotNegative, ()> {
    let at = values.at.key(key);
    let mut given = values.number(key, notes)?.unwrap_or(0.0);
    if given < 0.0 {
        let message = format!("{given} keeps it awake always in KEDA: write replicas.min: 1");
        let line = values.to.key(field).key("activation");
        notes.lost_at(&at, line, message);
        given = 0.0;
    }
    wanted(given, &at, notes).ok_or(())
}
