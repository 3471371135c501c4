//! All pods, found by name or by label.

use std::collections::HashMap;

use tokio::time::Instant;

use super::Index;
use super::event::{Change, Key, Scope};
use super::pod::{Pod, PodRequests};
use super::postings::Postings;
use super::selector::{Labels, PodSelector};
use super::trouble::{Trouble, TroubleKind};

/// A pod and when what was seen of it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) pod: Pod,
    /// It was there.
    pub(super) since: Instant,
    /// It had an address.
    pub(super) started: Option<Instant>,
    /// It was ready for the first time.
    pub(super) ready_since: Option<Instant>,
    /// It was unschedulable, and is.
    pub(super) unschedulable_since: Option<Instant>,
    /// Its image could not be pulled and kubelet has waited before another try.
    pub(super) pull_failed: bool,
}

/// Pods by name and by label.
#[derive(Debug, Default)]
pub(super) struct Pods {
    all: HashMap<Key, Seen>,
    by_label: Postings<Key>,
}

impl Pods {
    pub(super) fn get(&self, key: &Key) -> Option<&Seen> {
        self.all.get(key)
    }

    /// Returns the labels it had, when others.
    fn apply(&mut self, pod: Pod, now: Instant) -> Option<Labels> {
        let key = pod.key.clone();
        let old = self.remove(&key);
        let same = old.as_ref().filter(|old| old.pod.uid == pod.uid);
        let pulled = |trouble: &Trouble| trouble.reason == "ImagePullBackOff";
        let unschedulable = |trouble: &Trouble| trouble.kind == TroubleKind::Unschedulable;
        let is_unschedulable = pod.trouble.as_ref().is_some_and(unschedulable);
        let seen = Seen {
            since: same.map_or(now, |old| old.since),
            started: same
                .and_then(|old| old.started)
                .or(pod.address.map(|_| now)),
            ready_since: same
                .and_then(|old| old.ready_since)
                .or(pod.ready.then_some(now)),
            unschedulable_since: is_unschedulable
                .then(|| same.and_then(|old| old.unschedulable_since).unwrap_or(now)),
            pull_failed: same.is_some_and(|old| old.pull_failed)
                || pod.trouble.as_ref().is_some_and(pulled),
            pod,
        };
        let labels = old
            .map(|old| old.pod.labels)
            .filter(|old| *old != seen.pod.labels);
        self.by_label
            .add(key.namespace(), seen.pod.labels.clone(), &key);
        self.all.insert(key, seen);
        labels
    }

    fn remove(&mut self, key: &Key) -> Option<Seen> {
        let old = self.all.remove(key)?;
        self.by_label
            .remove(key.namespace(), old.pod.labels.clone(), key);
        Some(old)
    }

    fn missing(&self, scope: &Scope, seen: &std::collections::HashSet<Key>) -> Vec<Key> {
        let gone = |key: &&Key| scope.covers(key.namespace()) && !seen.contains(*key);
        self.all.keys().filter(gone).cloned().collect()
    }

    /// Those that every selector selects, by name; none without any selector.
    pub(super) fn select(&self, namespace: &str, selectors: &[&PodSelector]) -> Vec<&Seen> {
        let matches = |seen: &&Seen| selectors.iter().all(|one| one.matches(&seen.pod.labels));
        let candidates = selectors
            .iter()
            .filter_map(|selector| self.by_label.candidates(namespace, selector))
            .min_by_key(Vec::len);
        let mut found: Vec<&Seen> = match candidates {
            Some(keys) => keys
                .iter()
                .filter_map(|key| self.all.get(key))
                .filter(matches)
                .collect(),
            None if selectors.is_empty() => Vec::new(),
            None => {
                let of_namespace = |seen: &&Seen| seen.pod.key.namespace() == namespace;
                self.all
                    .values()
                    .filter(of_namespace)
                    .filter(matches)
                    .collect()
            }
        };
        found.sort_by(|a, b| a.pod.key.cmp(&b.pod.key));
        found
    }
}

impl Index {
    /// Pods of a namespace that have all of these labels and have not ended.
    #[must_use]
    pub fn count_pods(&self, namespace: &str, labels: &Labels) -> u32 {
        let selector = PodSelector::of_labels(labels.clone());
        let found = self.pods.select(namespace, &[&selector]);
        let running = found.iter().filter(|seen| !seen.pod.finished).count();
        u32::try_from(running).unwrap_or(u32::MAX)
    }

    /// The workload's pods that are ready and stay, by name, with what their containers request; and how many there shall be, or are.
    #[must_use]
    pub fn used(&self, key: &Key) -> (Vec<PodRequests>, usize) {
        let Some(entry) = self.entries.get(key) else {
            return (Vec::new(), 0);
        };
        let mut pods = self.pods_of(entry, &self.intake(entry));
        pods.retain(|seen| !seen.pod.terminating);
        let target = entry.target.as_ref();
        let target = target.and_then(|target| self.targets.get(target));
        let count = target.map_or(0, |target| target.count.replicas as usize);
        let count = count.max(pods.len());
        pods.retain(|seen| seen.pod.ready);
        let named = |seen: &Seen| (seen.pod.key.name().to_owned(), seen.pod.requests.clone());
        (pods.into_iter().map(named).collect(), count)
    }

    pub(super) fn pod(&mut self, change: Change<Pod>, now: Instant) {
        match change {
            Change::Apply(pod) => {
                let (key, labels) = (pod.key.clone(), pod.labels.clone());
                let old = self.pods.apply(pod, now);
                self.touch_labels(key.namespace(), &labels);
                if let Some(old) = old {
                    self.touch_labels(key.namespace(), &old);
                }
            }
            Change::Delete(key) => self.drop_pod(&key),
            Change::Listed { scope, seen } => {
                for key in self.pods.missing(&scope, &seen) {
                    self.drop_pod(&key);
                }
            }
        }
    }

    fn drop_pod(&mut self, key: &Key) {
        if let Some(old) = self.pods.remove(key) {
            self.notes.remove(&old.pod.uid);
            self.touch_labels(key.namespace(), &old.pod.labels);
        }
    }

    /// Notes a change of all workloads that may have a pod with these labels.
    pub(super) fn touch_labels(&mut self, namespace: &str, labels: &Labels) {
        let posted = self.by_label.under(namespace, labels);
        let loose = self.loose.get(namespace).into_iter().flatten();
        self.changed.extend(posted.chain(loose).cloned());
    }
}
