//! Others that scale targets.

use std::collections::{BTreeSet, HashMap};

use super::event::{Change, Key};
use super::target::TargetKey;

/// A HorizontalPodAutoscaler.
#[derive(Debug, Clone, PartialEq)]
pub struct Governing {
    /// Who it is.
    pub key: Key,
    /// What it scales.
    pub target: TargetKey,
    /// `minReplicas`; absent there: 1.
    pub min: u32,
    /// KEDA has made it, and rules it as long as it runs.
    pub of_keda: bool,
}

/// A ScaledObject of KEDA.
#[derive(Debug, Clone, PartialEq)]
pub struct KedaObject {
    /// Who it is.
    pub key: Key,
    /// What it scales.
    pub target: TargetKey,
    /// It scales nothing for now.
    pub paused: bool,
}

/// Others that scale, by who they are and by what they scale.
#[derive(Debug)]
pub(super) struct Owners<T> {
    all: HashMap<Key, T>,
    by_target: HashMap<TargetKey, BTreeSet<Key>>,
}

impl<T> Default for Owners<T> {
    fn default() -> Self {
        Self {
            all: HashMap::new(),
            by_target: HashMap::new(),
        }
    }
}

impl<T> Owners<T> {
    /// Returns the targets that are concerned.
    pub(super) fn change(
        &mut self,
        change: Change<T>,
        parts: impl Fn(&T) -> (&Key, &TargetKey),
    ) -> Vec<TargetKey> {
        let mut touched = Vec::new();
        match change {
            Change::Apply(owner) => {
                let (key, target) = parts(&owner);
                let (key, target) = (key.clone(), target.clone());
                touched.extend(self.remove(&key, &parts));
                self.by_target
                    .entry(target.clone())
                    .or_default()
                    .insert(key.clone());
                self.all.insert(key, owner);
                touched.push(target);
            }
            Change::Delete(key) => touched.extend(self.remove(&key, &parts)),
            Change::Listed { scope, seen } => {
                let gone = |key: &&Key| scope.covers(key.namespace()) && !seen.contains(*key);
                let gone: Vec<Key> = self.all.keys().filter(gone).cloned().collect();
                for key in gone {
                    touched.extend(self.remove(&key, &parts));
                }
            }
        }
        touched
    }

    fn remove(&mut self, key: &Key, parts: impl Fn(&T) -> (&Key, &TargetKey)) -> Option<TargetKey> {
        let owner = self.all.remove(key)?;
        let (_, target) = parts(&owner);
        if let Some(keys) = self.by_target.get_mut(target) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_target.remove(target);
            }
        }
        Some(target.clone())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.all.keys()
    }

    pub(super) fn of(&self, target: &TargetKey) -> impl Iterator<Item = &T> {
        let keys = self.by_target.get(target).into_iter().flatten();
        keys.filter_map(|key| self.all.get(key))
    }
}
