//! Fronts: which workloads have one, which slices there are, and what is wrong with what they name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use rouse_api::link::Failure;
use rouse_api::workload::Front;

use super::blocked::failure;
use super::event::{Change, Key};
use super::slice::{Own, Slice};
use super::{Entry, Index};
use crate::facts::FrontFacts;
use crate::front::content::FrontPort;
use crate::front::name::mark;
use crate::front::plan::{Said, Standing, View, Wants};

/// Foreign slices that are named.
const MOST_NAMED: usize = 3;

/// What is known for fronts.
#[derive(Debug, Default)]
pub(super) struct Fronts {
    /// `None`: there are no fronts here.
    range: Option<RangeInclusive<u16>>,
    slices: HashMap<Key, Slice>,
    by_service: HashMap<Key, BTreeSet<Key>>,
    by_workload: BTreeMap<Key, BTreeSet<Key>>,
    /// Ports that were seen in slices, with the slices' mark: they stay the workload's when these are deleted.
    given: HashMap<Key, (u32, u16)>,
    said: HashMap<Key, Said>,
    /// Workloads that were deleted, and whose slices may still be there.
    gone: BTreeSet<Key>,
    changed: bool,
}

impl Fronts {
    fn put(&mut self, slice: Slice) {
        self.take(&slice.key);
        let key = slice.key.clone();
        if let Some(own) = &slice.own {
            let slices = self.by_workload.entry(own.workload.clone()).or_default();
            slices.insert(key.clone());
        }
        if let Some(service) = &slice.service {
            let slices = self.by_service.entry(service.clone()).or_default();
            slices.insert(key.clone());
        }
        self.slices.insert(key, slice);
    }

    fn take(&mut self, key: &Key) -> Option<Slice> {
        let slice = self.slices.remove(key)?;
        let own = slice.own.as_ref().map(|own| &own.workload);
        if let Some(workload) = own
            && let Some(slices) = self.by_workload.get_mut(workload)
        {
            slices.remove(key);
            if slices.is_empty() {
                self.by_workload.remove(workload);
                self.gone.remove(workload);
            }
        }
        if let Some(service) = &slice.service
            && let Some(slices) = self.by_service.get_mut(service)
        {
            slices.remove(key);
            if slices.is_empty() {
                self.by_service.remove(service);
            }
        }
        Some(slice)
    }

    fn own<'a>(
        &'a self,
        workload: &Key,
    ) -> impl Iterator<Item = (&'a Key, &'a std::sync::Arc<Own>)> {
        let keys = self.by_workload.get(workload).into_iter().flatten();
        keys.filter_map(|key| Some((key, self.slices.get(key)?.own.as_ref()?)))
    }

    /// Those of a Service that are not this workload's, a few words each.
    fn foreign(&self, service: &Key, workload: &Key) -> Vec<String> {
        let keys = self.by_service.get(service).into_iter().flatten();
        let of = |slice: &&Slice| {
            slice
                .own
                .as_ref()
                .is_none_or(|own| own.workload != *workload)
        };
        let others = keys.filter_map(|key| self.slices.get(key).filter(of));
        let mut named: Vec<String> = others
            .map(|slice| match &*slice.manager {
                "" => slice.key.name().to_owned(),
                manager => format!("{} (of {manager})", slice.key.name()),
            })
            .collect();
        let more = named.len().saturating_sub(MOST_NAMED);
        named.truncate(MOST_NAMED);
        if more > 0 {
            named.push(format!("{more} more"));
        }
        named
    }

    /// The port in a workload's slices. One in the range goes before others.
    fn port(&self, workload: &Key, mark: u32) -> Option<u16> {
        let seen = self.own(workload).map(|(_, own)| &own.name);
        let ports = seen.filter(|name| name.mark == mark).map(|name| name.port);
        let given = self.given.get(workload);
        let given = given.filter(|(of, _)| *of == mark).map(|(_, port)| *port);
        let range = self.range.as_ref()?;
        ports.chain(given).filter(|port| range.contains(port)).min()
    }
}

impl Index {
    /// Ports of this range are given to fronts.
    #[must_use]
    pub fn with_fronts(mut self, range: Option<RangeInclusive<u16>>) -> Self {
        self.fronts.range = range;
        self
    }

    pub(super) fn slice(&mut self, change: Change<Slice>) {
        match change {
            Change::Apply(slice) => {
                let old = self.fronts.slices.get(&slice.key);
                // A write's answer may be newer than what the watch tells.
                if old.is_some_and(|old| old.version > slice.version || *old == slice) {
                    return;
                }
                let old = self.fronts.take(&slice.key);
                self.moved(old.as_ref(), Some(&slice));
                self.fronts.put(slice);
            }
            Change::Delete(key) => {
                let old = self.fronts.take(&key);
                self.moved(old.as_ref(), None);
            }
            Change::Listed { scope, seen } => {
                let gone = |key: &&Key| scope.covers(key.namespace()) && !seen.contains(*key);
                let gone: Vec<Key> = self.fronts.slices.keys().filter(gone).cloned().collect();
                for key in gone {
                    let old = self.fronts.take(&key);
                    self.moved(old.as_ref(), None);
                }
            }
        }
    }

