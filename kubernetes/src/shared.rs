//! The index, and those who wait for what it says.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rouse_api::load::HostGrants;
use rouse_api::workload::{Scalable, Target, Workload, WorkloadId};
use rouse_scaler::platform::{Count, Observation, Observations};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::facts::{FactSource, Facts};
use crate::front::plan::Said;
use crate::index::event::Event;
use crate::index::target::TargetKey;
use crate::index::{Index, Orphan, workloads};

/// What watches, scales and readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    grants: HostGrants,
    state: Mutex<State>,
    /// Everything has been listed once: from then on it is acted upon.
    synced: AtomicBool,
    /// How each watch does, by its name.
    watches: Mutex<BTreeMap<String, Watch>>,
    pub(crate) observations: Observations,
    /// Objects whose facts have changed.
    touched: watch::Sender<Option<crate::facts::Objects>>,
    pub(crate) workloads: Notify,
    pub(crate) orphans: Notify,
    /// Fronts may have changed.
    pub(crate) fronts: Notify,
    /// What workloads name as targets may have changed.
    pub(crate) kinds: Notify,
    /// Something changes by time alone.
    pub(crate) due: Notify,
}

#[derive(Debug)]
struct State {
    index: Index,
    /// Workloads that the scaler knows, and what it was told last.
    told: HashMap<WorkloadId, Option<Observation>>,
}

/// How a watch does.
#[derive(Debug, Clone, Default)]
struct Watch {
    /// It has listed everything once, or is not needed.
    listed: bool,
    /// Its last error, while it lasts.
    error: Option<String>,
}

impl Shared {
    /// Every namespace may claim any host.
    pub(crate) fn new(index: Index) -> Arc<Self> {
        Self::granting(index, HostGrants::default())
    }

    pub(crate) fn granting(index: Index, grants: HostGrants) -> Arc<Self> {
        Arc::new(Self {
            grants,
            state: Mutex::new(State {
                index,
                told: HashMap::new(),
            }),
            synced: AtomicBool::new(false),
            watches: Mutex::default(),
            observations: Observations::default(),
            touched: watch::Sender::new(None),
            workloads: Notify::new(),
            orphans: Notify::new(),
            fronts: Notify::new(),
            kinds: Notify::new(),
            due: Notify::new(),
        })
    }

    /// Who is told of changed facts.
    pub(crate) fn tell(&self, objects: crate::facts::Objects) {
        self.touched.send_replace(Some(objects));
    }

    pub(crate) fn handle(&self, event: Event) {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.index.handle(event, now);
        self.flush(&mut state, now);
    }

    /// Looks at what changes by time alone; returns when to do so again.
    pub(crate) fn tick(&self) -> Option<Instant> {
        let mut state = self.state.lock();
        self.flush(&mut state, Instant::now());
        state.index.next_due()
    }

    /// Hands on what has changed. Nothing before everything was listed: half a list would read as absence.
    fn flush(&self, state: &mut State, now: Instant) {
        if !self.is_synced() {
            return;
        }
        if state.index.take_fronts_changed() {
            self.fronts.notify_one();
        }
        let due = state.index.next_due();
        let changed = state.index.take_changed(now);
        if changed.is_empty() {
            return;
        }
        let objects = self.touched.borrow().clone();
        for id in changed {
            if let Some(told) = state.told.get_mut(&id)
                && let Some(observation) = state.index.observe(&id, now)
                && told.as_ref() != Some(&observation)
            {
                *told = Some(observation.clone());
                self.observations.put(observation);
            }
            if let Some(objects) = &objects {
                objects.touch(id);
            }
        }
        if state.index.workloads_changed() {
            self.workloads.notify_one();
            self.kinds.notify_one();
        }
        if state.index.next_due() != due {
            self.due.notify_one();
        }
        if state.index.has_orphans() {
            self.orphans.notify_one();
        }
    }

