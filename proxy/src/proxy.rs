//! A running proxy: its start, its state for others to see, its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rouse_api::link::{Fronts, ToScaler};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::config::ProxyConfig;
use crate::front;
use crate::link::{self, LinkEnds};
use crate::listener::{self, Door, Entrance};
use crate::metrics::Metrics;
use crate::shared::Shared;
use crate::workload::WorkloadStatus;

/// For what is cut at the deadline to end.
const CUT: Duration = Duration::from_secs(2);

/// For the word that it leaves to find room in the queue.
const LEAVE: Duration = Duration::from_secs(1);

/// Why a proxy can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address can't be listened on.
    #[error("can't listen on {address}: {source}; choose another with --listen")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A running proxy. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct Proxy {
    shared: Arc<Shared>,
    addresses: Arc<[SocketAddr]>,
    leaving: CancellationToken,
    closed: CancellationToken,
    background: Arc<Background>,
    to_scaler: mpsc::Sender<ToScaler>,
}

#[derive(Debug)]
struct Background(Vec<tokio::task::AbortHandle>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

/// A proxy in `/status`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyStatus {
    /// Whether it should be sent requests.
    pub ready: bool,
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// The ports that it listens on for one workload each.
    pub fronts: Fronts,
    /// The workloads it routes to.
    pub workloads: Vec<WorkloadStatus>,
}

impl Proxy {
    /// Binds the addresses and begins to serve. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// When an address can't be listened on; nothing is left running then.
    pub async fn start(
        config: ProxyConfig,
        link: LinkEnds,
        registry: &mut Registry,
    ) -> Result<Self, StartError> {
        let bind = |address: &SocketAddr| {
            listener::bind(*address).map_err(|source| StartError::Bind {
                address: *address,
                source,
            })
        };
        let doors = [
            (Door::Routed, &config.listen),
            (Door::ByHeader, &config.by_header.listen),
            (Door::Announced, &config.proxy_protocol.listen),
        ];
        let wanted: Vec<_> = doors
            .into_iter()
            .flat_map(|(door, addresses)| {
                addresses
                    .iter()
                    .map(move |address| (door.clone(), *address))
            })
            .collect();
        let listeners = wanted
            .iter()
            .map(|(_, address)| bind(address))
            .collect::<Result<Vec<_>, _>>()?;
        let address = |listener: &tokio::net::TcpListener, wanted: &SocketAddr| {
            listener.local_addr().unwrap_or(*wanted)
        };
        let addresses = listeners
            .iter()
            .zip(&wanted)
            .map(|(listener, (_, wanted))| address(listener, wanted))
            .collect();
        let room = Arc::new(Semaphore::new(
            config.limits.connections.min(Semaphore::MAX_PERMITS),
        ));
        // A workload is in it or with the receiver at most once: bounded by the workloads.
        let (pacer, to_pace) = mpsc::unbounded_channel();
        let (reporter, to_report) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(
            config,
            Metrics::register(registry),
            link.to_scaler.clone(),
            pacer,
            reporter,
        ));
        let closed = CancellationToken::new();
        for (listener, (door, _)) in listeners.into_iter().zip(wanted) {
            let entrance = Entrance {
                door,
                draining: shared.draining.clone(),
                stop: closed.clone(),
            };
            let (shared, room) = (shared.clone(), room.clone());
            tokio::spawn(listener::accept(listener, entrance, shared, room));
        }
        let background = vec![
            tokio::spawn(link::listen(
                shared.clone(),
                link.from_scaler,
                link.to_scaler.clone(),
            ))
            .abort_handle(),
            tokio::spawn(link::report(
                shared.clone(),
                link.to_scaler.clone(),
                to_report,
            ))
            .abort_handle(),
            tokio::spawn(link::pace(to_pace)).abort_handle(),
            tokio::spawn(front::tend(
                shared.clone(),
                room,
                closed.clone(),
                link.to_scaler.clone(),
            ))
            .abort_handle(),
        ];
        Ok(Self {
            shared,
            addresses,
            leaving: CancellationToken::new(),
            closed,
            background: Arc::new(Background(background)),
            to_scaler: link.to_scaler,
        })
    }

    /// Where it listens, with the ports that were really bound: [`ProxyConfig::listen`], then [`ByHeader::listen`](crate::ByHeader::listen).
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether it should be sent requests: it knows its routes and what a scaler told when it began, and is not leaving.
    #[must_use]
    pub fn ready(&self) -> bool {
        !self.leaving.is_cancelled() && self.shared.ready()
    }

    /// What it knows and does.
    #[must_use]
    pub fn status(&self) -> ProxyStatus {
        let table = self.shared.table.load();
        ProxyStatus {
            ready: self.ready(),
            listen: self.addresses.to_vec(),
            fronts: (*self.shared.fronts.open()).clone(),
            workloads: table
                .iter()
                .flat_map(|table| &table.workloads)
                .map(|workload| workload.status())
                .collect(),
        }
    }

    /// Stops: not ready, still accepting for the drain's delay, then finishing what is in flight, then cutting what is left at the
    /// drain's timeout. Demand is reported to the end, and then that it leaves.
    pub async fn shutdown(&self) {
        let drain = self.shared.config.drain;
        self.leaving.cancel();
        tokio::time::sleep(drain.delay).await;
        self.closed.cancel();
        self.shared.draining.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(drain.timeout, self.shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.shared.tasks.len(),
                "cutting what has not ended within the drain timeout"
            );
            self.abort();
            // What hangs even now is left behind: the process ends.
            let _ = tokio::time::timeout(CUT, self.shared.tasks.wait()).await;
        }
        self.background
            .0
            .iter()
            .for_each(tokio::task::AbortHandle::abort);
        self.shared.killed.cancel();
        if self.shared.tasks.is_empty() {
            // Unheard, its death is found out in another way.
            let _ = self.to_scaler.send_timeout(ToScaler::Leaving, LEAVE).await;
        }
    }

    /// Cuts everything at once.
    pub fn abort(&self) {
        self.leaving.cancel();
        self.closed.cancel();
        self.shared.draining.cancel();
        self.shared.killed.cancel();
    }
}
