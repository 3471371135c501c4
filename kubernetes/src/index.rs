//! What is known of the cluster, pure: events of watches and the time go in; workloads, observations of their replicas
//! and facts come out.

pub mod adopted;
mod blocked;
mod elsewhere;
pub mod event;
mod failure;
mod front;
mod hand;
mod kinds;
pub mod note;
pub mod object;
mod observe;
pub mod owner;
pub mod pod;
mod pods;
mod postings;
mod probe;
pub mod selector;
pub mod service;
pub mod slice;
pub mod target;
mod tell;
#[cfg(test)]
mod tests;
mod trouble;
pub mod workloads;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::Failure;
use rouse_api::workload::{OnDelete, Scalable};
use rouse_scaler::platform::Count;
use tokio::time::Instant;

use adopted::Kedas;
use elsewhere::Elsewhere;
use event::{Change, Event, Key, KindSaid, Scope};
use front::Fronts;
use hand::Hand;
use kinds::Kinds;
use note::Note;
use object::Object;
use owner::{Governing, KedaObject, Owners};
use pods::Pods;
use postings::Postings;
use service::Service;
use target::{Target, TargetKey, Writer};

/// How long a pod may be unschedulable before that is taken for final, unless an autoscaler of nodes makes room.
pub const UNSCHEDULABLE_WAIT: Duration = Duration::from_secs(60);

/// Events kept; of more the oldest go.
const MOST_NOTES: usize = 4096;

/// Everything known.
#[derive(Debug)]
pub struct Index {
    unschedulable_wait: Duration,
    /// Of the objects that are looked after here.
    class: Option<Arc<str>>,
    entries: BTreeMap<Key, Entry>,
    /// The objects of other classes.
    elsewhere: Elsewhere,
    /// Workloads by what they scale, by their Service, and by a label that their pods must have.
    by_target: HashMap<TargetKey, BTreeSet<Key>>,
    by_service: HashMap<Key, BTreeSet<Key>>,
    by_label: Postings<Key>,
    /// Workloads whose pods need no certain label, by namespace.
    loose: HashMap<Arc<str>, BTreeSet<Key>>,
    pods: Pods,
    services: HashMap<Key, Service>,
    targets: HashMap<TargetKey, Target>,
    kinds: Kinds,
    hpas: Owners<Governing>,
    kedas: Owners<KedaObject>,
    adopted: Kedas,
    notes: HashMap<Arc<str>, Note>,
    fronts: Fronts,
    changed: BTreeSet<Key>,
    workloads_changed: bool,
    orphans: BTreeMap<TargetKey, Orphan>,
    due: BTreeSet<(Instant, Key)>,
}

/// One ScaledWorkload.
#[derive(Debug)]
struct Entry {
    object: Object,
    target: Option<TargetKey>,
    service: Option<Key>,
    /// The label under which it is found.
    posting: Option<(String, String)>,
    hand: Hand,
    /// The first count that was seen.
    found: Option<u32>,
    /// Since when there is no pod although there shall be some.
    empty_since: Option<Instant>,
    due: Option<Instant>,
    conflicts: Vec<String>,
    ungranted: Vec<String>,
    wakes: Option<Failure>,
}

/// A target whose workload is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// What it is.
    pub scalable: Scalable,
    /// What shall become of it.
    pub on_delete: OnDelete,
    /// The count to give back for [`OnDelete::Restore`]; at least 1.
    pub found: u32,
}

