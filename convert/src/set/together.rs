//! What documents have to do with each other.

use std::collections::{BTreeMap, BTreeSet};

use rouse_api::load::FieldPath;

use super::Item;
use super::fate::{Fate, FateKind, Written, described};
use crate::hpa;
use crate::keda::{self, Kind, Known};
use crate::knative::{self, Manifests};
use crate::kubernetes::{Key, key};
use crate::node::Node;
use crate::note::{Note, NoteKind};
use crate::outcome::Converted;

/// What documents have to do with each other.
pub(super) struct Together {
    /// Who refers to what.
    references: Vec<Vec<(Kind, String, String)>>,
    /// ScaledWorkloads, by what they were.
    made: BTreeMap<Key, String>,
    /// What scales (kind, namespace, name), by what scales it.
    targets: BTreeMap<(String, Key), String>,
    /// Services of Knative.
    knative: BTreeSet<Key>,
    /// Revisions that their traffic names, but for the newest.
    traffic: BTreeSet<Key>,
}

impl Together {
    pub(super) fn new(items: &[Item]) -> Self {
        Self {
            references: items
                .iter()
                .map(|item| keda::references(&item.node))
                .collect(),
            made: BTreeMap::new(),
            targets: BTreeMap::new(),
            traffic: items
                .iter()
                .filter(|item| knative::kind_of(&item.node) == Some(knative::Kind::Service))
                .flat_map(|item| knative::revisions(&item.node))
                .collect(),
            knative: items
                .iter()
                .filter(|item| knative::kind_of(&item.node) == Some(knative::Kind::Service))
                .map(|item| key(&item.node))
                .collect(),
        }
    }

    fn is_referred(&self, kind: Kind, node: &Node) -> bool {
        let (namespace, name) = key(node);
        let namespace = match kind {
            Kind::ClusterTriggerAuthentication => String::new(),
            _ => namespace,
        };
        let wanted = (kind, namespace, name);
        self.references.iter().any(|all| all.contains(&wanted))
    }

    pub(super) fn fate(
        &mut self,
        item: &Item,
        (known, beside): (&Known, &knative::Known),
        notes: Vec<Note>,
    ) -> Fate {
        let node = &item.node;
        if knative::Known::is_made(node) && knative::kind_of(node).is_none() {
            return Fate::gone(
                "Knative has made it, and takes it away with its Service",
                notes,
            );
        }
        let of = knative::Known::of_revision(node);
        if of.is_some_and(|service| self.knative.contains(&service)) && !self.takes_traffic(node) {
            return Fate::gone(
                "no traffic of its Service goes to it, and it is left out",
                notes,
            );
        }
        if let Some(manifests) = knative::convert(node, beside) {
            return self.several(item, manifests);
        }
        if knative::kind_of(node).is_some() {
            return match knative::Known::is_of(node, &self.knative) {
                true => Fate::gone(
                    "its host is in the Service's ScaledWorkload and VirtualService",
                    notes,
                ),
                false => Fate::passed(),
            };
        }
        match keda::kind_of(node) {
            Some(kind @ (Kind::TriggerAuthentication | Kind::ClusterTriggerAuthentication)) => {
                let what = match self.is_referred(kind, node) {
                    true => "is in the ScaledWorkloads that use it",
                    false => "nothing here refers to it, and it is left out",
                };
                Fate::gone(what, notes)
            }
            Some(kind @ Kind::InterceptorRoute) if self.is_referred(kind, node) => {
                Fate::gone("is in the ScaledWorkload of its ScaledObject", notes)
            }
            Some(_) => self.converted(item, keda::convert(node, known)),
            None if hpa::is_one(node) => match hpa::made_for(node) {
                Some(owner) => {
                    let what = format!("KEDA has made it for {owner}, and takes it away with that");
                    Fate::gone(&what, notes)
                }
                None => self.converted(item, hpa::convert(node)),
            },
            None => Fate::passed(),
        }
    }

    fn takes_traffic(&self, revision: &Node) -> bool {
        self.traffic.contains(&key(revision))
    }

