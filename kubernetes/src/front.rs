//! Fronts: the leader keeps the EndpointSlices of each front's Service at the proxies that listen for it.
//!
//! The port of a front is in the names of its slices, from which every scaler reads it and tells it to the proxies; these say what they
//! listen for, and only then is one of them in a slice. What there should be is [`plan`]; this is who does it.

pub mod content;
pub mod name;
pub mod plan;
mod ports;
mod sink;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use rouse_api::link::{Failure, Term};
use rouse_api::workload::WorkloadId;
use rouse_scaler::Listening;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::index::event::Event;
use crate::lease::Reign;
use crate::members::KnownPods;
use crate::shared::Shared;
use plan::{View, Write, plan};
use ports::Ports;
use sink::{Outcome, Sink};

/// Changes come in crowds: a proxy that goes concerns every front.
const COALESCE: Duration = Duration::from_millis(20);
/// Workloads whose slices are being written.
const AT_ONCE: usize = 8;
/// After a write that failed.
const AGAIN: Duration = Duration::from_secs(5);
/// After one that came too late, for the watch to tell of the other.
const OVERTAKEN: Duration = Duration::from_millis(200);
/// For a lease that has run out by this process's clock to be renewed, or lost.
const LEASE: Duration = Duration::from_secs(1);

/// What is known of the fronts of a cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fronts(pub(crate) Arc<Shared>);

/// What the leader looks at.
#[derive(Debug)]
pub struct FrontConfig {
    /// The ports that may be given.
    pub range: RangeInclusive<u16>,
    /// The proxies' Pods.
    pub pods: KnownPods,
    /// What the proxies listen for.
    pub listening: watch::Receiver<Listening>,
    /// How long this process may take itself for the leader.
    pub reign: Reign,
}