impl Index {
    /// Knows nothing yet. `unschedulable_wait`: see [`UNSCHEDULABLE_WAIT`].
    #[must_use]
    pub fn new(unschedulable_wait: Duration) -> Self {
        Self {
            unschedulable_wait,
            class: None,
            entries: BTreeMap::new(),
            elsewhere: Elsewhere::default(),
            by_target: HashMap::new(),
            by_service: HashMap::new(),
            by_label: Postings::default(),
            loose: HashMap::new(),
            pods: Pods::default(),
            services: HashMap::new(),
            targets: HashMap::new(),
            kinds: Kinds::default(),
            hpas: Owners::default(),
            kedas: Owners::default(),
            adopted: Kedas::default(),
            notes: HashMap::new(),
            fronts: Fronts::default(),
            changed: BTreeSet::new(),
            workloads_changed: true,
            orphans: BTreeMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// Looks after the objects of this class instead of those without one.
    #[must_use]
    pub fn of_class(mut self, class: Option<&str>) -> Self {
        self.class = class.map(Into::into);
        self
    }

    /// Takes in what a watch has seen.
    pub fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Object(change) => self.object(change),
            Event::Pod(change) => self.pod(change, now),
            Event::Service(change) => self.service(change),
            Event::Slice(change) => self.slice(change),
            Event::Target(change) => self.target(change),
            Event::Kind(scope, said) => self.kind(scope, said),
            Event::Unreadable(key, why) => {
                self.kinds.unreadable(key.clone(), why);
                self.touch_targets([key]);
            }
            Event::Hpa(change) => {
                let touched = self.hpas.change(change, |hpa| (&hpa.key, &hpa.target));
                self.touch_targets(touched);
            }
            Event::Keda(change) => self.keda(change),
            Event::Note(note) => self.note(note),
        }
    }

    /// The workloads of which something may have changed since the last call, also those that are gone.
    pub fn take_changed(&mut self, now: Instant) -> BTreeSet<Key> {
        while let Some((at, _)) = self.due.first()
            && *at <= now
        {
            if let Some((_, key)) = self.due.pop_first() {
                self.changed.insert(key);
            }
        }
        std::mem::take(&mut self.changed)
    }

    /// When something changes by time alone.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The newest count of a target, as a scale of it has answered. `ours`: it is the count that this scale has written.
    pub fn counted(&mut self, key: &TargetKey, count: Count, ours: bool) {
        let Some(target) = self.targets.get_mut(key) else {
            return;
        };
        if target.count.version >= count.version {
            return;
        }
        target.count = count;
        if ours {
            target.writer = Writer::Ours;
            self.look_at_hands(key);
        } else if count.replicas == 0 && key.is_built_in() {
            // A Scale doesn't tell who wrote it: only the object does.
            target.writer = Writer::Unknown;
        }
        self.touch_targets([key.clone()]);
    }

    /// What is known of a target.
    #[must_use]
    pub fn target_of(&self, key: &TargetKey) -> Option<&Target> {
        self.targets.get(key)
    }

    /// Whether its count is a zero of which it is not known whose it is.
    #[must_use]
    pub fn is_unclear(&self, key: &TargetKey) -> bool {
        let target = self.targets.get(key);
        target.is_some_and(|target| target.writer == Writer::Unknown && target.count.replicas == 0)
    }

    /// Whether a workload names it as its target.
    #[must_use]
    pub fn is_wanted(&self, key: &TargetKey) -> bool {
        self.by_target.contains_key(key)
    }

    /// Whether a ScaledWorkload of any class, valid or not, names it.
    fn is_somebodys(&self, key: &TargetKey) -> bool {
        self.is_wanted(key) || self.elsewhere.names(key)
    }

    /// Whether [`take_orphans`](Self::take_orphans) may have something.
    #[must_use]
    pub fn has_orphans(&self) -> bool {
        !self.orphans.is_empty()
    }

    /// Targets whose workloads are no more since the last call, unless another workload has them.
    pub fn take_orphans(&mut self) -> BTreeMap<TargetKey, Orphan> {
        let mut orphans = std::mem::take(&mut self.orphans);
        orphans.retain(|key, _| !self.is_somebodys(key));
        orphans
    }

