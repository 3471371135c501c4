//! KEDA's objects: which of them are taken for workloads, and what workloads they are. The conversion is the one of `rouse convert`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::api::DynamicObject;
use std::time::Duration;

use rouse_api::load;
use rouse_api::workload::{Asked, Polled, Source, Trigger, Workload};
use rouse_convert::keda::{self, Kind, Known};
use rouse_convert::{Converted, Node, NoteKind};
use serde_json::{Value, json};

use super::event::{Change, Key};
use super::object::{Object, Recorded};
use super::owner::KedaObject;
use super::target::TargetKey;
use super::{Entry, Index};
use crate::origin::{Adopted, Origin};

/// Says of an object whether it is taken: `"true"` or `"false"`.
pub const ADOPT: &str = "rouse.dev/adopt";
/// Its class.
const CLASS: &str = "rouse.dev/class";
/// Stops KEDA.
const PAUSED: &str = "autoscaling.keda.sh/paused";

/// Which of KEDA's objects are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Adoption {
    /// None.
    #[default]
    Off,
    /// Those that say so by [`ADOPT`]. KEDA may run beside; its annotations to pause are for KEDA.
    Annotated,
    /// All but those that say otherwise. KEDA runs no more; its annotations to pause are for Rouse.
    All,
}

/// An object of KEDA, as it is.
#[derive(Debug, Clone)]
pub struct Raw {
    kind: Kind,
    key: Key,
    node: Arc<Node>,
    uid: Arc<str>,
    generation: i64,
    resource_version: Arc<str>,
    deleted: bool,
    created: Value,
    status: Value,
    /// A ScaledObject that KEDA's HTTP add-on has made of an HTTPScaledObject.
    made: bool,
}

/// Its kind and name.
pub type RawKey = (Kind, Key);

impl Raw {
    /// `None`: it is none of KEDA's.
    #[must_use]
    pub fn of(mut object: DynamicObject) -> Option<Self> {
        object.metadata.managed_fields = None;
        let status = object.data.get_mut("status").map(Value::take);
        let node = Node::of(&object).ok()?;
        let meta = &object.metadata;
        let owners = meta.owner_references.as_deref().unwrap_or_default();
        Some(Self {
            kind: keda::kind_of(&node)?,
            key: Key::new(
                meta.namespace.as_deref().unwrap_or_default(),
                meta.name.as_deref()?,
            ),
            node: Arc::new(node),
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            generation: meta.generation.unwrap_or_default(),
            resource_version: meta.resource_version.as_deref().unwrap_or_default().into(),
            deleted: meta.deletion_timestamp.is_some(),
            created: json!(meta.creation_timestamp),
            status: status.unwrap_or(Value::Null),
            made: owners.iter().any(|owner| owner.kind == "HTTPScaledObject"),
        })
    }

    /// Its kind and name.
    #[must_use]
    pub fn key(&self) -> RawKey {
        (self.kind, self.key.clone())
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        let all = self.node.fields("metadata.annotations");
        let (_, value) = all.iter().find(|(key, _)| key == name)?;
        value.as_text()
    }

    fn is_taken(&self, adoption: Adoption) -> bool {
        let said = self.annotation(ADOPT);
        !self.made
            && match adoption {
                Adoption::Off => false,
                Adoption::Annotated => said == Some("true"),
                Adoption::All => said != Some("false"),
            }
    }

    fn target(&self) -> Option<TargetKey> {
        let field = |name: &str| self.node.text(&format!("spec.scaleTargetRef.{name}"));
        Some(TargetKey::new(
            self.key.namespace(),
            field("apiVersion").unwrap_or("apps/v1"),
            field("kind").unwrap_or("Deployment"),
            field("name")?,
        ))
    }

    /// As KEDA itself would act on it.
    fn owner(&self) -> Option<KedaObject> {
        let paused = self.annotation(PAUSED).is_some_and(|value| value == "true");
        let held = self.annotation("autoscaling.keda.sh/paused-replicas");
        Some(KedaObject {
            key: self.key.clone(),
            target: self.target()?,
            paused: paused || held.is_some(),
        })
    }
}

/// What is known of KEDA's objects.
#[derive(Debug, Default)]
pub(super) struct Kedas {
    pub(super) adoption: Adoption,
    all: BTreeMap<(Key, Kind), Raw>,
    known: Known,
}

impl Kedas {
    /// The object of a workload's name that is to be it: of several the first of these kinds.
    fn taken(&self, key: &Key) -> Option<&Raw> {
        let kinds = [
            Kind::ScaledObject,
            Kind::HttpScaledObject,
            Kind::InterceptorRoute,
        ];
        let all = kinds
            .iter()
            .filter_map(|kind| self.all.get(&(key.clone(), *kind)));
        let mut taken = all.filter(|raw| raw.is_taken(self.adoption));
        taken.find(|raw| raw.kind != Kind::InterceptorRoute || !self.is_referred_to(raw))
    }

    fn is_referred_to(&self, of: &Raw) -> bool {
        !self.referrers(of).is_empty()
    }

