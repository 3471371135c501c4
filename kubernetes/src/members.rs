//! Which proxies' Pods are alive: the only proof, beside a proxy's own word, that one that is silent is dead.

mod index;
mod pods;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::{mpsc, watch};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

pub use index::MemberIndex;
use pods::Pods;
pub use pods::{ProxyPod, ProxyPods};

/// Sets that wait for the reader; beyond them the watch waits, and the API server keeps what follows.
const BACKLOG: usize = 64;

/// Between two times that the same is said.
const AGAIN: Duration = Duration::from_mins(1);

/// What is known of the proxies' Pods; `None`: they have not all been listed.
pub type KnownPods = watch::Receiver<Option<Arc<ProxyPods>>>;

/// Which Pods are proxies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembersConfig {
    /// Their namespace.
    pub namespace: String,
    /// Their labels, e.g. `app.kubernetes.io/name=rouse-proxy`.
    pub selector: String,
    /// The container that the proxy is. A Pod without one of this name is alive while any of its containers runs.
    pub container: String,
}

/// Watches the proxies' Pods until `stop`. Each message is the set of UIDs of all that are alive, whole.
///
/// The first comes once all Pods have been listed. Of a container that restarted two sets tell, one without its Pod and one with it
/// again, also if nothing was seen in between. Every set must be heeded in order: none is left out. The last is said again every minute,
/// for those whose whole life was missed; while Pods can't be watched nothing is said, and it stands. Beside it: what is known of each
/// Pod, once all have been listed.
#[must_use]
pub fn run(
    client: Client,
    config: MembersConfig,
    stop: CancellationToken,
) -> (mpsc::Receiver<BTreeSet<Arc<str>>>, KnownPods) {
    let (sets, receiver) = mpsc::channel(BACKLOG);
    let (told, known) = watch::channel(None);
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = follow(client, config, sets, told) => {}
        }
    });
    (receiver, known)
}

async fn follow(
    client: Client,
    config: MembersConfig,
    sets: mpsc::Sender<BTreeSet<Arc<str>>>,
    told: watch::Sender<Option<Arc<ProxyPods>>>,
) {
    let pods: Api<Pod> = Api::namespaced(client, &config.namespace);
    let selection = watcher::Config::default().labels(&config.selector);
    let mut events = std::pin::pin!(watcher(pods, selection).default_backoff());
    let mut index = MemberIndex::new(&config.container);
    let mut pods_known = Pods::default();
    let mut again = interval(AGAIN);
    let mut watching = false;
    loop {
        let said = tokio::select! {
            event = events.next() => match event {
                None => return,
                Some(Ok(event)) => {
                    watching = true;
                    if let Some(pods) = pods_known.take(&event) {
                        told.send_if_modified(|known| tell(known, pods));
                    }
                    index.take(event)
                }
                Some(Err(error)) => {
                    watching = false;
                    tracing::warn!(%error, "the proxies' Pods can't be watched");
                    continue;
                }
            },
            _ = again.tick() => index.known().filter(|_| watching).into_iter().collect(),
        };
        for set in said {
            if sets.send(set).await.is_err() {
                return;
            }
        }
    }
}

/// Whether they are others than were known.
fn tell(known: &mut Option<Arc<ProxyPods>>, pods: &ProxyPods) -> bool {
    let news = known.as_deref() != Some(pods);
    if news {
        *known = Some(Arc::new(pods.clone()));
    }
    news
}