/// Writes slices until `stop`, while `lead` has a term.
pub async fn run(
    client: Client,
    fronts: Fronts,
    config: FrontConfig,
    mut lead: watch::Receiver<Option<Term>>,
    stop: CancellationToken,
) {
    let work = async {
        while lead.wait_for(Option::is_some).await.is_ok() {
            let keeper = Keeper::new(client.clone(), fronts.0.clone(), &config);
            tokio::select! {
                never = keeper.keep() => match never {},
                ended = lead.wait_for(Option::is_none) => if ended.is_err() { return },
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// A leader at work. Dropped, it leaves what is under way.
struct Keeper {
    shared: Arc<Shared>,
    sink: Sink,
    pods: KnownPods,
    listening: watch::Receiver<Listening>,
    reign: Reign,
    ports: Ports,
    /// Ports that were given and are in no slice yet, each with the mark that it was given for.
    pending: BTreeMap<WorkloadId, (u32, u16)>,
    /// Those whose last write did not go through.
    rests: BTreeMap<WorkloadId, Rest>,
    busy: BTreeSet<WorkloadId>,
    writes: JoinSet<(WorkloadId, Outcome)>,
}

/// A pause in the writes of one workload.
struct Rest {
    until: Instant,
    /// `None`: another was faster.
    failure: Option<Failure>,
}

impl Keeper {
    fn new(client: Client, shared: Arc<Shared>, config: &FrontConfig) -> Self {
        Self {
            shared,
            sink: Sink::new(client),
            pods: config.pods.clone(),
            listening: config.listening.clone(),
            reign: config.reign.clone(),
            ports: Ports::new(config.range.clone()),
            pending: BTreeMap::new(),
            rests: BTreeMap::new(),
            busy: BTreeSet::new(),
            writes: JoinSet::new(),
        }
    }

    async fn keep(mut self) -> Infallible {
        loop {
            let due = self.look();
            tokio::select! {
                () = self.shared.fronts.notified() => {}
                // Whoever says these lives as long as this does.
                _ = self.pods.changed() => {}
                _ = self.listening.changed() => {}
                Some(done) = self.writes.join_next() => {
                    if let Ok((workload, outcome)) = done {
                        self.done(workload, outcome);
                    }
                    continue;
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            sleep(COALESCE).await;
        }
    }

    /// Begins what is to be written, and says how things are; returns when something is due by time alone.
    fn look(&mut self) -> Option<Instant> {
        let pods = self.pods.borrow_and_update().clone()?;
        let listening = self.listening.borrow_and_update().clone();
        let now = Instant::now();
        let mut views = self.shared.with(|index| index.front_views());
        self.take_ports(&views, now);
        let mut said = HashMap::new();
        let mut waits = None;
        for view in &mut views {
            let full = self.give_port(view);
            let (writes, told) = plan(view, &pods, &listening);
            if writes.is_empty() {
                self.rests.remove(&view.workload);
            } else if !self.begin(&view.workload, writes, now) {
                waits = Some(now + LEASE);
            }
            if let Some(mut told) = told {
                // What failed is told until it goes through, or needn't.
                let rest = self.rests.get(&view.workload);
                let failure = rest.and_then(|rest| rest.failure.clone());
                let failure = failure.or_else(|| full.then(no_ports));
                told.failure = failure.or(told.failure);
                said.insert(view.workload.clone(), told);
            }
        }
        self.shared.say_fronts(said);
        let rests = self.rests.values().map(|rest| rest.until);
        let rests = rests.filter(|until| *until > now);
        rests.chain(self.ports.due()).chain(waits).min()
    }

    /// Begins to write unless that has to wait for something that wakes [`keep`](Self::keep). False: this process may not just now.
    fn begin(&mut self, workload: &WorkloadId, writes: Vec<Write>, now: Instant) -> bool {
        let rest = self.rests.get(workload);
        let rests = rest.is_some_and(|rest| rest.until > now);
        if rests || self.busy.contains(workload) || self.busy.len() >= AT_ONCE {
            return true;
        }
        if self.reign.until() <= Some(now) {
            return false;
        }
        self.busy.insert(workload.clone());
        let (sink, workload) = (self.sink.clone(), workload.clone());
        self.writes.spawn(async move {
            let outcome = sink.write(&workload, writes).await;
            (workload, outcome)
        });
        true
    }

    /// Looks at which ports are somebody's, and forgets who is gone.
    fn take_ports(&mut self, views: &[View], now: Instant) {
        let wants: BTreeMap<&WorkloadId, _> = views
            .iter()
            .filter_map(|view| Some((&view.workload, view.wants.as_ref()?)))
            .collect();
        self.pending.retain(|workload, (mark, _)| {
            let wants = wants.get(workload);
            wants.is_some_and(|wants| wants.mark == *mark && wants.port.is_none())
        });
        let known: BTreeSet<&WorkloadId> = views.iter().map(|view| &view.workload).collect();
        self.rests.retain(|workload, _| known.contains(workload));
        let given = wants.values().filter_map(|wants| wants.port);
        let written = views.iter().flat_map(|view| &view.slices);
        let written = written.map(|(_, own)| own.name.port);
        let pending = self.pending.values().map(|(_, port)| *port);
        let used = given.chain(written).chain(pending).collect();
        self.ports.look(used, now);
    }

    /// Whether there is no port for one that needs it.
    fn give_port(&mut self, view: &mut View) -> bool {
        let Some(wants) = &mut view.wants else {
            return false;
        };
        if wants.port.is_some() || !matches!(wants.standing, plan::Standing::Good(_)) {
            return false;
        }
        let pending = self.pending.get(&view.workload).map(|(_, port)| *port);
        wants.port = pending.or_else(|| self.ports.give(&view.workload));
        let Some(port) = wants.port else {
            return true;
        };
        let given = (wants.mark, port);
        self.pending.insert(view.workload.clone(), given);
        false
    }

    fn done(&mut self, workload: WorkloadId, outcome: Outcome) {
        for change in outcome.seen {
            self.shared.handle(Event::Slice(change));
        }
        let before = self.rests.remove(&workload).and_then(|rest| rest.failure);
        if let Some(failure) = outcome
            .failure
            .as_ref()
            .filter(|now| before.as_ref() != Some(now))
        {
            tracing::warn!(%workload, error = failure.message, "the EndpointSlices of its front can't be written");
        }
        let pause = match (&outcome.failure, outcome.overtaken) {
            (Some(_), _) => Some(AGAIN),
            (None, true) => Some(OVERTAKEN),
            (None, false) => None,
        };
        if let Some(pause) = pause {
            let until = Instant::now() + pause;
            let failure = outcome.failure;
            self.rests.insert(workload.clone(), Rest { until, failure });
        }
        self.busy.remove(&workload);
    }
}

fn no_ports() -> Failure {
    Failure {
        reason: "FrontPortsExhausted".to_owned(),
        message: "every port of --front-ports is another front's, or was within the last minute; give it a larger range".to_owned(),
    }
}
