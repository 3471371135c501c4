use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use kube::Client;
use parking_lot::{Mutex, RwLock};

use super::address::Addresses;
use super::env::Env;
use super::knobs::Knobs;
use super::objects::Objects;
use super::state::PodState;

/// What all parts of a node share.
pub(crate) struct Context {
    pub(crate) name: String,
    pub(crate) client: Client,
    pub(crate) knobs: Knobs,
    pub(crate) objects: Objects,
    pub(crate) addresses: Addresses,
    /// The node's own address.
    pub(crate) host: IpAddr,
    pub(crate) work_dir: PathBuf,
    /// What every container is told of the cluster.
    pub(crate) cluster: RwLock<Env>,
    /// The pods by namespace and name; a later one of the same name replaces an earlier.
    pub(crate) table: Mutex<BTreeMap<(String, String), Arc<PodState>>>,
}

impl Context {
    pub(crate) fn base_env(&self) -> Env {
        self.cluster.read().clone()
    }

    /// Where a container's output goes.
    pub(crate) fn log(&self, namespace: &str, pod: &str, container: &str) -> PathBuf {
        self.work_dir
            .join("logs")
            .join(format!("{namespace}_{pod}_{container}.log"))
    }

    /// A pod's own folder.
    pub(crate) fn pod_dir(&self, uid: &str) -> PathBuf {
        self.work_dir.join("pods").join(uid)
    }

    pub(crate) fn pod(&self, namespace: &str, name: &str) -> Option<Arc<PodState>> {
        let key = (namespace.to_owned(), name.to_owned());
        self.table.lock().get(&key).cloned()
    }

    pub(crate) fn pods(&self) -> Vec<Arc<PodState>> {
        self.table.lock().values().cloned().collect()
    }

    pub(crate) fn remember(&self, state: &Arc<PodState>) {
        let key = (state.namespace.clone(), state.name.clone());
        self.table.lock().insert(key, Arc::clone(state));
    }

    pub(crate) fn forget(&self, state: &PodState) {
        let key = (state.namespace.clone(), state.name.clone());
        let mut table = self.table.lock();
        if table.get(&key).is_some_and(|found| found.uid == state.uid) {
            table.remove(&key);
        }
    }
}
