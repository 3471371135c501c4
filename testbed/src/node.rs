//! A Kubernetes node whose pods are local processes.
//!
//! It registers, keeps its lease, runs what is bound to it and writes status as kubelet 1.37 does: the address and `running` in
//! one update just after the containers start, then Ready by the probes' own timing. It must run in a network namespace in
//! which its pods' addresses are local, and, for volumes, in a mount namespace with a tmpfs on `/run`:
//! mount points can only be made there, elsewhere they must exist.
//!
//! Not there: the kubelet's own API (`kubectl logs`, `exec`), events, resource limits, `resourceFieldRef`, service links
//! other than `KUBERNETES_*`, and a restart that finds its pods again.

mod address;
mod attempt;
mod backoff;
mod container;
mod context;
mod env;
mod expand;
mod fields;
mod files;
mod knobs;
mod objects;
mod payload;
mod phase;
mod pod;
mod pods;
mod probe;
mod process;
mod register;
mod state;
mod status;
mod stop;
mod tokens;
mod volumes;
mod writer;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};
use parking_lot::RwLock;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process_group};
use tokio::task::JoinSet;

pub use knobs::{Allocatable, Knobs, Settings};

pub(crate) use address::Address;
use address::Addresses;
pub(crate) use context::Context;
use objects::Objects;
pub(crate) use state::PodState;

/// How long the cluster may take to have what a node needs.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between looks for it.
const LOOK: Duration = Duration::from_millis(50);

/// What a node is.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Its name; a DNS label.
    pub name: String,
    /// Added to its own labels.
    pub labels: BTreeMap<String, String>,
    /// Its own folder: `logs/` and `pods/`.
    pub work_dir: PathBuf,
    /// Where pods' addresses come from: network and length of its prefix. The first address is the node's own.
    pub pod_cidr: (Ipv4Addr, u8),
    /// Between renewals of its lease.
    pub heartbeat: Duration,
    /// How it behaves at first; images are here, too.
    pub settings: Settings,
}

impl NodeConfig {
    /// A node with plenty of room that knows `images` (a name, and the program with its first arguments that it starts).
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        images: BTreeMap<String, Vec<OsString>>,
        work_dir: impl Into<PathBuf>,
    ) -> Self {
        Self {
            name: name.into(),
            labels: BTreeMap::new(),
            work_dir: work_dir.into(),
            pod_cidr: (Ipv4Addr::new(10, 244, 0, 0), 16),
            heartbeat: Duration::from_secs(1),
            settings: Settings {
                images,
                ..Settings::default()
            },
        }
    }
}

/// Why a node can't start, or can't do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The API server said no.
    #[error("the node can't register: {0}")]
    Register(#[source] Box<kube::Error>),
    /// The cluster never got ready for a node.
    #[error(
        "no ClusterIP of Service default/kubernetes within {PATIENCE:?}: is the API server up?"
    )]
    NoCluster,
    /// Its folder can't be made.
    #[error("the node's folder {path:?}: {error}")]
    Folder {
        /// Which one.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// No address for the node itself.
    #[error("pod_cidr has no free address; use one such as 10.244.0.0/16")]
    NoAddress,
    /// No such process.
    #[error("container {namespace}/{pod}/{container} does not run on this node")]
    NotRunning {
        /// Its pod's namespace.
        namespace: String,
        /// Its pod.
        pod: String,
        /// Its name.
        container: String,
    },
}

/// A running node. Dropping it kills its processes; its object stays.
pub struct Node {
    context: Arc<Context>,
    tasks: JoinSet<()>,
    _address: Address,
}

impl Node {
    /// Registers the node and starts to run its pods.
    ///
    /// # Errors
    /// When the API server refuses it or doesn't become ready, or its folder can't be made.
    pub async fn start(client: Client, config: NodeConfig) -> Result<Self, NodeError> {
        let logs = config.work_dir.join("logs");
        std::fs::create_dir_all(&logs).map_err(|error| NodeError::Folder { path: logs, error })?;
        let (network, prefix) = config.pod_cidr;
        let addresses = Addresses::new(network, prefix);
        let address = addresses.take().ok_or(NodeError::NoAddress)?;
        let cluster = cluster_env(&client).await?;
        let context = Arc::new(Context {
            name: config.name,
            objects: Objects::new(client.clone()),
            client,
            knobs: Knobs::new(config.settings),
            addresses,
            host: address.ip().into(),
            work_dir: config.work_dir,
            cluster: RwLock::new(cluster),
            table: Default::default(),
        });
        register::create(&context, &config.labels, &format!("{network}/{prefix}"))
            .await
            .map_err(|error| NodeError::Register(Box::new(error)))?;
        let mut tasks = JoinSet::new();
        let beating = Arc::clone(&context);
        tasks.spawn(async move { register::beat(&beating, config.heartbeat).await });
        tasks.spawn(pods::follow(Arc::clone(&context)));
        Ok(Self {
            context,
            tasks,
            _address: address,
        })
    }

    /// Kills all processes and ends; the Node object stays and becomes NotReady.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.kill_all();
    }

    /// What can be changed while it runs.
    #[must_use]
    pub fn knobs(&self) -> &Knobs {
        &self.context.knobs
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.context.name
    }

    /// Its own address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.context.host
    }

    /// The id of a container's process, which is its process group's, too.
    #[must_use]
    pub fn pid(&self, namespace: &str, pod: &str, container: &str) -> Option<i32> {
        self.context.pod(namespace, pod)?.container(container).pid
    }

    /// Sends a signal to a container's process group.
    ///
    /// # Errors
    /// When it doesn't run.
    pub fn kill(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        signal: Signal,
    ) -> Result<(), NodeError> {
        let pid = self.pid(namespace, pod, container).and_then(Pid::from_raw);
        let sent = pid.is_some_and(|group| kill_process_group(group, signal).is_ok());
        sent.then_some(()).ok_or_else(|| NodeError::NotRunning {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
        })
    }

    /// What a container has written so far, over all of its runs.
    ///
    /// # Errors
    /// The file system's: it never ran.
    pub fn logs(&self, namespace: &str, pod: &str, container: &str) -> io::Result<String> {
        let bytes = std::fs::read(self.context.log(namespace, pod, container))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    fn kill_all(&self) {
        for pod in self.context.pods() {
            let containers = pod.seen().containers;
            for pid in containers.values().filter_map(|container| container.pid) {
                if let Some(group) = Pid::from_raw(pid) {
                    // An error means that it is gone already.
                    let _ = kill_process_group(group, Signal::KILL);
                }
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// What each container is told of the API server.
async fn cluster_env(client: &Client) -> Result<env::Env, NodeError> {
    let api: Api<Service> = Api::namespaced(client.clone(), "default");
    let found = async {
        loop {
            let service = api.get_opt("kubernetes").await.ok().flatten();
            let spec = service.and_then(|service| service.spec);
            let port = spec
                .as_ref()
                .and_then(|spec| spec.ports.as_ref()?.first())
                .map(|port| port.port);
            let ip = spec.and_then(|spec| spec.cluster_ip);
            if let (Some(ip), Some(port)) = (ip, port) {
                return (ip, port.to_string());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let (ip, port) = tokio::time::timeout(PATIENCE, found)
        .await
        .map_err(|_| NodeError::NoCluster)?;
    Ok(env::Env::from([
        ("KUBERNETES_SERVICE_HOST".to_owned(), ip),
        ("KUBERNETES_SERVICE_PORT".to_owned(), port.clone()),
        ("KUBERNETES_SERVICE_PORT_HTTPS".to_owned(), port),
    ]))
}
