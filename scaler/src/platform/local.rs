//! Replicas as processes of this machine.
//!
//! Each workload has a supervisor task that starts and stops its replicas; each replica has a task that watches its process.
//! The process runs under a [`guard`], so that it never outlives Rouse, however Rouse ends.

pub mod guard;

mod health;
mod output;
mod port;
mod replica;
mod restarts;
mod slots;
mod supervisor;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;
use rouse_api::link::EndpointId;
use rouse_api::workload::{Process, Target, Workload, WorkloadId};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Count, Observation, Observations, Platform, PlatformError, ScaleOrder};
use port::Ports;
use supervisor::Supervisor;

/// How local processes are run.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// Program and first arguments of the guard: a command that calls [`guard::main`] with the arguments that follow these.
    pub guard: Vec<OsString>,
}

/// Runs replicas as processes of this machine, listening on 127.0.0.1.
#[derive(Debug)]
pub struct LocalPlatform {
    common: Arc<Common>,
    state: Mutex<State>,
}

/// What all supervisors share.
#[derive(Debug)]
struct Common {
    guard: Vec<OsString>,
    ports: Ports,
    next_replica: AtomicU64,
    observations: Observations,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    workloads: HashMap<WorkloadId, Arc<Orders>>,
    supervisors: JoinSet<()>,
}

/// What one workload's supervisor is to reach. A level: only the newest counts.
#[derive(Debug)]
struct Orders {
    order: Mutex<Order>,
    changed: Notify,
}

#[derive(Debug, Clone)]
struct Order {
    process: Arc<Process>,
    replicas: u32,
    victims: BTreeSet<EndpointId>,
    /// Counts up with every scale above zero: a reason to try what has failed for good.
    tries: u64,
    /// Stop everything, say nothing more and end.
    end: bool,
}

impl Orders {
    fn change(&self, change: impl FnOnce(&mut Order)) {
        change(&mut self.order.lock());
        self.changed.notify_one();
    }

    /// The order as it stands; victims are handed over.
    fn take(&self) -> Order {
        let mut order = self.order.lock();
        let victims = std::mem::take(&mut order.victims);
        Order {
            victims,
            ..order.clone()
        }
    }
}

impl LocalPlatform {
    /// Without workloads; needs a tokio runtime from the first one on.
    #[must_use]
    pub fn new(config: LocalConfig) -> Self {
        Self {
            common: Arc::new(Common {
                guard: config.guard,
                ports: Ports::default(),
                next_replica: AtomicU64::new(1),
                observations: Observations::default(),
            }),
            state: Mutex::default(),
        }
    }
}

impl Platform for LocalPlatform {
    fn apply(&self, workload: Arc<Workload>) {
        let Target::Process(process) = &workload.target else {
            return;
        };
        let process = Arc::new(process.clone());
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        while state.supervisors.try_join_next().is_some() {}
        if let Some(orders) = state.workloads.get(&workload.id) {
            orders.change(|order| order.process = process);
            return;
        }
        let order = Order {
            process,
            replicas: 0,
            victims: BTreeSet::new(),
            tries: 0,
            end: false,
        };
        let orders = Arc::new(Orders {
            order: Mutex::new(order),
            changed: Notify::new(),
        });
        let supervisor = Supervisor::new(workload.id.clone(), self.common.clone(), orders.clone());
        state.supervisors.spawn(supervisor.run());
        state.workloads.insert(workload.id.clone(), orders);
    }

    fn forget(&self, workload: &WorkloadId) {
        if let Some(orders) = self.state.lock().workloads.remove(workload) {
            orders.change(|order| order.end = true);
        }
    }

    async fn scale(&self, order: ScaleOrder) -> Result<Count, PlatformError> {
        let ScaleOrder {
            workload,
            to: replicas,
            victims,
            ..
        } = order;
        let state = self.state.lock();
        let Some(orders) = state.workloads.get(&workload) else {
            return Err(PlatformError::Refused(format!(
                "{workload} is unknown to the local platform, or it is shutting down"
            )));
        };
        orders.change(|order| {
            order.replicas = replicas;
            order.victims.extend(victims);
            order.tries += u64::from(replicas > 0);
        });
        // Nobody else changes it: every count is as new as any.
        let version = 0;
        Ok(Count { version, replicas })
    }

    async fn observe(&self) -> Observation {
        self.common.observations.next().await
    }

    async fn shutdown(&self, deadline: Duration) {
        let mut supervisors = {
            let mut state = self.state.lock();
            state.closed = true;
            for (_, orders) in state.workloads.drain() {
                orders.change(|order| order.end = true);
            }
            std::mem::take(&mut state.supervisors)
        };
        let all = async { while supervisors.join_next().await.is_some() {} };
        if timeout(deadline, all).await.is_err() {
            tracing::warn!(
                "replicas have not stopped within {} s: they are killed",
                deadline.as_secs_f64()
            );
            // The guards' pipes close with the tasks; then the guards kill.
            supervisors.shutdown().await;
        }
    }
}
