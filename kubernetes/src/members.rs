//! Which proxies' Pods are alive: the only proof, beside a proxy's own word, that one that is silent is dead.

mod index;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use index::MemberIndex;

/// Sets that wait for the reader; beyond them the watch waits, and the API server keeps what follows.
const BACKLOG: usize = 64;

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
/// again, also if nothing was seen in between. Every set must be heeded in order: none is left out. While Pods can't be watched nothing
/// is said, and the last set stands.
#[must_use]
pub fn run(
    client: Client,
    config: MembersConfig,
    stop: CancellationToken,
) -> mpsc::Receiver<BTreeSet<Arc<str>>> {
    let (sets, receiver) = mpsc::channel(BACKLOG);
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = follow(client, config, sets) => {}
        }
    });
    receiver
}

async fn follow(client: Client, config: MembersConfig, sets: mpsc::Sender<BTreeSet<Arc<str>>>) {
    let pods: Api<Pod> = Api::namespaced(client, &config.namespace);
    let selection = watcher::Config::default().labels(&config.selector);
    let mut events = std::pin::pin!(watcher(pods, selection).default_backoff());
    let mut index = MemberIndex::new(&config.container);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                for set in index.take(event) {
                    if sets.send(set).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the proxies' Pods can't be watched"),
        }
    }
}
