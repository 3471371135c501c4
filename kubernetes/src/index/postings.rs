//! Who may be concerned by a pod's labels, without asking everybody.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use super::selector::{Labels, PodSelector};

/// A label in a namespace.
type Posting = (Arc<str>, String, String);

/// Sets of `T` by label.
#[derive(Debug)]
pub(super) struct Postings<T> {
    by_label: HashMap<Posting, BTreeSet<T>>,
}

impl<T> Default for Postings<T> {
    fn default() -> Self {
        Self {
            by_label: HashMap::new(),
        }
    }
}

impl<T: Ord + Clone + Hash> Postings<T> {
    /// Notes `item` under each label.
    pub(super) fn add(
        &mut self,
        namespace: &str,
        labels: impl IntoIterator<Item = (String, String)>,
        item: &T,
    ) {
        let namespace: Arc<str> = namespace.into();
        for (name, value) in labels {
            let posting = (namespace.clone(), name, value);
            self.by_label
                .entry(posting)
                .or_default()
                .insert(item.clone());
        }
    }

    /// Forgets `item` under each label.
    pub(super) fn remove(
        &mut self,
        namespace: &str,
        labels: impl IntoIterator<Item = (String, String)>,
        item: &T,
    ) {
        let namespace: Arc<str> = namespace.into();
        for (name, value) in labels {
            let posting = (namespace.clone(), name, value);
            if let Some(items) = self.by_label.get_mut(&posting) {
                items.remove(item);
                if items.is_empty() {
                    self.by_label.remove(&posting);
                }
            }
        }
    }

    /// How many are noted under a label.
    #[must_use]
    pub(super) fn size(&self, namespace: &Arc<str>, label: &(String, String)) -> usize {
        let posting = (namespace.clone(), label.0.clone(), label.1.clone());
        self.by_label.get(&posting).map_or(0, BTreeSet::len)
    }

    /// Those noted under a label, for each label given, as they come; the same one may come often.
    pub(super) fn under<'a>(
        &'a self,
        namespace: &str,
        labels: &'a Labels,
    ) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let namespace: Arc<str> = namespace.into();
        labels.iter().flat_map(move |(name, value)| {
            let posting = (namespace.clone(), name.clone(), value.clone());
            self.by_label.get(&posting).into_iter().flatten()
        })
    }

    /// The smallest set that holds all that this selector may select; `None`: it asks for no certain label.
    #[must_use]
    pub(super) fn candidates(&self, namespace: &str, selector: &PodSelector) -> Option<Vec<T>> {
        let namespace: Arc<str> = namespace.into();
        let sets = selector
            .pairs()
            .into_iter()
            .map(|(name, value)| self.by_label.get(&(namespace.clone(), name, value)));
        let smallest = sets.min_by_key(|set| set.map_or(0, BTreeSet::len))?;
        Some(smallest.into_iter().flatten().cloned().collect())
    }
}