    /// Targets at a zero of Rouse's own making that no workload names: left by a scaler that ended between a deletion and its wake.
    #[must_use]
    pub fn forgotten(&self) -> BTreeMap<TargetKey, Orphan> {
        let named: HashSet<&TargetKey> = self
            .entries
            .values()
            .map(|entry| &entry.object.named)
            .collect();
        let asleep = |target: &&Target| {
            let own = target.count.replicas == 0 && target.writer == Writer::Ours;
            // Of what KEDA's objects name the next to rule them knows.
            let kedas = self.kedas.of(&target.key).next().is_some();
            let others = kedas || self.is_somebodys(&target.key);
            own && !target.paused && !others && !named.contains(&target.key)
        };
        let orphan = |target: &Target| {
            let scalable = Scalable {
                api_version: "apps/v1".to_owned(),
                kind: target.key.kind.to_string(),
                name: target.key.name.name().to_owned(),
            };
            let (on_delete, found) = (OnDelete::Wake, 1);
            (
                target.key.clone(),
                Orphan {
                    scalable,
                    on_delete,
                    found,
                },
            )
        };
        let built_in = |target: &&Target| target.key.is_built_in();
        self.targets
            .values()
            .filter(built_in)
            .filter(asleep)
            .map(orphan)
            .collect()
    }

    /// Whether a target is at zero, may be woken, and no workload names it.
    #[must_use]
    pub fn is_left_asleep(&self, key: &TargetKey) -> bool {
        let target = self.targets.get(key);
        let asleep = target.is_some_and(|target| target.count.replicas == 0 && !target.paused);
        asleep && !self.is_somebodys(key)
    }

    fn service(&mut self, change: Change<Service>) {
        let touched: Vec<Key> = match change {
            Change::Apply(service) => {
                let key = service.key.clone();
                match self.services.insert(key.clone(), service) {
                    Some(old) if self.services.get(&key) == Some(&old) => Vec::new(),
                    _ => vec![key],
                }
            }
            Change::Delete(key) => {
                self.services.remove(&key);
                vec![key]
            }
            Change::Listed { scope, seen } => {
                let gone = |key: &&Key| scope.covers(key.namespace()) && !seen.contains(*key);
                let gone: Vec<Key> = self.services.keys().filter(gone).cloned().collect();
                for key in &gone {
                    self.services.remove(key);
                }
                gone
            }
        };
        let workloads = touched.iter().filter_map(|key| self.by_service.get(key));
        let workloads: Vec<Key> = workloads.flatten().cloned().collect();
        // A Service's appProtocol is part of what a workload is.
        self.workloads_changed |= !workloads.is_empty();
        for service in &touched {
            self.front_moved(service);
        }
        for key in workloads {
            self.repost(&key);
            self.changed.insert(key);
        }
    }

    fn target(&mut self, change: Change<Target, TargetKey>) {
        match change {
            Change::Apply(mut target) => {
                let key = target.key.clone();
                let selects = target.selector.clone();
                let (mut known, mut was_up) = (false, false);
                if let Some(old) = self.targets.get(&key) {
                    known = old.selector == selects;
                    // An answer to a scale may be newer than what the watch tells.
                    if old.uid == target.uid && old.count.version > target.count.version {
                        was_up = target.count.replicas > 0;
                        target.count = old.count;
                        target.writer = old.writer.clone();
                    }
                    let still =
                        old.uid == target.uid && old.count.replicas == target.count.replicas;
                    if still && old.writer == Writer::Ours && target.writer == Writer::Nobody {
                        target.writer = Writer::Ours;
                    }
                }
                if was_up {
                    self.note_up(&key, &target.uid);
                }
                self.kinds.settled(&key);
                self.targets.insert(key.clone(), target);
                self.look_at_hands(&key);
                if !known {
                    self.repost_all(&key);
                }
                self.touch_targets([key]);
            }
            Change::Delete(key) => self.drop_targets(vec![key]),
            Change::Listed { scope, seen } => {
                let gone = |key: &&TargetKey| covers(&scope, key) && !seen.contains(*key);
                let gone = self.targets.keys().filter(gone).cloned().collect();
                self.drop_targets(gone);
                self.kinds.listed(&scope, |key| seen.contains(key));
                self.touch_kind(&scope);
            }
        }
    }