    /// Notes whom it concerns that a slice is another than it was.
    fn moved(&mut self, old: Option<&Slice>, new: Option<&Slice>) {
        let own = |slice: Option<&Slice>| slice.and_then(|one| one.own.clone());
        let (was, is) = (own(old), own(new));
        for own in was.iter().chain(&is) {
            self.changed.insert(own.workload.clone());
            self.fronts.changed = true;
        }
        if let Some(own) = &is {
            let given = (own.name.mark, own.name.port);
            self.fronts.given.insert(own.workload.clone(), given);
        }
        // Whether there is one decides which port proxies are told.
        self.workloads_changed |= was.is_some() != is.is_some();
        let services = [old, new].into_iter().flatten();
        for service in services.filter_map(|slice| slice.service.clone()) {
            let rivals: Vec<Key> = self
                .claimants(&service)
                .map(|one| one.object.key.clone())
                .collect();
            self.changed.extend(rivals);
        }
    }

    /// After a change of an object with a front, or of a Service that may be one.
    pub(super) fn front_moved(&mut self, service: &Key) {
        let rivals: Vec<Key> = self
            .claimants(service)
            .map(|one| one.object.key.clone())
            .collect();
        self.fronts.changed |= !rivals.is_empty();
        self.changed.extend(rivals);
    }

    pub(super) fn fronts_changed(&mut self) {
        self.fronts.changed = true;
    }

    /// The object was seen to be deleted: its slices go without waiting for their owner to be missed.
    pub(super) fn front_deleted(&mut self, workload: &Key) {
        if self.fronts.by_workload.contains_key(workload) {
            self.fronts.gone.insert(workload.clone());
        }
    }

    /// The object is there, or another installation's.
    pub(super) fn front_there(&mut self, workload: &Key) {
        self.fronts.gone.remove(workload);
    }

    pub(super) fn front_gone(&mut self, workload: &Key) {
        self.fronts.given.remove(workload);
        self.fronts.said.remove(workload);
        self.fronts.changed = true;
    }

    /// Workloads that name this Service as their front.
    fn claimants(&self, service: &Key) -> impl Iterator<Item = &Entry> {
        let keys = self.by_service.get(service).into_iter().flatten();
        let entries = keys.filter_map(|key| self.entries.get(key));
        entries.filter(move |entry| entry.front_service().as_ref() == Some(service))
    }

    /// Whether [`front_views`](Self::front_views) may be others since this was asked last.
    pub fn take_fronts_changed(&mut self) -> bool {
        std::mem::take(&mut self.fronts.changed)
    }

    /// Each workload that has a front, or slices of one. Those whose object can't be read keep what they have. One that isn't known and
    /// was not seen to be deleted may be new, or another installation's: if it is gone, its slices go with it, for they are its own.
    #[must_use]
    pub fn front_views(&self) -> Vec<View> {
        if self.fronts.range.is_none() {
            return Vec::new();
        }
        let ports = self.front_ports();
        let concerned = self.entries.iter().filter(|(key, entry)| {
            let slices = || self.fronts.by_workload.contains_key(*key);
            entry.workload().is_some() && (entry.front().is_some() || slices())
        });
        let concerned = concerned.map(|(key, entry)| self.view(key, Some(entry), &ports));
        let gone = self.fronts.gone.iter();
        concerned
            .chain(gone.map(|key| self.view(key, None, &ports)))
            .collect()
    }

    fn view(&self, key: &Key, entry: Option<&Entry>, ports: &BTreeMap<Key, u16>) -> View {
        // One that is being deleted keeps its slices no longer.
        let entry = entry.filter(|entry| !entry.object.deleted);
        let wants = entry.and_then(|entry| {
            let front = entry.front()?;
            let uid = entry.object.uid.clone();
            let service = front.service.name.clone();
            Some(Wants {
                mark: mark(&uid, &service),
                uid,
                service,
                port: ports.get(key).copied(),
                standing: self.standing(entry, front),
            })
        });
        let slices = self.fronts.own(key);
        View {
            workload: key.clone(),
            wants,
            slices: slices
                .map(|(key, own)| (key.name().to_owned(), own.clone()))
                .collect(),
        }
    }