    /// The scaler knows the workload now: it is told what there is.
    pub(crate) fn apply(&self, id: &WorkloadId) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let observation = state.index.observe(id, now);
        if let Some(observation) = &observation {
            self.observations.put(observation.clone());
        }
        state.told.insert(id.clone(), observation);
    }

    pub(crate) fn forget(&self, id: &WorkloadId) {
        self.state.lock().told.remove(id);
    }

    /// Reads, or changes what is not told to anybody.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Index) -> T) -> T {
        look(&mut self.state.lock().index)
    }

    /// A scale has answered.
    pub(crate) fn counted(&self, key: &TargetKey, count: Count, ours: bool) {
        let mut state = self.state.lock();
        state.index.counted(key, count, ours);
        self.flush(&mut state, Instant::now());
    }

    /// Every valid workload, by rank and id.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        // With thousands this takes milliseconds: a wake must not wait for the lock meanwhile.
        let (snapshot, fronts) = {
            let mut state = self.state.lock();
            (state.index.snapshot(), state.index.front_ports())
        };
        let mut workloads = workloads::resolve(snapshot);
        workloads::open_fronts(&fronts, &mut workloads);
        let ungranted = workloads::enforce(&self.grants, &mut workloads);
        let conflicts = workloads::conflicts(&workloads);
        let unwoken = workloads::unwoken(&workloads);
        let mut state = self.state.lock();
        state.index.note_conflicts(conflicts, ungranted);
        state.index.note_wakes(unwoken);
        self.flush(&mut state, Instant::now());
        workloads
    }

    /// What was found out about fronts.
    pub(crate) fn say_fronts(&self, said: HashMap<WorkloadId, Said>) {
        let mut state = self.state.lock();
        state.index.say_fronts(said);
        self.flush(&mut state, Instant::now());
    }

    /// Custom kinds that workloads name as targets.
    pub(crate) fn custom_kinds(&self) -> std::collections::BTreeSet<(String, String)> {
        let state = self.state.lock();
        state
            .index
            .scalables()
            .filter(|scalable| !is_built_in(scalable))
            .map(|scalable| (scalable.api_version.clone(), scalable.kind.clone()))
            .collect()
    }

    /// Targets whose workloads are no more since the last call.
    pub(crate) fn take_orphans(&self) -> BTreeMap<TargetKey, Orphan> {
        self.state.lock().index.take_orphans()
    }

    /// A watch begins: nothing is decided before it has listed.
    pub(crate) fn expect(&self, watch: &str) {
        self.watches.lock().entry(watch.to_owned()).or_default();
    }

    /// A watch has listed everything, or is done without.
    pub(crate) fn listed(&self, watch: &str) {
        let mut watches = self.watches.lock();
        watches.insert(
            watch.to_owned(),
            Watch {
                listed: true,
                error: None,
            },
        );
        let all = watches.values().all(|watch| watch.listed);
        drop(watches);
        if all && !self.synced.swap(true, Ordering::AcqRel) {
            let mut state = self.state.lock();
            self.flush(&mut state, Instant::now());
            drop(state);
            self.workloads.notify_one();
            self.kinds.notify_one();
        }
    }

    /// A watch is broken; what is known stays.
    pub(crate) fn broken(&self, watch: &str, error: String) {
        if let Some(watch) = self.watches.lock().get_mut(watch) {
            watch.error = Some(error);
        }
    }

    pub(crate) fn well(&self, watch: &str) {
        if let Some(watch) = self.watches.lock().get_mut(watch) {
            watch.error = None;
        }
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Acquire)
    }

    /// What is still missing before anything is decided, a sentence each.
    pub(crate) fn missing(&self) -> Vec<String> {
        if self.is_synced() {
            return Vec::new();
        }
        let watches = self.watches.lock();
        let missing = watches.iter().filter(|(_, watch)| !watch.listed);
        missing
            .map(|(name, watch)| match &watch.error {
                Some(error) => format!("{name} could not be listed: {error}"),
                None => format!("{name} not listed yet"),
            })
            .collect()
    }
}

impl FactSource for Shared {
    fn facts(&self, id: &WorkloadId) -> Option<Facts> {
        self.state.lock().index.facts(id, Instant::now())
    }
}

/// Kinds that are watched whether workloads name them or not.
pub(crate) fn is_built_in(scalable: &Scalable) -> bool {
    let kind = matches!(&*scalable.kind, "Deployment" | "StatefulSet" | "ReplicaSet");
    kind && scalable.api_version == "apps/v1"
}

/// Of a workload in a cluster.
pub(crate) fn scalable(target: &Target) -> Option<&Scalable> {
    match target {
        Target::Scalable(scalable) => Some(scalable),
        Target::Process(_) => None,
    }
}
