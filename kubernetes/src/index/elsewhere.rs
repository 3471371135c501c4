//! ScaledWorkloads that another installation looks after: all that is known of them here is what they scale, so that it is left alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::{Change, Key};
use super::object::Object;
use super::target::TargetKey;

/// Those of other classes.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    all: BTreeMap<Key, Object>,
    by_target: HashMap<TargetKey, BTreeSet<Key>>,
}

impl Elsewhere {
    /// Takes in what a watch has seen, `class` being the own one. Returns the targets that are concerned.
    pub(super) fn handle(
        &mut self,
        change: &Change<Object>,
        class: Option<&str>,
    ) -> Vec<TargetKey> {
        match change {
            Change::Apply(object) if object.class.as_deref() != class => self.insert(object),
            Change::Apply(Object { key, .. }) | Change::Delete(key) => {
                self.remove(key).into_iter().collect()
            }
            Change::Listed { scope, seen } => {
                let gone = |key: &&Key| scope.covers(key.namespace()) && !seen.contains(*key);
                let gone: Vec<Key> = self.all.keys().filter(gone).cloned().collect();
                gone.iter().filter_map(|key| self.remove(key)).collect()
            }
        }
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

    fn insert(&mut self, object: &Object) -> Vec<TargetKey> {
        let mut touched: Vec<TargetKey> = self.remove(&object.key).into_iter().collect();
        let target = object.named.clone();
        let keys = self.by_target.entry(target.clone()).or_default();
        keys.insert(object.key.clone());
        self.all.insert(object.key.clone(), object.clone());
        touched.push(target);
        touched
    }

    fn remove(&mut self, key: &Key) -> Option<TargetKey> {
        let target = self.all.remove(key)?.named;
        if let Some(keys) = self.by_target.get_mut(&target) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_target.remove(&target);
            }
        }
        Some(target)
    }
}
