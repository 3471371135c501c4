//! A ScaledObject as people write it.

use std::collections::BTreeMap;

use rouse_api::load::FieldPath;

use crate::fields::Fields;
use crate::hpa::Behavior;
use crate::kubernetes::Meta;
use crate::node::Node;
use crate::note::Notes;

/// `spec` with its metadata. What is left out stays `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ScaledObject {
    pub(super) meta: Meta,
    pub(super) target: Target,
    pub(super) polling_interval: Option<u64>,
    pub(super) cooldown_period: Option<u64>,
    pub(super) idle: Option<u32>,
    pub(super) min: Option<u32>,
    pub(super) max: Option<u32>,
    pub(super) fallback: Option<Fallback>,
    pub(super) restores: bool,
    pub(super) behavior: Behavior,
    pub(super) triggers: Vec<Trigger>,
}

/// `scaleTargetRef`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Target {
    pub(crate) api_version: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) name: Option<String>,
    /// `envSourceContainerName`.
    pub(crate) container: Option<String>,
}

/// `fallback`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fallback {
    pub(super) at: FieldPath,
    pub(super) failures: Option<u32>,
    pub(super) replicas: u32,
    pub(super) behavior: String,
}

/// An entry of `triggers`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Trigger {
    pub(super) at: FieldPath,
    pub(super) kind: String,
    pub(super) name: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) metric_type: Option<String>,
    pub(super) is_cached: bool,
    /// `(kind, name)`.
    pub(super) authentication: Option<(Option<String>, String)>,
}

impl ScaledObject {
    pub(super) fn read(object: &Node, notes: &mut Notes) -> Self {
        let meta = Meta::of(object, notes);
        let spec = object.get("spec").unwrap_or(&Node::Null);
        let mut spec = Fields::of(spec, FieldPath::of("spec"), notes);
        let target = spec.map("scaleTargetRef", notes);
        let read = Self {
            meta,
            target: target.map_or_else(Target::default, |fields| Target::read(fields, notes)),
            polling_interval: spec.whole("pollingInterval", notes),
            cooldown_period: spec.whole("cooldownPeriod", notes),
            idle: spec.whole("idleReplicaCount", notes),
            min: spec.whole("minReplicaCount", notes),
            max: spec.whole("maxReplicaCount", notes),
            fallback: spec
                .map("fallback", notes)
                .and_then(|fields| Fallback::read(fields, notes)),
            triggers: triggers(&mut spec, notes),
            ..Self::default()
        };
        initial_cooldown(&mut spec, notes);
        let advanced = spec.map("advanced", notes);
        spec.rest(notes);
        let (restores, behavior) = self::advanced(advanced, notes);
        Self {
            restores,
            behavior,
            ..read
        }
    }
}

/// Rouse has none.
pub(super) fn initial_cooldown(spec: &mut Fields<'_>, notes: &mut Notes) {
    let at = spec.path.key("initialCooldownPeriod");
    let period = spec.whole::<u64>("initialCooldownPeriod", notes);
    if period.is_some_and(|period| period > 0) {
        notes.lost(&at, "has no counterpart: a new workload is idle from when Rouse sees it first, and sleeps idleAfter later");
    }
}

fn advanced(advanced: Option<Fields<'_>>, notes: &mut Notes) -> (bool, Behavior) {
    let at = FieldPath::of("spec.advanced.horizontalPodAutoscalerConfig.behavior");
    let Some(mut advanced) = advanced else {
        return (false, Behavior::read(None, at, notes));
    };
    let restores = advanced.flag("restoreToOriginalReplicaCount", notes);
    let hpa = advanced.map("horizontalPodAutoscalerConfig", notes);
    let behavior = hpa.map(|mut hpa| {
        hpa.lost(&[("name", "has no counterpart: Rouse makes no HPA")], notes);
        let behavior = hpa.map("behavior", notes);
        hpa.rest(notes);
        Behavior::read(behavior, at.clone(), notes)
    });
    advanced.lost(
        &[(
            "scalingModifiers",
            "has no counterpart: each trigger asks for itself, and the largest wins. Write the formula as one query of prometheus",
        )],
        notes,
    );
    advanced.rest(notes);
    let behavior = behavior.unwrap_or_else(|| Behavior::read(None, at, notes));
    (restores.unwrap_or(false), behavior)
}

impl Target {
    pub(crate) fn read(mut fields: Fields<'_>, notes: &mut Notes) -> Self {
        let read = Self {
            api_version: fields.text("apiVersion", notes),
            kind: fields.text("kind", notes),
            name: fields.text("name", notes),
            container: fields.text("envSourceContainerName", notes),
        };
        fields.rest(notes);
        read
    }
}

impl Fallback {
    fn read(mut fields: Fields<'_>, notes: &mut Notes) -> Option<Self> {
        let failures = fields.whole("failureThreshold", notes);
        let replicas = fields.whole("replicas", notes);
        let behavior = fields.text("behavior", notes);
        let at = fields.path.clone();
        fields.rest(notes);
        let Some(replicas) = replicas else {
            notes.mistake(&at.key("replicas"), "is missing");
            return None;
        };
        Some(Self {
            at,
            failures,
            replicas,
            behavior: behavior.unwrap_or_else(|| "static".to_owned()),
        })
    }
}

fn triggers(spec: &mut Fields<'_>, notes: &mut Notes) -> Vec<Trigger> {
    let at = spec.path.key("triggers");
    let mut triggers = Vec::new();
    for mut fields in spec.maps("triggers", notes) {
        let authentication = fields.map("authenticationRef", notes);
        let authentication = authentication.and_then(|mut fields| {
            let (kind, name) = (fields.text("kind", notes), fields.text("name", notes));
            let at = fields.path.key("name");
            fields.rest(notes);
            if name.is_none() {
                notes.mistake(&at, "is missing");
            }
            Some((kind, name?))
        });
        let trigger = Trigger {
            at: fields.path.clone(),
            kind: fields.text("type", notes).unwrap_or_default(),
            name: fields.text("name", notes),
            metadata: fields.pairs("metadata", notes).into_iter().collect(),
            metric_type: fields.text("metricType", notes),
            is_cached: fields.flag("useCachedMetrics", notes).unwrap_or(false),
            authentication,
        };
        fields.rest(notes);
        triggers.push(trigger);
    }
    if triggers.is_empty() {
        notes.mistake(&at, "is empty; KEDA wants at least one");
    }
    triggers
}