    /// The ScaledObjects that refer to an object.
    fn referrers(&self, of: &Raw) -> Vec<Key> {
        if matches!(of.kind, Kind::ScaledObject | Kind::HttpScaledObject) {
            return Vec::new();
        }
        let wanted = (
            of.kind,
            of.key.namespace().to_owned(),
            of.key.name().to_owned(),
        );
        let all = self.all.values();
        let scaled = all.filter(|raw| raw.kind == Kind::ScaledObject);
        let refer = scaled.filter(|raw| keda::references(&raw.node).contains(&wanted));
        refer.map(|raw| raw.key.clone()).collect()
    }

    fn object(&self, raw: &Raw) -> Object {
        let given = match self.adoption {
            Adoption::Annotated => without_pause(&raw.node),
            _ => Node::clone(&raw.node),
        };
        object(raw, keda::convert(&given, &self.known))
    }
}

/// Where KEDA runs beside, its pause is how it is told to leave the object alone.
fn without_pause(node: &Node) -> Node {
    let edit = |fields: &mut Vec<(String, Node)>, name: &str, change: &dyn Fn(&mut Node)| {
        if let Some((_, field)) = fields.iter_mut().find(|(key, _)| key == name) {
            change(field);
        }
    };
    let mut node = node.clone();
    if let Node::Map(fields) = &mut node {
        edit(fields, "metadata", &|metadata| {
            if let Node::Map(fields) = metadata {
                edit(fields, "annotations", &|annotations| {
                    if let Node::Map(all) = annotations {
                        all.retain(|(name, _)| !name.starts_with(PAUSED));
                    }
                });
            }
        });
    }
    node
}

fn object(raw: &Raw, converted: Converted) -> Object {
    let (namespace, name) = (raw.key.namespace(), raw.key.name());
    let told = |kind: &dyn Fn(NoteKind) -> bool| -> Vec<String> {
        let notes = converted.notes.iter().filter(|note| kind(note.kind));
        notes.map(ToString::to_string).collect()
    };
    let adopted = Adopted {
        kind: raw.kind,
        lost: told(&|kind| kind != NoteKind::Changed),
        shown: shown(raw),
    };
    let mut value = converted.resource.as_ref().map_or(Value::Null, |resource| {
        serde_json::to_value(resource).unwrap_or_default()
    });
    let workload = match value.get_mut("metadata").and_then(Value::as_object_mut) {
        Some(metadata) if metadata.get("name") != Some(&json!(name)) => {
            let told =
                format!("metadata.name: {name} has a dot, and no workload's name can have one");
            Err(Arc::from([told]))
        }
        Some(metadata) => {
            metadata.insert("namespace".to_owned(), json!(namespace));
            metadata.insert("creationTimestamp".to_owned(), raw.created.clone());
            let loaded = load::object(&value).map(|mut workload| {
                keep_what_is_lost(raw, &mut workload);
                Arc::new(workload)
            });
            loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect())
        }
        None => Err(told(&|_| true).into()),
    };
    let named = super::object::named(namespace, name, &value);
    let annotations = value.pointer("/metadata/annotations");
    let paused = annotations.is_some_and(|all| all["rouse.dev/paused"] == "true");
    let status = raw.status.get("rouse").filter(|status| status.is_object());
    Object {
        key: raw.key.clone(),
        uid: raw.uid.clone(),
        generation: raw.generation,
        resource_version: raw.resource_version.clone(),
        class: raw.annotation(CLASS).map(Into::into),
        deleted: raw.deleted,
        paused,
        workload,
        named: raw.target().unwrap_or(named),
        status: status.map(Value::to_string).unwrap_or_default().into(),
        recorded: match status {
            Some(status) => super::object::recorded(status),
            None => from_conditions(raw),
        },
        origin: Origin::Adopted(Arc::new(adopted)),
    }
}

/// KEDA's own definition keeps no more of our status than conditions.
fn from_conditions(raw: &Raw) -> Recorded {
    let all = raw.status.get("conditions").and_then(Value::as_array);
    let stopped = all.into_iter().flatten().any(|one| {
        let of = |field: &str, value: &str| one[field] == value;
        of("type", "Ready") && of("reason", "StoppedByHand")
    });
    Recorded {
        stopped: stopped.then_some(raw.generation),
        ..Recorded::default()
    }
}

/// Of a part that is not carried over nobody knows what it would ask for: so nothing goes down, nor to zero.
fn keep_what_is_lost(raw: &Raw, workload: &mut Workload) {
    let given = raw.node.list("spec.triggers").len();
    // One of them may be the route that its requests take.
    let routed = usize::from(raw.kind == Kind::ScaledObject && workload.http.is_some());
    let carried = workload.triggers.len() + routed;
    let mut lost = Vec::new();
    if given > carried {
        lost.push(format!(
            "{} of its {given} triggers not carried over",
            given - carried
        ));
    }
    let held = raw.annotation("autoscaling.keda.sh/paused-scale-in");
    if held.is_some_and(|value| !matches!(value, "false" | "0")) {
        lost.push("scale-in is paused by its annotation".to_owned());
    }
    for why in lost {
        let place = workload.triggers.len().max(given);
        let source = Source::Polled(Polled {
            of: Asked::Nobody(why),
            target: 1.0,
            total: false,
            activation: 0.0,
            every: Duration::from_secs(3600),
            timeout: Duration::from_secs(1),
            fallback: None,
        });
        workload.triggers.push(Trigger { place, source });
    }
}

