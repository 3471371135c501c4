//! The control plane: etcd, kube-apiserver, kube-controller-manager and kube-scheduler, as processes.

mod arguments;
mod certificates;
mod component;
mod kubeconfig;
mod ready;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Client;
use tokio::sync::{Mutex, watch};

use self::certificates::Certificates;
use self::component::Process;
use crate::error::Error;

/// A process of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The store.
    Etcd,
    /// The API server.
    ApiServer,
    /// Deployments to ReplicaSets to Pods, endpoints, service accounts and the rest.
    ControllerManager,
    /// Pods to nodes.
    Scheduler,
}

impl Component {
    /// In the order that they are started in.
    pub const ALL: [Self; 4] = [
        Self::Etcd,
        Self::ApiServer,
        Self::ControllerManager,
        Self::Scheduler,
    ];

    /// The name of its binary.
    #[must_use]
    pub fn binary(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
        }
    }
}

/// What may be told about the control plane.
#[derive(Clone, Debug, Default)]
pub struct PlaneConfig {
    /// More arguments, by component, such as `--node-monitor-grace-period=5s`. They win over the testbed's own.
    pub arguments: BTreeMap<Component, Vec<String>>,
}

/// A control plane that runs. All of it is killed when this is dropped.
#[derive(Debug)]
pub struct Plane {
    /// Held while a component is being started or killed, so that there is one of each at most.
    processes: Mutex<BTreeMap<Component, Process>>,
    setup: Setup,
    failures: watch::Sender<Option<String>>,
}

/// What all components are started from.
#[derive(Debug)]
struct Setup {
    assets: PathBuf,
    folder: PathBuf,
    certificates: Certificates,
    config: PlaneConfig,
}

impl Plane {
    /// Starts all components and waits until Pods could be created. Data, certificates and logs go to `folder`, which has to
    /// exist; `assets` has the binaries.
    ///
    /// # Errors
    /// A component ends or isn't healthy in time.
    pub async fn start(assets: &Path, folder: &Path, config: PlaneConfig) -> Result<Self, Error> {
        let certificates = Certificates::make(folder)?;
        let (failures, _) = watch::channel(None);
        let plane = Self {
            processes: Mutex::default(),
            setup: Setup {
                assets: assets.to_owned(),
                folder: folder.to_owned(),
                certificates,
                config,
            },
            failures,
        };
        for component in [Component::Etcd, Component::ApiServer] {
            plane.start_component(component).await?;
        }
        // These two find each other through the API server only.
        tokio::try_join!(
            plane.start_component(Component::ControllerManager),
            plane.start_component(Component::Scheduler),
            ready::service_account(&plane),
        )?;
        Ok(plane)
    }

    /// A client with an administrator's rights and no limits of its own.
    ///
    /// # Errors
    /// The certificates can't be read.
    pub async fn client(&self) -> Result<Client, Error> {
        let kubeconfig = kubeconfig::admin(&self.setup.certificates, kubeconfig::INSIDE);
        kubeconfig::client(kubeconfig).await
    }

    /// A kubeconfig with an administrator's rights, for the API server at `address`, as a file's contents.
    #[must_use]
    pub fn kubeconfig(&self, address: std::net::SocketAddr) -> String {
        let server = format!("https://{address}");
        kubeconfig::text(&kubeconfig::admin(&self.setup.certificates, &server))
    }

    /// The file that `component` logs to.
    #[must_use]
    pub fn log(&self, component: Component) -> PathBuf {
        self.setup.log(component)
    }

    /// The process of `component`, while there is one.
    pub async fn pid(&self, component: Component) -> Option<i32> {
        let processes = self.processes.lock().await;
        processes.get(&component).map(Process::pid)
    }

    /// Stops `component` in the middle of what it does (SIGSTOP), or lets it go on: its connections stay, and nothing answers.
    ///
    /// # Errors
    /// It does not run.
    pub async fn pause(&self, component: Component, paused: bool) -> Result<(), Error> {
        let processes = self.processes.lock().await;
        let process = processes
            .get(&component)
            .ok_or_else(|| not_running(component))?;
        process.pause(paused)
    }

    /// Kills `component` (SIGKILL), and waits until it is gone. What etcd holds stays.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&self, component: Component) -> Result<(), Error> {
        let mut processes = self.processes.lock().await;
        let process = processes
            .remove(&component)
            .ok_or_else(|| not_running(component))?;
        process.kill().await;
        Ok(())
    }

    /// Starts `component`, after a kill, and waits until it is healthy.
    ///
    /// # Errors
    /// It runs already, ends, or isn't healthy in time.
    pub async fn start_component(&self, component: Component) -> Result<(), Error> {
        {
            let mut processes = self.processes.lock().await;
            if processes.contains_key(&component) {
                return Err(Error::Ended(format!("{} runs already", component.binary())));
            }
            let process = Process::start(component, &self.setup, self.failures.clone())?;
            processes.insert(component, process);
        }
        ready::component(self, component).await
    }

    /// [`Plane::pause`] of the API server.
    ///
    /// # Errors
    /// It does not run.
    pub async fn pause_api(&self, paused: bool) -> Result<(), Error> {
        self.pause(Component::ApiServer, paused).await
    }

    /// [`Plane::kill`] of the API server.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill_api(&self) -> Result<(), Error> {
        self.kill(Component::ApiServer).await
    }

    /// [`Plane::start_component`] of the API server.
    ///
    /// # Errors
    /// As there.
    pub async fn start_api(&self) -> Result<(), Error> {
        self.start_component(Component::ApiServer).await
    }

    /// Waits until a component has ended without having been told to, and says which and its last lines.
    pub async fn failed(&self) -> String {
        let mut failures = self.failures.subscribe();
        match failures.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone().unwrap_or_default(),
            // The sender is ours: this does not happen while we are borrowed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Kills all, and waits until they are gone.
    pub async fn stop(&self) {
        let processes = std::mem::take(&mut *self.processes.lock().await);
        // The other way round, so that none of them complains of what it misses.
        for (_, process) in processes.into_iter().rev() {
            process.kill().await;
        }
    }

    /// Until a component is healthy: what is slow on a loaded machine, not what is usual.
    const HEALTHY: Duration = Duration::from_secs(60);
}

impl Setup {
    fn log(&self, component: Component) -> PathBuf {
        self.folder.join(format!("{}.log", component.binary()))
    }
}

fn not_running(component: Component) -> Error {
    Error::Ended(format!("{} does not run", component.binary()))
}
