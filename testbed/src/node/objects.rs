//! The Secrets and ConfigMaps that pods refer to, each watched once.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::Api;
use kube::runtime::watcher::watch_object;
use kube::{Client, Resource};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Entries kept for later pods when no pod uses them.
const KEPT: usize = 256;
/// How long the first look at an object may take.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// Between attempts of a watch that failed.
const RETRY: Duration = Duration::from_millis(500);

/// Kinds of objects with data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

/// One object in the pod's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl fmt::Display for Key {
    /// As kubelet's messages name them: `secret "name"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::ConfigMap => "configmap",
            Kind::Secret => "secret",
        };
        write!(f, "{kind} {:?}", self.name)
    }
}

/// An object's keys and values.
pub(crate) type Data = BTreeMap<String, Vec<u8>>;

/// What is known of an object.
#[derive(Debug, Clone)]
enum Seen {
    Nothing,
    Absent,
    Present(Arc<Data>),
}

/// A watched object; the watch ends with the last handle.
#[derive(Debug)]
pub(crate) struct Object {
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Object {
    /// The data now, after the first look; `None` if there is no such object, or it can't be seen.
    pub(crate) async fn data(&self) -> Option<Arc<Data>> {
        let mut seen = self.seen.clone();
        let looked = seen.wait_for(|seen| !matches!(seen, Seen::Nothing));
        match tokio::time::timeout(FIRST_LOOK, looked).await {
            Ok(Ok(seen)) => match &*seen {
                Seen::Present(data) => Some(Arc::clone(data)),
                Seen::Nothing | Seen::Absent => None,
            },
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// Tells of changes from now on.
    pub(crate) fn changes(&self) -> Changes {
        let mut seen = self.seen.clone();
        seen.mark_unchanged();
        Changes(seen)
    }
}

/// Changes of one object.
pub(crate) struct Changes(watch::Receiver<Seen>);

impl Changes {
    /// Returns once the object has changed since the last call.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All watched objects of a node.
#[derive(Clone)]
pub(crate) struct Objects {
    client: Client,
    entries: Arc<Mutex<HashMap<Key, Arc<Object>>>>,
}

impl Objects {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            entries: Arc::default(),
        }
    }

    /// Watches the object from now on, unless it is watched already.
    pub(crate) fn get(&self, key: &Key) -> Arc<Object> {
        let mut entries = self.entries.lock();
        if let Some(object) = entries.get(key) {
            return Arc::clone(object);
        }
        if entries.len() >= KEPT {
            entries.retain(|_, object| Arc::strong_count(object) > 1);
        }
        let object = Arc::new(self.watch(key));
        entries.insert(key.clone(), Arc::clone(&object));
        object
    }

    fn watch(&self, key: &Key) -> Object {
        let (sender, seen) = watch::channel(Seen::Nothing);
        let client = self.client.clone();
        let Key {
            kind,
            namespace,
            name,
        } = key.clone();
        let task = match kind {
            Kind::ConfigMap => tokio::spawn(follow::<ConfigMap>(
                Api::namespaced(client, &namespace),
                name,
                sender,
                config_map,
            )),
            Kind::Secret => tokio::spawn(follow::<Secret>(
                Api::namespaced(client, &namespace),
                name,
                sender,
                secret,
            )),
        };
        Object { seen, task }
    }
}

async fn follow<K>(api: Api<K>, name: String, seen: watch::Sender<Seen>, data: fn(K) -> Data)
where
    K: Resource<Scope = NamespaceResourceScope>
        + Clone
        + fmt::Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let mut events = std::pin::pin!(watch_object(api, &name));
    while let Some(event) = events.next().await {
        match event {
            Ok(Some(object)) => drop(seen.send_replace(Seen::Present(Arc::new(data(object))))),
            Ok(None) => drop(seen.send_replace(Seen::Absent)),
            Err(error) => {
                tracing::debug!(%error, name, "watch failed; trying again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn config_map(object: ConfigMap) -> Data {
    let text = object.data.into_iter().flatten();
    let binary = object.binary_data.into_iter().flatten();
    text.map(|(name, value)| (name, value.into_bytes()))
        .chain(binary.map(|(name, value)| (name, value.0)))
        .collect()
}

fn secret(object: Secret) -> Data {
    let data = object.data.into_iter().flatten();
    data.map(|(name, value)| (name, value.0)).collect()
}
