//! Makes one scaler of many: whose word counts, what the proxy has been told, who is told what it says. Pure: time is given.

mod ended;
mod source;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::{Epoch, Routes, Term, ToProxy, ToScaler, WorkloadState};
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::metrics::Metrics;
use super::outbox::Outbox;
use super::{ConnectionState, LinkStatus, ScalerStatus, Timing};
use ended::Ended;
use view::View;

/// A wake that comes later than this after the one before is a new one. Proxies repeat theirs at least each second.
const WAKE_REPEATS: Duration = Duration::from_secs(3);

/// Wakes that are remembered, at least, before those of long ago are forgotten.
const WAKES: usize = 1024;

/// What the proxy sees as one scaler.
#[derive(Debug)]
pub(super) struct Mux {
    views: BTreeMap<SocketAddr, View>,
    source: Option<SocketAddr>,
    /// The highest that any scaler has led in.
    term: Option<Term>,
    told: Told,
    ended: Ended,
    wakes: HashMap<WorkloadId, Waking>,
    /// With this many wakes those of long ago are looked for: seldom, however many are new.
    many_wakes: usize,
    /// Since when there is no source.
    without: Option<Instant>,
    unlinked: bool,
    unlinked_after: Duration,
    wake_all_after: Duration,
    left: bool,
    metrics: Metrics,
    /// The latest time given.
    now: Instant,
}

/// What the proxy knows.
#[derive(Debug, Default)]
struct Told {
    routes: Option<Arc<Routes>>,
    /// Those that differ from [`WorkloadState::empty`].
    states: BTreeMap<WorkloadId, WorkloadState>,
    synced: bool,
}

#[derive(Debug)]
struct Waking {
    first: Instant,
    last: Instant,
}

impl Mux {
    pub(super) fn new(timing: &Timing, metrics: Metrics, now: Instant) -> Self {
        Self {
            views: BTreeMap::new(),
            source: None,
            term: None,
            told: Told::default(),
            ended: Ended::default(),
            wakes: HashMap::new(),
            many_wakes: WAKES,
            without: Some(now),
            unlinked: false,
            unlinked_after: timing.unlinked_after,
            wake_all_after: timing.wake_all_after,
            left: false,
            metrics,
            now,
        }
    }

    /// An address begins to be tried.
    pub(super) fn add(&mut self, address: SocketAddr, now: Instant) {
        self.now = now;
        self.views.insert(address, View::new(now));
        self.count();
    }

    /// An address is not tried any more.
    pub(super) fn remove(&mut self, address: SocketAddr) {
        self.views.remove(&address);
        self.count();
    }

    /// A try has failed.
    pub(super) fn failed(&mut self, address: SocketAddr, error: String) {
        if let Some(view) = self.views.get_mut(&address) {
            view.error = Some(error);
        }
    }

    /// A scaler has welcomed the proxy.
    pub(super) fn up(
        &mut self,
        address: SocketAddr,
        name: String,
        outbox: Arc<Outbox>,
        now: Instant,
    ) -> Vec<ToProxy> {
        self.now = now;
        if self.left {
            outbox.put(ToScaler::Leaving);
        }
        let mut view = View::new(now);
        view.connected(name, outbox);
        self.views.insert(address, view);
        self.count();
        vec![ToProxy::ReportWhole]
    }

    /// A connection has ended.
    pub(super) fn down(
        &mut self,
        address: SocketAddr,
        error: String,
        now: Instant,
    ) -> Vec<ToProxy> {
        self.now = now;
        if let Some(view) = self.views.get_mut(&address) {
            *view = View::new(now);
            view.error = Some(error);
        }
        let say = self.choose();
        self.count();
        say
    }

    /// A scaler has said something.
    pub(super) fn heard(
        &mut self,
        address: SocketAddr,
        message: ToProxy,
        now: Instant,
    ) -> Vec<ToProxy> {
        self.now = now;
        if let ToProxy::State(state) = &message {
            self.compare(address, state);
        }
        let Some(view) = self.views.get_mut(&address) else {
            return Vec::new();
        };
        view.take(&message, now);
        match message {
            ToProxy::Role { leads } => {
                self.term = self.term.max(leads);
                let before = self.source;
                let mut say = self.choose();
                if before == Some(address) && self.source == before {
                    say.push(ToProxy::Role { leads });
                    say.extend(self.tell_states());
                }
                say
            }
            ToProxy::Synced => {
                if let Some(view) = self.views.get(&address) {
                    let took = now.duration_since(view.since_connected).as_secs_f64();
                    self.metrics.snapshot_seconds.set(took);
                }
                let say = self.choose();
                self.count();
                say
            }
            ToProxy::ReportWhole => {
                if let Some(outbox) = self.outbox(address) {
                    outbox.want_whole();
                }
                vec![ToProxy::ReportWhole]
            }
            message if self.source == Some(address) => self.pass(message),
            _ => Vec::new(),
        }
    }

