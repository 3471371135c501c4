//! ScaledWorkload objects in and out, and the set of workloads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rouse_api::link::Failure;
use rouse_api::load::{self, HostGrants};
use rouse_api::workload::{OnDelete, Protocol, Workload};

use super::event::{Change, Key};
use super::hand::Hand;
use super::object::{Object, services};
use super::selector::PodSelector;
use super::target::TargetKey;
use super::{Entry, Index, Orphan};
use crate::origin::Origin;

impl Index {
    pub(super) fn object(&mut self, change: Change<Object>) {
        match change {
            Change::Apply(object) => self.take(object),
            Change::Delete(key) => self.gone(&key),
            Change::Listed { scope, seen } => {
                let gone = |key: &&Key| scope.covers(key.namespace()) && !seen.contains(*key);
                let own = |(key, entry): (&Key, &Entry)| {
                    let own = entry.object.origin == Origin::ScaledWorkload;
                    own.then(|| key.clone())
                };
                let own = self.entries.iter().filter_map(own);
                let all: BTreeSet<Key> = own.chain(self.elsewhere.own()).collect();
                for key in all.iter().filter(gone) {
                    self.gone(key);
                }
            }
        }
    }

    /// A ScaledWorkload is no more; an object of KEDA of its name may come into its place.
    fn gone(&mut self, key: &Key) {
        self.delete(key);
        self.readopt([key.clone()]);
    }

    /// An object as it is now, whatever kind it is of.
    pub(super) fn take(&mut self, object: Object) {
        let others = self.elsewhere.take(&object, self.class.as_deref());
        self.touch_targets(others);
        match object.class == self.class {
            true => self.apply(object),
            false => self.hand_over(&object),
        }
    }

    fn apply(&mut self, object: Object) {
        let key = object.key.clone();
        let (target, service) = (object.target(), object.service());
        let remade = self
            .entries
            .get(&key)
            .is_some_and(|old| old.object.uid != object.uid);
        if remade {
            self.delete(&key);
        }
        self.front_there(&key);
        let mut entry = Entry {
            object,
            target: None,
            service: None,
            posting: None,
            hand: Hand::default(),
            found: None,
            empty_since: None,
            due: None,
            conflicts: Vec::new(),
            ungranted: Vec::new(),
            wakes: None,
        };
        let old = self.entries.remove(&key);
        if let Some(old) = &old {
            self.unlink(&key, old);
        }
        let specified = old
            .as_ref()
            .is_none_or(|old| old.object.workload != entry.object.workload);
        if let Some(old) = old {
            // While an object is invalid, what it scaled is still its own.
            if let Some(left) = old
                .target
                .clone()
                .filter(|left| target.as_ref().is_some_and(|new| new != left))
            {
                self.orphan(left, &old);
            }
            let same = old.target == target;
            entry.due = old.due;
            if same {
                (entry.hand, entry.found) = (old.hand, old.found);
                (entry.empty_since, entry.conflicts) = (old.empty_since, old.conflicts);
                entry.wakes = old.wakes;
            }
        }
        (entry.target, entry.service) = (target, service);
        if let Some(target) = entry.target.as_ref().and_then(|key| self.targets.get(key)) {
            let ruled = self.is_ruled_by_keda(&target.key);
            entry.look_at_hand(target, ruled);
        }
        self.workloads_changed |= specified;
        self.link(key.clone(), entry);
        self.changed.insert(key);
    }

    pub(super) fn delete(&mut self, key: &Key) {
        let others = self.elsewhere.remove(key);
        self.touch_targets(others);
        if let Some(old) = self.remove(key) {
            self.front_deleted(key);
            if let Some(target) = old.target.clone() {
                self.orphan(target, &old);
            }
        }
    }

