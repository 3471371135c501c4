//! Kubernetes as a platform.

mod orphans;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use rouse_api::load::HostGrants;
use rouse_api::workload::{Usage, Workload, WorkloadId};
use rouse_scaler::platform::{Count, Observation, Platform, PlatformError, ScaleOrder};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::facts::Objects;
use crate::front::Fronts;
use crate::index::adopted::Adoption;
use crate::index::{Index, UNSCHEDULABLE_WAIT};
use crate::lease::Reign;
use crate::scale::{Change, Scaler};
use crate::secret::Secrets;
use crate::shared::{Shared, scalable};
use crate::usage::Usages;

/// Sets of workloads follow each other at this distance at least.
const COALESCE: Duration = Duration::from_millis(100);

/// What is watched.
#[derive(Debug, Clone)]
pub struct WatchConfig {
    /// The class of the objects that are looked after; `None`: those without one.
    pub class: Option<String>,
    /// Which of KEDA's objects are taken for workloads.
    pub adoption: Adoption,
    /// `None`: all.
    pub namespaces: Option<Vec<String>>,
    /// How long a pod may be unschedulable before that is final.
    pub unschedulable_wait: Duration,
    /// Which namespaces may claim which hosts.
    pub grants: HostGrants,
    /// Ports of the proxies that are given to fronts; `None`: there are no fronts.
    pub fronts: Option<RangeInclusive<u16>>,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            class: None,
            adoption: Adoption::Off,
            namespaces: None,
            unschedulable_wait: UNSCHEDULABLE_WAIT,
            grants: HostGrants::default(),
            fronts: None,
        }
    }
}

/// Scales by `/scale`, observes Pods.
#[derive(Debug)]
pub struct KubernetesPlatform {
    shared: Arc<Shared>,
    scaler: Arc<Scaler>,
    secrets: Secrets,
    usages: Usages,
    /// End with it.
    _tasks: JoinSet<()>,
}

/// The set of workloads as it changes.
#[derive(Debug)]
pub struct Workloads {
    shared: Arc<Shared>,
    last: Option<Instant>,
}

/// Whether the cluster is known.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<Shared>);

/// Begins to watch; everything ends when the platform is dropped. `leads`: whether this process leads: the leader wakes what a deleted
/// ScaledWorkload leaves asleep; `reign`: until when, for nothing is lowered by another. Needs a tokio runtime.
#[must_use]
pub fn start(
    client: Client,
    config: &WatchConfig,
    leads: watch::Receiver<bool>,
    reign: Reign,
) -> (KubernetesPlatform, Workloads, Objects, Readiness) {
    let index = Index::new(config.unschedulable_wait)
        .of_class(config.class.as_deref())
        .with_fronts(config.fronts.clone())
        .adopting(config.adoption);
    let shared = Shared::granting(index, config.grants.clone());
    let objects = Objects::new(shared.clone());
    shared.tell(objects.clone());
    let scaler = Arc::new(Scaler::new(client.clone(), shared.clone(), reign));
    let mut tasks = crate::watch::start(&client, config, &shared);
    tasks.spawn(orphans::tend(shared.clone(), scaler.clone(), leads));
    let workloads = Workloads {
        shared: shared.clone(),
        last: None,
    };
    let readiness = Readiness(shared.clone());
    let platform = KubernetesPlatform {
        shared,
        scaler,
        secrets: Secrets::new(client.clone()),
        usages: Usages::new(client),
        _tasks: tasks,
    };
    (platform, workloads, objects, readiness)
}

impl Workloads {
    /// Every valid workload, by rank and id: once everything has been listed, and then after changes. Safe to drop and call again.
    pub async fn next(&mut self) -> Vec<Workload> {
        loop {
            if self.shared.is_synced() && self.shared.with(|index| index.workloads_changed()) {
                break;
            }
            self.shared.workloads.notified().await;
        }
        if let Some(last) = self.last {
            sleep_until(last + COALESCE).await;
        }
        self.last = Some(Instant::now());
        self.shared.workloads()
    }
}

impl Workloads {
    /// What is known of their fronts.
    #[must_use]
    pub fn fronts(&self) -> Fronts {
        Fronts(self.shared.clone())
    }
}

impl Readiness {
    /// What is still missing before anything is decided, a sentence each; empty: ready, and it stays so.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.0.missing()
    }
}

impl Platform for KubernetesPlatform {
    fn apply(&self, workload: Arc<Workload>) {
        self.shared.apply(&workload.id);
    }

    /// Its replicas stay: what becomes of them when an object is deleted is not the controller's business.
    fn forget(&self, workload: &WorkloadId) {
        self.shared.forget(workload);
    }

    async fn scale(&self, order: ScaleOrder) -> Result<Count, PlatformError> {
        let ScaleOrder {
            workload,
            from,
            to,
            victims,
        } = order;
        let found = self.shared.with(|index| index.scalable_of(&workload));
        let Some((target, blocked)) = found else {
            if to > from {
                // Told as done it would be asked for again at once, for nothing follows from it.
                let why = format!("ScaledWorkload {workload} is gone or invalid");
                return Err(PlatformError::Refused(why));
            }
            // Without its object it is nobody's to lower, and the platform has nothing left of it.
            let (version, replicas) = (0, to);
            return Ok(Count { version, replicas });
        };
        if let Some(blocked) = blocked {
            return Err(PlatformError::Refused(blocked.message));
        }
        let Some(scalable) = scalable(&target).cloned() else {
            return Err(PlatformError::Refused(format!(
                "{workload} is a process, not an object of Kubernetes"
            )));
        };
        let namespace = workload.namespace().to_owned();
        if to < from && to > 0 && !victims.is_empty() {
            let pods = self.shared.with(|index| index.costs(&workload, &victims));
            self.scaler.mark(&namespace, &scalable, pods).await;
        }
        self.scaler
            .scale(Change {
                workload: Some(workload),
                namespace,
                scalable,
                from,
                to,
            })
            .await
    }

    async fn observe(&self) -> Observation {
        self.shared.observations.next().await
    }

    async fn secret(&self, namespace: &str, name: &str, key: &str) -> Result<Vec<u8>, String> {
        self.secrets.get(namespace, name, key).await
    }

    async fn usage(
        &self,
        workload: &WorkloadId,
        usage: &Usage,
        target: f64,
    ) -> Result<f64, String> {
        let (pods, count) = self.shared.with(|index| index.used(workload));
        let namespace = workload.namespace();
        self.usages
            .of(namespace, (&pods, count), usage, target)
            .await
    }

    fn pods(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Option<u32> {
        Some(
            self.shared
                .with(|index| index.count_pods(namespace, labels)),
        )
    }

    /// Nothing: replicas outlive the scaler.
    async fn shutdown(&self, _deadline: Duration) {}
}