    /// The source's word, as the proxy is told it.
    fn pass(&mut self, message: ToProxy) -> Vec<ToProxy> {
        match message {
            ToProxy::Routes(routes) => {
                let known: HashSet<&WorkloadId> =
                    routes.workloads.iter().map(|one| &one.id).collect();
                self.ended.retain(|workload| known.contains(workload));
                vec![self.told.route(routes)]
            }
            ToProxy::State(mut state) => {
                if !self.source_leads() {
                    self.ended.scrub(&mut state);
                }
                self.told.keep(&state);
                vec![ToProxy::State(state)]
            }
            ToProxy::Quiesce { epoch, .. } if !self.source_leads() || self.void(epoch) => {
                Vec::new()
            }
            ToProxy::Resume { epoch, .. } | ToProxy::Asleep { epoch, .. } if self.void(epoch) => {
                Vec::new()
            }
            ToProxy::Permits(granted) if self.source_leads() && self.term == Some(granted.term) => {
                vec![ToProxy::Permits(granted)]
            }
            ToProxy::Quiesce { .. } | ToProxy::Resume { .. } | ToProxy::Asleep { .. } => {
                self.heed(&message);
                vec![message]
            }
            // Said by the mux itself, when it is so.
            _ => Vec::new(),
        }
    }

    /// A leader's word on sleep decides what of others' replicas is believed once it is lost.
    fn heed(&mut self, sleep: &ToProxy) {
        match sleep {
            ToProxy::Asleep { workload, .. } if self.source_leads() => {
                for (address, view) in &self.views {
                    let other = self.source != Some(*address);
                    if let Some(state) = view.states.get(workload).filter(|_| other) {
                        self.ended.end(state);
                    }
                }
            }
            ToProxy::Resume { workload, .. } => self.ended.resume(workload),
            _ => {}
        }
    }

    /// While a leader's word is that the workload sleeps, what others tell of is what it has ended, unless the leader tells of it, too.
    fn compare(&mut self, address: SocketAddr, state: &WorkloadState) {
        if !self.source_leads() {
            return;
        }
        if self.source == Some(address) {
            return self.ended.lives(state);
        }
        let source = self.source.and_then(|source| self.views.get(&source));
        let sleep = source.and_then(|view| view.sleeps.get(&state.workload));
        if matches!(sleep, Some(ToProxy::Asleep { .. })) {
            self.ended.end(state);
            let own = source.and_then(|view| view.states.get(&state.workload));
            if let Some(own) = own {
                self.ended.lives(own);
            }
        }
    }

    /// Whether it was said in a term that is over.
    fn void(&self, epoch: Epoch) -> bool {
        self.term.is_some_and(|term| epoch >> 32 < u64::from(term))
    }

    /// The highest that any scaler has led in.
    pub(super) fn term(&self) -> Option<Term> {
        self.term
    }

    /// Until when nothing happens by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let without = self.without.filter(|_| !self.unlinked)?;
        Some(without + self.unlinked_after)
    }

    /// The deadline may have come.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<ToProxy> {
        self.now = now;
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.unlinked = true;
            return vec![ToProxy::Unlinked];
        }
        Vec::new()
    }

    /// The proxy has said something.
    pub(super) fn said(&mut self, message: ToScaler, now: Instant) {
        self.now = now;
        self.left |= message == ToScaler::Leaving;
        let only = match &message {
            ToScaler::Wake(wake) => self.wake_only(&wake.workload, now),
            // Nobody else may know: and a new leader is told all.
            ToScaler::Permits(_) if self.source_leads() => self.source,
            ToScaler::Permits(_) => return,
            _ => None,
        };
        for (address, view) in &self.views {
            if only.is_some_and(|only| only != *address) {
                continue;
            }
            if let Some(outbox) = &view.outbox
                && outbox.put(message.clone())
            {
                self.metrics.merged.inc();
            }
        }
    }

    /// Who alone is asked to wake: the leader, until it has had its time.
    fn wake_only(&mut self, workload: &WorkloadId, now: Instant) -> Option<SocketAddr> {
        if self.wakes.len() >= self.many_wakes {
            self.wakes
                .retain(|_, waking| now.duration_since(waking.last) < WAKE_REPEATS);
            self.many_wakes = WAKES.max(self.wakes.len() * 2);
        }
        let new = Waking {
            first: now,
            last: now,
        };
        let waking = self.wakes.entry(workload.clone()).or_insert(new);
        if now.duration_since(waking.last) >= WAKE_REPEATS {
            waking.first = now;
        }
        waking.last = now;
        let patient = now.duration_since(waking.first) < self.wake_all_after;
        self.source.filter(|_| patient && self.source_leads())
    }

    fn outbox(&self, address: SocketAddr) -> Option<&Arc<Outbox>> {
        self.views.get(&address)?.outbox.as_ref()
    }

    fn count(&self) {
        self.metrics.connections(|state| {
            let views = self.views.values();
            views.filter(|view| view.state() == state).count()
        });
    }

    pub(super) fn connected(&self) -> bool {
        let state = |view: &View| view.state() != ConnectionState::Connecting;
        !self.views.is_empty() && self.views.values().all(state)
    }

    pub(super) fn status(&self) -> LinkStatus {
        let scaler = |(address, view): (&SocketAddr, &View)| ScalerStatus {
            address: *address,
            name: view.name.clone(),
            state: view.state(),
            since: Instant::now().duration_since(view.since),
            leads: view.leads,
            source: self.source == Some(*address),
            error: view.error.clone(),
        };
        LinkStatus {
            scalers: self.views.iter().map(scaler).collect(),
            unlinked: self.unlinked,
        }
    }
}