    /// It is another class's now, and what it scales stays as it is.
    fn hand_over(&mut self, object: &Object) {
        self.front_there(&object.key);
        if let Some(old) = self.remove(&object.key)
            && let Some(left) = old.target.clone().filter(|left| *left != object.named)
        {
            self.orphan(left, &old);
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Entry> {
        let old = self.entries.remove(key)?;
        self.unlink(key, &old);
        if let Some(due) = old.due {
            self.due.remove(&(due, key.clone()));
        }
        self.front_gone(key);
        self.workloads_changed = true;
        self.changed.insert(key.clone());
        Some(old)
    }

    fn orphan(&mut self, target: TargetKey, old: &Entry) {
        let workload = old.object.workload.as_ref().ok();
        let scalable = workload.and_then(|workload| match &workload.target {
            rouse_api::workload::Target::Scalable(scalable) => Some(scalable.clone()),
            rouse_api::workload::Target::Process(_) => None,
        });
        let nothing_done = old.hand.is_stopped() || old.observes();
        let (Some(scalable), false) = (scalable, nothing_done) else {
            return;
        };
        let orphan = Orphan {
            scalable,
            on_delete: workload.map_or(OnDelete::Wake, |workload| workload.scale.on_delete),
            found: old.found.unwrap_or(1).max(1),
        };
        self.orphans.insert(target, orphan);
    }

    /// Makes it found by its target, Service and pods.
    fn link(&mut self, key: Key, mut entry: Entry) {
        if let Some(target) = entry.target.clone() {
            let all = self.by_target.entry(target.clone()).or_default();
            all.insert(key.clone());
            // Of several on one target one is blocked; who that is may have changed.
            self.changed.extend(all.iter().cloned());
        }
        for service in services(&entry.object) {
            let workloads = self.by_service.entry(service).or_default();
            workloads.insert(key.clone());
        }
        self.post(&key, &mut entry);
        let front = entry.front_service();
        self.entries.insert(key, entry);
        if let Some(service) = front {
            self.front_moved(&service);
        }
    }

    fn unlink(&mut self, key: &Key, entry: &Entry) {
        if let Some(target) = &entry.target
            && let Some(all) = self.by_target.get_mut(target)
        {
            all.remove(key);
            self.changed.extend(all.iter().cloned());
            if all.is_empty() {
                self.by_target.remove(target);
            }
        }
        for service in services(&entry.object) {
            if let Some(all) = self.by_service.get_mut(&service) {
                all.remove(key);
                if all.is_empty() {
                    self.by_service.remove(&service);
                }
            }
        }
        self.unpost(key, entry);
        if let Some(service) = entry.front_service() {
            self.fronts_changed();
            self.front_moved(&service);
        }
    }

    fn unpost(&mut self, key: &Key, entry: &Entry) {
        match &entry.posting {
            Some(pair) => self.by_label.remove(key.namespace(), [pair.clone()], key),
            None => {
                if let Some(all) = self.loose.get_mut(key.namespace()) {
                    all.remove(key);
                }
            }
        }
    }

    /// Finds a label that all of its pods have: those of its target, or else those of its Service.
    fn post(&mut self, key: &Key, entry: &mut Entry) {
        let target = entry
            .target
            .as_ref()
            .and_then(|target| self.targets.get(target));
        let service = entry
            .service
            .as_ref()
            .and_then(|service| self.services.get(service));
        let of_target = target.and_then(|target| target.selector.as_ref());
        let of_service = service.map(|service| &service.selector);
        let pairs = of_target
            .into_iter()
            .chain(of_service)
            .flat_map(PodSelector::pairs);
        let namespace: Arc<str> = key.namespace().into();
        entry.posting = pairs.min_by_key(|pair| self.by_label.size(&namespace, pair));
        match entry.posting.clone() {
            Some(pair) => self.by_label.add(key.namespace(), [pair], key),
            None if of_target.is_some() || of_service.is_some() => {
                self.loose.entry(namespace).or_default().insert(key.clone());
            }
            None => {}
        }
    }

    /// After a change of its selectors.
    pub(super) fn repost(&mut self, key: &Key) {
        if let Some(mut entry) = self.entries.remove(key) {
            self.unpost(key, &entry);
            self.post(key, &mut entry);
            self.entries.insert(key.clone(), entry);
        }
    }

    /// Whether the set of workloads may be another than when it was asked for last.
    #[must_use]
    pub fn workloads_changed(&self) -> bool {
        self.workloads_changed
    }

    /// All valid workloads, by rank and id, with the protocol that `auto` means.
    #[cfg(test)]
    pub fn workloads(&mut self) -> Vec<Workload> {
        let workloads = resolve(self.snapshot());
        self.note_conflicts(conflicts(&workloads), BTreeMap::new());
        self.note_wakes(unwoken(&workloads));
        workloads
    }

    /// All valid workloads as they are written, each with the protocol that `auto` means for it: for [`resolve`].
    pub fn snapshot(&mut self) -> Vec<(Arc<Workload>, Protocol)> {
        self.workloads_changed = false;
        let valid = self.entries.values().filter_map(|entry| {
            let workload = entry.object.workload.as_ref().ok()?;
            Some((workload.clone(), self.protocol(entry)))
        });
        valid.collect()
    }

    /// What a workload scales, and why it may not; `None`: there is no such workload.
    #[must_use]
    pub fn scalable_of(&self, key: &Key) -> Option<(rouse_api::workload::Target, Option<Failure>)> {
        let entry = self.entries.get(key)?;
        let blocked = self.blocked(entry).or_else(|| self.not_known(entry));
        Some((entry.workload()?.target.clone(), blocked))
    }

    /// What valid workloads name as their targets.
    pub fn scalables(&self) -> impl Iterator<Item = &rouse_api::workload::Scalable> {
        let targets = self.entries.values().filter_map(Entry::workload);
        targets.filter_map(|workload| match &workload.target {
            rouse_api::workload::Target::Scalable(scalable) => Some(scalable),
            rouse_api::workload::Target::Process(_) => None,
        })
    }

    fn protocol(&self, entry: &Entry) -> Protocol {
        let service = entry
            .service
            .as_ref()
            .and_then(|key| self.services.get(key));
        let port = service.and_then(|service| service.port(entry.service_port()).ok());
        port.map_or(Protocol::Http1, |port| port.protocol)
    }

    /// Of each object what of its `wakes` is not done.
    pub fn note_wakes(&mut self, mut undone: BTreeMap<Key, Failure>) {
        for (key, entry) in &mut self.entries {
            let wakes = undone.remove(key);
            if entry.wakes != wakes {
                entry.wakes = wakes;
                self.changed.insert(key.clone());
            }
        }
    }

    /// Of each object the routes that another holds, and those that it was not granted.
    pub fn note_conflicts(
        &mut self,
        mut lost: BTreeMap<Key, Vec<String>>,
        mut ungranted: BTreeMap<Key, Vec<String>>,
    ) {
        for (key, entry) in &mut self.entries {
            let conflicts = lost.remove(key).unwrap_or_default();
            let ungranted = ungranted.remove(key).unwrap_or_default();
            if entry.conflicts != conflicts || entry.ungranted != ungranted {
                (entry.conflicts, entry.ungranted) = (conflicts, ungranted);
                self.changed.insert(key.clone());
            }
        }
    }
}

/// Of each workload what of its `wakes` is not done, or that nothing ever wakes it. Takes its time, too.
#[must_use]
pub fn unwoken(workloads: &[Workload]) -> BTreeMap<Key, Failure> {
    let mut all: BTreeMap<Key, Failure> = BTreeMap::new();
    for problem in load::wakes(workloads).problems {
        let never = matches!(problem, load::WakesProblem::NeverRuns { .. });
        let told = all.entry(problem.of().clone()).or_insert_with(|| Failure {
            reason: if never {
                "NeverRuns"
            } else {
                "WakesIncomplete"
            }
            .to_owned(),
            message: String::new(),
        });
        if !told.message.is_empty() {
            told.message.push_str("; ");
        }
        told.message.push_str(&problem.to_string());
    }
    all
}

/// By rank and id, each with its protocol. Takes its time with thousands: not for under a lock.
#[must_use]
pub fn resolve(snapshot: Vec<(Arc<Workload>, Protocol)>) -> Vec<Workload> {
    let resolved = snapshot.into_iter().map(|(workload, protocol)| {
        let mut workload = Workload::clone(&workload);
        if let Some(http) = &mut workload.http
            && http.protocol == Protocol::Auto
        {
            http.protocol = protocol;
        }
        workload
    });
    let mut workloads: Vec<Workload> = resolved.collect();
    workloads.sort_by(|a, b| (a.rank, &a.id).cmp(&(b.rank, &b.id)));
    workloads
}

/// Tells each with a front the port that it has been given.
pub fn open_fronts(ports: &BTreeMap<Key, u16>, workloads: &mut [Workload]) {
    for workload in workloads {
        let front = workload.http.as_mut().and_then(|http| http.front.as_mut());
        if let Some(front) = front {
            front.listen = ports.get(&workload.id).copied();
        }
    }
}

/// Takes from each what its namespace was not granted; a sentence for each host.
pub fn enforce(grants: &HostGrants, workloads: &mut [Workload]) -> BTreeMap<Key, Vec<String>> {
    let refused = workloads.iter_mut().map(|workload| {
        let refused = grants.enforce(workload);
        (workload.id.clone(), refused)
    });
    refused.filter(|(_, refused)| !refused.is_empty()).collect()
}

/// Which of them has lost which routes to whom, a sentence each. Takes its time, too.
#[must_use]
pub fn conflicts(workloads: &[Workload]) -> BTreeMap<Key, Vec<String>> {
    let mut lost: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for conflict in load::conflicts(workloads) {
        if matches!(conflict.claim, load::Claim::Route(_)) {
            let told = conflict.to_string();
            lost.entry(conflict.loser).or_default().push(told);
        }
    }
    lost
}

impl Entry {
    pub(super) fn workload(&self) -> Option<&Workload> {
        self.object.workload.as_deref().ok()
    }

    /// Nothing of it is scaled.
    pub(super) fn observes(&self) -> bool {
        self.workload()
            .is_some_and(|workload| workload.scale.observes)
    }

    /// The port of its Service that it names.
    pub(super) fn service_port(&self) -> Option<&rouse_api::workload::ServicePort> {
        let http = self.workload()?.http.as_ref()?;
        http.service.as_ref()?.port.as_ref()
    }
}
