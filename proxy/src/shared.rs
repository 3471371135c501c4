//! What every connection sees: routes and workloads, swapped whole, and the bounds over all of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rouse_api::link::{Owned, RoutedWorkload, Routes, Term, ToScaler};
use rouse_api::workload::WorkloadId;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::AccessLog;
use crate::config::ProxyConfig;
use crate::edge::Rules;
use crate::front::FrontState;
use crate::metrics::Metrics;
use crate::route::RouteTable;
use crate::tls::TlsStore;
use crate::workload::{Numbers, Outside, Prober, Workload};

/// The routes with the workloads that they lead to.
#[derive(Debug)]
pub(crate) struct Table {
    version: u64,
    routes: RouteTable,
    pub(crate) workloads: Vec<Arc<Workload>>,
    by_id: HashMap<WorkloadId, usize>,
}

impl Table {
    pub(crate) fn find(
        &self,
        host: &str,
        path: &str,
        headers: &http::HeaderMap,
    ) -> Option<&Arc<Workload>> {
        self.workloads.get(self.routes.find(host, path, headers)?)
    }

    pub(crate) fn workload(&self, id: &WorkloadId) -> Option<&Arc<Workload>> {
        self.workloads.get(*self.by_id.get(id)?)
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ProxyConfig,
    /// None until the first routes have come: until then nothing is known to be missing.
    pub(crate) table: ArcSwapOption<Table>,
    pub(crate) metrics: Metrics,
    /// For all workloads, behind each one's own.
    pub(crate) rules: Option<Rules>,
    pub(crate) access: Option<AccessLog>,
    pub(crate) held_requests: Arc<Bound>,
    pub(crate) held_bytes: Arc<Bound>,
    /// Set when the proxy is to finish what it has.
    pub(crate) draining: CancellationToken,
    /// Set when it is to end at once.
    pub(crate) killed: CancellationToken,
    /// Connections and tunnels.
    pub(crate) tasks: TaskTracker,
    pub(crate) link: LinkState,
    pub(crate) fronts: FrontState,
    outside: Arc<Outside>,
}

/// What is known of the link, beside what it carries.
#[derive(Debug)]
pub(crate) struct LinkState {
    /// A scaler began to tell everything and has not said that it was all.
    pub(crate) syncing: AtomicBool,
    pub(crate) unlinked: AtomicBool,
    /// The next report shall be whole.
    pub(crate) report_whole: AtomicBool,
    /// When a scaler last said something.
    pub(crate) heard: Mutex<Instant>,
    /// Who leads.
    leader: Mutex<Leader>,
}

/// The scaler that permits come from.
#[derive(Debug, Default)]
struct Leader {
    term: Option<Term>,
    /// Of all that led: one of a lower term leads no more, whatever it says.
    highest: Term,
}

impl Shared {
    pub(crate) fn new(
        config: ProxyConfig,
        metrics: Metrics,
        to_scaler: mpsc::Sender<ToScaler>,
        pacer: mpsc::UnboundedSender<Arc<Workload>>,
        reporter: mpsc::UnboundedSender<Arc<Workload>>,
    ) -> Self {
        let killed = CancellationToken::new();
        let outside = Outside {
            member: config.member.clone(),
            to_scaler,
            pacer,
            reporter,
            numbers: Numbers::default(),
            tls: Arc::new(TlsStore::new(&config.upstream_tls)),
            prober: Arc::new(Prober::new(metrics.probes(), killed.clone())),
        };
        Self {
            held_requests: Arc::new(Bound::new(config.limits.held_requests)),
            held_bytes: Arc::new(Bound::new(config.limits.held_bytes)),
            access: config.access_log.then(AccessLog::start),
            rules: Rules::new(&config.rules),
            config,
            table: ArcSwapOption::empty(),
            metrics,
            draining: CancellationToken::new(),
            killed,
            tasks: TaskTracker::new(),
            link: LinkState {
                syncing: AtomicBool::new(false),
                unlinked: AtomicBool::new(false),
                report_whole: AtomicBool::new(true),
                heard: Mutex::new(Instant::now()),
                leader: Mutex::default(),
            },
            fronts: FrontState::default(),
            outside: Arc::new(outside),
        }
    }

    #[cfg(feature = "chaos")]
    pub(crate) fn prober(&self) -> &Prober {
        &self.outside.prober
    }

    /// Whether requests can be told apart and workloads' replicas are known.
    pub(crate) fn ready(&self) -> bool {
        self.table.load().is_some() && !self.link.syncing.load(Ordering::Relaxed)
    }

    /// Whether the scalers have been out of reach for so long that pods' addresses may be stale.
    pub(crate) fn set_unlinked(&self, unlinked: bool, leaving: &[Arc<Workload>]) {
        self.link.unlinked.store(unlinked, Ordering::Relaxed);
        self.metrics.unlinked.set(i64::from(unlinked));
        let table = self.table.load_full();
        let routed = table.iter().flat_map(|table| &table.workloads);
        for workload in routed.chain(leaving) {
            workload.set_unlinked(unlinked);
        }
    }

