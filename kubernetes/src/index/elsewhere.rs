//! ScaledWorkloads that another installation looks after: all that is known of them here is what they scale, so that it is left alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::Key;
use super::object::Object;
use super::target::TargetKey;
use crate::origin::Origin;

/// Those of other classes.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    all: BTreeMap<Key, Object>,
    by_target: HashMap<TargetKey, BTreeSet<Key>>,
}

impl Elsewhere {
    /// An object as it is now, `class` being the own one. Returns the targets that are concerned.
    pub(super) fn take(&mut self, object: &Object, class: Option<&str>) -> Vec<TargetKey> {
        let mut touched: Vec<TargetKey> = self.remove(&object.key).into_iter().collect();
        if object.class.as_deref() != class {
            let target = object.named.clone();
            let keys = self.by_target.entry(target.clone()).or_default();
            keys.insert(object.key.clone());
            self.all.insert(object.key.clone(), object.clone());
            touched.push(target);
        }
        touched
    }

    /// It is no more. Returns what it scaled.
    pub(super) fn remove(&mut self, key: &Key) -> Option<TargetKey> {
        let target = self.all.remove(key)?.named;
        if let Some(keys) = self.by_target.get_mut(&target) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_target.remove(&target);
            }
        }
        Some(target)
    }

    /// Whether a ScaledWorkload of this name is among them.
    pub(super) fn has_own(&self, key: &Key) -> bool {
        let object = self.all.get(key);
        object.is_some_and(|object| object.origin == Origin::ScaledWorkload)
    }

    /// The ScaledWorkloads among them.
    pub(super) fn own(&self) -> impl Iterator<Item = Key> {
        let own = self
            .all
            .values()
            .filter(|object| object.origin == Origin::ScaledWorkload);
        own.map(|object| object.key.clone())
    }

    /// Whether one of them names it, valid or not.
    pub(super) fn names(&self, target: &TargetKey) -> bool {
        self.by_target.contains_key(target)
    }

    /// The valid ones that scale it, and don't only look on.
    pub(super) fn scaling(&self, target: &TargetKey) -> impl Iterator<Item = &Object> {
        let keys = self.by_target.get(target).into_iter().flatten();
        let objects = keys.filter_map(|key| self.all.get(key));
        objects.filter(|object| {
            let workload = object.workload.as_ref();
            workload.is_ok_and(|workload| !workload.scale.observes)
        })
    }
}
