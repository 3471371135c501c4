//! Which addresses there are: one connection each.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connection;
use super::run::{News, Shared};

/// Scalers at once; further addresses are not tried.
const MOST: usize = 64;

/// Resolves the names again and again, and keeps a connection to each of their addresses, until the proxy leaves and each has ended.
pub(super) async fn keep(shared: Arc<Shared>, news: mpsc::Sender<News>) {
    let mut known = Known::default();
    let timing = &shared.config.timing;
    let mut due = Instant::now();
    while !shared.leaving.is_cancelled() {
        // A connection that has broken may be to an address that has moved: that is found out soon.
        if due <= Instant::now() || !shared.mux.lock().connected() {
            due = Instant::now() + timing.resolve_connected;
            let found = resolve(&shared).await;
            known.update(&shared, &news, &found);
        }
        tokio::select! {
            () = shared.leaving.cancelled() => {}
            () = sleep(timing.resolve_unconnected) => {}
            // One that its name no longer has, and that has ended.
            Some(Ok(address)) = known.tasks.join_next() => {
                known.gone.remove(&address);
                shared.mux.lock().remove(address);
            }
        }
    }
    while known.tasks.join_next().await.is_some() {}
}

#[derive(Default)]
struct Known {
    /// Cancelled when the name no longer has it.
    gone: HashMap<SocketAddr, CancellationToken>,
    by_name: HashMap<String, BTreeSet<SocketAddr>>,
    tasks: JoinSet<SocketAddr>,
}

impl Known {
    fn update(
        &mut self,
        shared: &Arc<Shared>,
        news: &mpsc::Sender<News>,
        found: &[(String, BTreeSet<SocketAddr>)],
    ) {
        for (name, addresses) in found {
            self.by_name.insert(name.clone(), addresses.clone());
        }
        let wanted: BTreeSet<_> = self.by_name.values().flatten().copied().collect();
        for (address, gone) in &self.gone {
            if !wanted.contains(address) {
                gone.cancel();
            }
        }
        for address in wanted {
            // One that had gone and is back is taken again once its task has ended.
            if self.gone.contains_key(&address) || self.gone.len() >= MOST {
                continue;
            }
            let gone = CancellationToken::new();
            self.gone.insert(address, gone.clone());
            shared.mux.lock().add(address, Instant::now());
            let (shared, news) = (shared.clone(), news.clone());
            self.tasks.spawn(async move {
                connection::keep(&shared, address, &news, &gone).await;
                address
            });
        }
    }
}

/// Every name that has an answer; of the others the last one stays.
async fn resolve(shared: &Shared) -> Vec<(String, BTreeSet<SocketAddr>)> {
    let mut found = Vec::new();
    for name in &shared.config.scalers {
        let lookup = tokio::net::lookup_host(name.as_str());
        match timeout(shared.config.timing.resolve, lookup).await {
            Ok(Ok(addresses)) => found.push((name.clone(), addresses.collect())),
            Ok(Err(error)) => tracing::warn!(name, %error, "can't resolve a scaler's name"),
            Err(_) => tracing::warn!(name, "a scaler's name is not resolved in time"),
        }
    }
    found
}