    /// The scaler that is heard leads in that term, or does not lead. Returns the first word to it about permits: all that are owned here.
    /// Once it is said `introduced` must be called.
    pub(crate) fn lead(&self, leads: Option<Term>, leaving: &[Arc<Workload>]) -> Option<Owned> {
        let mut leader = self.link.leader.lock();
        leader.highest = leader.highest.max(leads.unwrap_or_default());
        leader.term = leads.filter(|term| *term == leader.highest);
        let term = leader.term;
        drop(leader);
        let sequence = self.outside.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let table = self.table.load_full();
        let routed = table.iter().flat_map(|table| &table.workloads);
        let parts = routed.chain(leaving).filter_map(|one| one.lead(term));
        let workloads = parts.collect();
        Some(Owned {
            term: term?,
            sequence,
            whole: true,
            workloads,
        })
    }

    /// The leader has heard the first word.
    pub(crate) fn introduced(&self, leaving: &[Arc<Workload>]) {
        let table = self.table.load_full();
        let routed = table.iter().flat_map(|table| &table.workloads);
        routed.chain(leaving).for_each(Workload::introduced);
    }

    fn new_workload(&self, routed: &RoutedWorkload) -> Arc<Workload> {
        let workload = Arc::new(Workload::new(
            routed.id.clone(),
            routed.http.clone(),
            self.config.upstream.connections_per_endpoint,
            self.metrics.workload(&routed.id),
            self.outside.clone(),
        ));
        if self.link.unlinked.load(Ordering::Relaxed) {
            workload.set_unlinked(true);
        }
        // It owns nothing yet.
        workload.lead(self.link.leader.lock().term);
        workload.introduced();
        workload
    }

    /// Takes new routes: workloads that stay keep their state, also those that come back from `leaving`; new ones are made. Those
    /// that have gone with requests in flight are added to `leaving`.
    pub(crate) fn route(&self, routes: &Routes, leaving: &mut Vec<Arc<Workload>>) {
        let old = self.table.load_full();
        if old.as_ref().is_some_and(|old| old.version > routes.version) {
            return;
        }
        let known = |id: &WorkloadId| {
            let left = leaving.iter().find(|left| left.id == *id);
            old.as_ref().and_then(|old| old.workload(id)).or(left)
        };
        let connections = self.config.upstream.connections_per_endpoint;
        let workloads: Vec<_> = routes
            .workloads
            .iter()
            .map(|routed| match known(&routed.id) {
                Some(known) => {
                    known.configure(routed.http.clone(), connections);
                    known.clone()
                }
                None => self.new_workload(routed),
            })
            .collect();
        let by_id: HashMap<_, _> = workloads
            .iter()
            .enumerate()
            .map(|(at, workload)| (workload.id.clone(), at))
            .collect();
        let gone: Vec<_> = old
            .iter()
            .flat_map(|old| &old.workloads)
            .filter(|old| !by_id.contains_key(&old.id))
            .cloned()
            .collect();
        leaving.retain(|left| !by_id.contains_key(&left.id));
        self.table.store(Some(Arc::new(Table {
            version: routes.version,
            routes: RouteTable::new(routes),
            workloads,
            by_id,
        })));
        self.fronts.route(routes);
        gone.iter().for_each(Workload::remove);
        leaving.extend(gone);
        leaving.retain(|workload| {
            let in_flight = workload.load().0 > 0;
            if !in_flight {
                self.metrics.forget(&workload.id);
            }
            in_flight
        });
    }
}

/// A count with an upper bound, given out as guards.
#[derive(Debug)]
pub(crate) struct Bound {
    used: AtomicUsize,
    most: AtomicUsize,
}

/// A part of a [`Bound`], given back on drop.
#[derive(Debug)]
pub(crate) struct Part {
    bound: Arc<Bound>,
    amount: usize,
}

impl Bound {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
        }
    }

    /// A new bound; what has been given out stays.
    pub(crate) fn set(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Takes `amount`, if there is as much.
    pub(crate) fn take(self: &Arc<Self>, amount: usize) -> Option<Part> {
        let mut part = Part {
            bound: self.clone(),
            amount: 0,
        };
        part.grow(amount).then_some(part)
    }
}

impl Part {
    /// Takes `amount` more, if there is as much.
    pub(crate) fn grow(&mut self, amount: usize) -> bool {
        let most = self.bound.most.load(Ordering::Relaxed);
        let take = |used: usize| used.checked_add(amount).filter(|sum| *sum <= most);
        let taken = self
            .bound
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok();
        if taken {
            self.amount += amount;
        }
        taken
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.bound.used.fetch_sub(self.amount, Ordering::Relaxed);
    }
}