    /// What a Service of Knative becomes.
    fn several(&mut self, item: &Item, manifests: Manifests) -> Fate {
        let from = described(&item.node);
        let (namespace, name) = key(&item.node);
        let kind = "Deployment".to_owned();
        self.targets
            .insert((kind, (namespace.clone(), name.clone())), from.clone());
        if let Some(other) = self.made.insert((namespace, name.clone()), from) {
            let message = format!(
                "would be the ScaledWorkload {name}, which {other} is already; give it another name"
            );
            return Fate::kept(vec![Note {
                kind: NoteKind::Mistake,
                from: FieldPath::default(),
                to: None,
                message,
            }]);
        }
        Fate::of_several(item, manifests)
    }

    /// Two workloads of one name, or two for one target, can't be.
    fn converted(&mut self, item: &Item, mut converted: Converted) -> Fate {
        let from = described(&item.node);
        if let Some(resource) = &converted.resource {
            let (namespace, _) = key(&item.node);
            let name = resource.metadata.name.as_ref();
            let name = name.map(ToString::to_string).unwrap_or_default();
            let target = resource.spec.as_ref().and_then(|spec| spec.target.clone());
            let target = target.unwrap_or_default();
            let kind = target.kind.map_or("Deployment".to_owned(), Into::into);
            let target = target.name.map_or_else(|| name.clone(), Into::into);
            let target = (kind, (namespace.clone(), target));
            let mut taken = None;
            if let Some(other) = self.targets.get(&target) {
                let (kind, (_, name)) = &target;
                taken = Some(format!(
                    "the workload '{name}' of type '{kind}' is already managed by {other}; keep one"
                ));
            } else if let Some(other) = self.made.get(&(namespace.clone(), name.clone())) {
                taken = Some(format!(
                    "would be the ScaledWorkload {name}, which {other} is already; give it another name"
                ));
            }
            match taken {
                Some(message) => {
                    converted.resource = None;
                    converted.notes.push(Note {
                        kind: NoteKind::Mistake,
                        from: FieldPath::default(),
                        to: None,
                        message,
                    });
                }
                None => {
                    self.made.insert((namespace, name), from.clone());
                    self.targets.insert(target, from);
                }
            }
        }
        Fate::of(item, converted)
    }

    /// What stays refers to credentials and routes that have to stay, too; what scales now should not have a count of its own.
    pub(super) fn keep_what_is_needed(&self, items: &[Item], fates: &mut [Fate]) {
        let mut needed = BTreeSet::new();
        for (fate, references) in fates.iter().zip(&self.references) {
            if fate.kind == FateKind::Kept {
                needed.extend(references.iter().map(|(kind, namespace, name)| {
                    (format!("{kind:?}"), namespace.clone(), name.clone())
                }));
            }
        }
        for (item, fate) in items.iter().zip(fates) {
            let (namespace, name) = key(&item.node);
            let kind = keda::kind_of(&item.node);
            let namespace = match kind {
                Some(Kind::ClusterTriggerAuthentication) => String::new(),
                _ => namespace,
            };
            if let Some(kind) = kind
                && fate.kind == FateKind::Gone
                && needed.contains(&(format!("{kind:?}"), namespace.clone(), name.clone()))
            {
                fate.what = "stays, for what stays with KEDA refers to it".to_owned();
                let comment = Some("Stays: what stays with KEDA refers to it.".to_owned());
                fate.written = vec![Written::AsItWas { comment }];
            }
            if fate.kind == FateKind::Passed {
                let kind = item.node.text("kind").unwrap_or_default();
                let counted = item.node.find("spec.replicas").is_some();
                let target = (kind.to_owned(), (namespace, name));
                if counted && self.targets.contains_key(&target) {
                    let comment = "Passed through. Take spec.replicas out: Rouse sets the count, and a later apply would set it back.";
                    let comment = Some(comment.to_owned());
                    fate.written = vec![Written::AsItWas { comment }];
                    fate.what = "passed through; take spec.replicas out, for a later apply would set the count back".to_owned();
                }
            }
        }
    }
}