/// What KEDA's columns show.
fn shown(raw: &Raw) -> Value {
    if raw.kind != Kind::ScaledObject {
        return json!({});
    }
    let mut types: Vec<&str> = Vec::new();
    for trigger in raw.node.list("spec.triggers") {
        let kind = trigger.text("type").unwrap_or_default();
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    let target = raw.target();
    let kind = target.map(|target| format!("{}.{}", raw.api_version(), target.kind));
    json!({"scaleTargetKind": kind, "triggersTypes": types.join(",")})
}

impl Raw {
    fn api_version(&self) -> &str {
        let given = self.node.text("spec.scaleTargetRef.apiVersion");
        given.unwrap_or("apps/v1")
    }
}

impl Index {
    /// Takes these of KEDA's objects for workloads.
    #[must_use]
    pub fn adopting(mut self, adoption: Adoption) -> Self {
        self.adopted.adoption = adoption;
        self
    }

    pub(super) fn keda(&mut self, change: Change<Raw, RawKey>) {
        match change {
            Change::Apply(raw) => self.keda_is(raw),
            Change::Delete(key) => self.keda_gone(&key),
            Change::Listed { scope, seen } => {
                let gone = |(key, kind): &&(Key, Kind)| {
                    let (_, name, _) = crate::origin::resource(*kind);
                    scope.kind == name
                        && scope.covers(key.namespace())
                        && !seen.contains(&(*kind, key.clone()))
                };
                let owned = self.kedas.keys();
                let owned = owned.map(|key| (key.clone(), Kind::ScaledObject));
                let all = self.adopted.all.keys().cloned().chain(owned);
                let gone: BTreeSet<_> = all.filter(|one| gone(&one)).collect();
                for (key, kind) in gone {
                    self.keda_gone(&(kind, key));
                }
            }
        }
    }

    fn keda_is(&mut self, raw: Raw) {
        self.owned_by_keda(&raw);
        if self.adopted.adoption == Adoption::Off {
            return;
        }
        let place = (raw.key.clone(), raw.kind);
        self.adopted.known.add(&raw.node);
        let mut concerned = self.adopted.referrers(&raw);
        concerned.push(raw.key.clone());
        // Those that it has referred to until now may be workloads of their own from now on.
        let referred = |raw: &Raw| {
            let all = keda::references(&raw.node).into_iter();
            all.map(|(_, namespace, name)| Key::new(&namespace, &name))
                .collect::<Vec<_>>()
        };
        concerned.extend(referred(&raw));
        if let Some(old) = self.adopted.all.get(&place) {
            concerned.extend(referred(old));
        }
        self.adopted.all.insert(place, raw);
        self.readopt(concerned);
    }

    fn keda_gone(&mut self, (kind, key): &RawKey) {
        if *kind == Kind::ScaledObject {
            let touched = self.kedas.change(Change::Delete(key.clone()), of_owner);
            self.touch_targets(touched);
        }
        let Some(old) = self.adopted.all.remove(&(key.clone(), *kind)) else {
            return;
        };
        let mut concerned = self.adopted.referrers(&old);
        concerned.push(key.clone());
        for (_, namespace, name) in keda::references(&old.node) {
            concerned.push(Key::new(&namespace, &name));
        }
        self.adopted.known.remove(&old.node);
        self.readopt(concerned);
    }

    /// A ScaledObject that is not taken is KEDA's to act on.
    fn owned_by_keda(&mut self, raw: &Raw) {
        if raw.kind != Kind::ScaledObject {
            return;
        }
        let owner = raw.owner().filter(|_| !raw.is_taken(self.adopted.adoption));
        let change = match owner {
            Some(owner) => Change::Apply(owner),
            None => Change::Delete(raw.key.clone()),
        };
        let touched = self.kedas.change(change, of_owner);
        self.touch_targets(touched);
    }

    /// What workloads of these names are now, unless they are ScaledWorkloads: these go before.
    pub(super) fn readopt(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            let adopted = |entry: &Entry| entry.object.origin.adopted().is_some();
            let there = self.entries.get(&key).map(adopted);
            if there == Some(false) || self.elsewhere.has_own(&key) {
                continue;
            }
            match self.adopted.taken(&key).map(|raw| self.adopted.object(raw)) {
                Some(object) => self.take(object),
                // Here, or of another class.
                None => self.delete(&key),
            }
        }
    }
}

fn of_owner(keda: &KedaObject) -> (&Key, &TargetKey) {
    (&keda.key, &keda.target)
}