    fn kind(&mut self, scope: Scope, said: KindSaid) {
        if said == KindSaid::Unwatched {
            let gone = self.targets.keys().filter(|key| covers(&scope, key));
            self.drop_targets(gone.cloned().collect());
        }
        self.touch_kind(&scope);
        self.kinds.said(scope, said);
    }

    fn touch_kind(&mut self, scope: &Scope) {
        let named = self.by_target.keys().filter(|key| covers(scope, key));
        self.touch_targets(named.cloned().collect::<Vec<_>>());
    }

    fn drop_targets(&mut self, gone: Vec<TargetKey>) {
        for key in gone {
            self.targets.remove(&key);
            self.kinds.settled(&key);
            self.repost_all(&key);
            self.touch_targets([key]);
        }
    }

    fn look_at_hands(&mut self, key: &TargetKey) {
        let (Some(target), Some(workloads)) = (self.targets.get(key), self.by_target.get(key))
        else {
            return;
        };
        let ruled = self.is_ruled_by_keda(key);
        for workload in workloads {
            if let Some(entry) = self.entries.get_mut(workload) {
                entry.look_at_hand(target, ruled);
            }
        }
    }

    /// KEDA scales it.
    fn is_ruled_by_keda(&self, key: &TargetKey) -> bool {
        self.kedas.of(key).any(|keda| !keda.paused) || self.hpas.of(key).any(|hpa| hpa.of_keda)
    }

    fn note_up(&mut self, key: &TargetKey, uid: &Arc<str>) {
        for workload in self.by_target.get(key).into_iter().flatten() {
            if let Some(entry) = self.entries.get_mut(workload) {
                entry.hand.was_up(uid);
            }
        }
    }

    fn repost_all(&mut self, key: &TargetKey) {
        for workload in self.by_target.get(key).cloned().unwrap_or_default() {
            self.repost(&workload);
        }
    }

    fn touch_targets(&mut self, keys: impl IntoIterator<Item = TargetKey>) {
        for key in keys {
            let workloads = self.by_target.get(&key).into_iter().flatten();
            self.changed.extend(workloads.cloned());
        }
    }

    fn note(&mut self, note: Note) {
        if self
            .notes
            .get(&note.about)
            .is_some_and(|old| old.at > note.at)
        {
            return;
        }
        if self.notes.len() >= MOST_NOTES {
            let mut times: Vec<Instant> = self.notes.values().map(|note| note.at).collect();
            times.sort_unstable();
            let middle = times[times.len() / 2];
            self.notes.retain(|_, note| note.at > middle);
        }
        if let Some(pod) = self.pods.get(&note.name) {
            let labels = pod.pod.labels.clone();
            self.touch_labels(note.name.namespace(), &labels);
        }
        let controllers = self.by_target.keys().filter(|key| key.name == note.name);
        let controllers: Vec<TargetKey> = match note.reason {
            note::NoteReason::FailedCreate => controllers.cloned().collect(),
            _ => Vec::new(),
        };
        self.notes.insert(note.about.clone(), note);
        self.touch_targets(controllers);
    }
}

fn covers(scope: &Scope, key: &TargetKey) -> bool {
    scope.covers(key.name.namespace()) && scope.kind == format!("{}/{}", key.group, key.kind)
}

impl Entry {
    fn look_at_hand(&mut self, target: &Target, ruled: bool) {
        self.found.get_or_insert(target.count.replicas);
        if ruled {
            self.hand.ruled(target);
            return;
        }
        self.hand
            .update(target, self.object.generation, &self.object.recorded);
    }
}