    /// The port of each front that has been given one. Of two with the same the older workload keeps it.
    #[must_use]
    pub fn front_ports(&self) -> BTreeMap<Key, u16> {
        let mut fronted: Vec<_> = self
            .entries
            .values()
            .filter_map(|entry| Some((entry.age(), entry, entry.front()?)))
            .collect();
        fronted.sort_by_key(|(age, ..)| *age);
        let (mut taken, mut ports) = (BTreeSet::new(), BTreeMap::new());
        for (_, entry, front) in fronted {
            let key = &entry.object.key;
            let mark = mark(&entry.object.uid, &front.service.name);
            let refused = matches!(self.standing(entry, front), Standing::Refused(_));
            let port = self.fronts.port(key, mark).filter(|_| !refused);
            if let Some(port) = port.filter(|port| taken.insert(*port)) {
                ports.insert(key.clone(), port);
            }
        }
        ports
    }

    fn standing(&self, entry: &Entry, front: &Front) -> Standing {
        let key = Key::new(entry.object.key.namespace(), &front.service.name);
        let oldest = self.claimants(&key).min_by_key(|entry| entry.age());
        if let Some(oldest) = oldest.filter(|oldest| oldest.object.key != entry.object.key) {
            let message = format!(
                "Service {key} is the front of ScaledWorkload {}, which was there before; a Service leads to one workload",
                oldest.object.key
            );
            return Standing::Refused(failure("FrontTaken", message));
        }
        let Some(service) = self.services.get(&key) else {
            let message = format!(
                "there is no Service {key}; create it without a selector, or name another in spec.http.front"
            );
            return Standing::Waits(failure("FrontNotFound", message), None);
        };
        if service.external {
            let message = format!(
                "Service {key} is an ExternalName, which is a name and has no endpoints; make it a ClusterIP without a selector"
            );
            return Standing::Refused(failure("FrontExternalName", message));
        }
        if service.address.is_none() {
            let message = format!(
                "Service {key} is headless: its callers dial its port at the proxies' own addresses, where nobody listens on it; give it a clusterIP"
            );
            return Standing::Refused(failure("FrontHeadless", message));
        }
        let port = match service.port(front.service.port.as_ref()) {
            Ok(port) => FrontPort {
                name: port.name.clone(),
                app_protocol: port.app_protocol.clone(),
            },
            Err(why) => {
                let message = why.message.replace("spec.http.service", "spec.http.front");
                return Standing::Waits(failure("FrontPortNotFound", message), None);
            }
        };
        if !service.selector.is_empty() {
            let message = format!(
                "Service {key} has a selector, so that Kubernetes sends its callers to these pods; the pods need a Service of another name (http.service), and this one none: kubectl patch service {} --type=json -p '[{{\"op\":\"remove\",\"path\":\"/spec/selector\"}}]'",
                key.name()
            );
            return Standing::Waits(failure("FrontHasSelector", message), Some(port));
        }
        Standing::Good(port)
    }

    /// What was found out about fronts by those who write their slices.
    pub fn say_fronts(&mut self, said: HashMap<Key, Said>) {
        let before = std::mem::replace(&mut self.fronts.said, said);
        let said = &self.fronts.said;
        let news = |key: &&Key| before.get(*key) != said.get(*key);
        let keys: BTreeSet<&Key> = before.keys().chain(said.keys()).collect();
        let changed: Vec<Key> = keys.into_iter().filter(news).cloned().collect();
        self.changed.extend(changed);
    }

    /// For its status; `None`: it has no front.
    pub(super) fn front_facts(&self, entry: &Entry) -> Option<FrontFacts> {
        let front = entry.front()?;
        let service = entry.front_service()?;
        let mut facts = FrontFacts {
            service: service.clone(),
            said: self.fronts.said.get(&entry.object.key).cloned(),
            foreign: self.fronts.foreign(&service, &entry.object.key),
            failure: None,
        };
        facts.failure = match (&self.fronts.range, self.standing(entry, front)) {
            (None, _) => Some(off()),
            (_, Standing::Waits(failure, _) | Standing::Refused(failure)) => Some(failure),
            (_, Standing::Good(_)) => facts.said.as_ref().and_then(|said| said.failure.clone()),
        };
        Some(facts)
    }
}

fn off() -> Failure {
    failure(
        "FrontsOff",
        "the scaler has no ports for fronts: start it with --front-ports, e.g. 20000-20999 (scaler.fronts.enabled in the chart)".to_owned(),
    )
}

impl Entry {
    pub(super) fn front(&self) -> Option<&Front> {
        self.workload()?.http.as_ref()?.front.as_ref()
    }

    pub(super) fn front_service(&self) -> Option<Key> {
        let front = self.front()?;
        Some(Key::new(self.object.key.namespace(), &front.service.name))
    }

    /// The smaller is the older.
    fn age(&self) -> (Option<i64>, &Key) {
        (self.workload().map(|one| one.rank), &self.object.key)
    }
}
