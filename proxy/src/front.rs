//! Fronts: listeners that open and close as the routes say. What comes in on one is a certain workload's, whatever its host.

mod doors;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rouse_api::link::{Fronts, Routes, ToScaler};
use rouse_api::workload::WorkloadId;
use tokio::net::TcpListener;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::listener::{self, Door, Entrance};
use crate::shared::Shared;
use doors::{Doors, Step};

/// For a word to the scalers to find room in the queue, and between two tries.
const SAY: Duration = Duration::from_secs(1);

/// What is wanted and what is open.
#[derive(Debug, Default)]
pub(crate) struct FrontState {
    wanted: watch::Sender<Fronts>,
    open: Mutex<Arc<Fronts>>,
    /// Somebody new listens: what is open is to be said.
    say: Notify,
}

impl FrontState {
    /// Takes the ports of new routes.
    pub(crate) fn route(&self, routes: &Routes) {
        let listen = |one: &rouse_api::link::RoutedWorkload| {
            let port = one.http.front.as_ref()?.listen?;
            Some((one.id.clone(), port))
        };
        let wanted: Fronts = routes.workloads.iter().filter_map(listen).collect();
        self.wanted.send_if_modified(|old| {
            let news = *old != wanted;
            *old = wanted;
            news
        });
    }

    /// What is open and wanted.
    pub(crate) fn open(&self) -> Arc<Fronts> {
        self.open.lock().clone()
    }

    /// The scalers are told again what is open.
    pub(crate) fn say(&self) {
        self.say.notify_one();
    }
}

/// Opens and closes until `closed`, and says what is open.
pub(crate) async fn tend(
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    closed: CancellationToken,
    to_scaler: mpsc::Sender<ToScaler>,
) {
    let mut wanted = shared.fronts.wanted.subscribe();
    let mut keeper = Keeper {
        addresses: addresses(&shared.config.listen),
        shared: shared.clone(),
        room,
        closed: closed.clone(),
        doors: Doors::default(),
        open: BTreeMap::new(),
    };
    let mut told = Arc::new(Fronts::new());
    let mut unsaid = false;
    loop {
        let now_wanted = wanted.borrow_and_update().clone();
        keeper.tend(&now_wanted).await;
        let open = shared.fronts.open();
        if unsaid || open != told {
            unsaid = !say(&to_scaler, &open).await;
            told = open;
        }
        let again = unsaid.then(|| Instant::now() + SAY);
        let due = keeper.doors.due().into_iter().chain(again).min();
        tokio::select! {
            () = closed.cancelled() => return,
            changed = wanted.changed() => if changed.is_err() { return },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            // Where there are no fronts nobody waits for word of them.
            () = shared.fronts.say.notified() => unsaid |= !(told.is_empty() && now_wanted.is_empty()),
        }
    }
}

/// False: there was no room for it. When nobody listens any more the ports stay open all the same.
async fn say(to_scaler: &mpsc::Sender<ToScaler>, open: &Arc<Fronts>) -> bool {
    let said = to_scaler.send_timeout(ToScaler::Fronts(open.clone()), SAY);
    !matches!(said.await, Err(SendTimeoutError::Timeout(_)))
}

/// Fronts are where the proxy listens, at ports of their own.
fn addresses(listen: &[SocketAddr]) -> Vec<IpAddr> {
    let addresses: BTreeSet<IpAddr> = listen.iter().map(SocketAddr::ip).collect();
    addresses.into_iter().collect()
}

/// The listeners.
struct Keeper {
    shared: Arc<Shared>,
    addresses: Vec<IpAddr>,
    room: Arc<Semaphore>,
    closed: CancellationToken,
    doors: Doors,
    open: BTreeMap<u16, Open>,
}

/// One port's.
struct Open {
    tasks: JoinSet<()>,
    stop: CancellationToken,
    draining: CancellationToken,
}

impl Keeper {
    async fn tend(&mut self, wanted: &Fronts) {
        for step in self.doors.want(wanted, Instant::now()) {
            match step {
                Step::Close(port) => self.close(port).await,
                Step::Open(port, workload) => {
                    let bound = self.open(port, &workload);
                    self.doors.opened(port, bound, Instant::now());
                }
            }
        }
        let open = self.doors.open();
        let gauge = i64::try_from(open.len()).unwrap_or(i64::MAX);
        self.shared.metrics.fronts.set(gauge);
        let mut told = self.shared.fronts.open.lock();
        if **told != open {
            *told = Arc::new(open);
        }
    }

    fn open(&mut self, port: u16, workload: &WorkloadId) -> bool {
        let bind = |address: &IpAddr| listener::bind(SocketAddr::new(*address, port));
        let bound: std::io::Result<Vec<TcpListener>> = self.addresses.iter().map(bind).collect();
        let listeners = match bound {
            Ok(listeners) => listeners,
            Err(error) => {
                self.shared.metrics.front_failures.inc();
                tracing::warn!(%workload, port, %error, "can't listen on the port of a front: its callers are not led here");
                return false;
            }
        };
        tracing::info!(%workload, port, "a front is open");
        let (stop, draining) = (
            self.closed.child_token(),
            self.shared.draining.child_token(),
        );
        let mut tasks = JoinSet::new();
        for listener in listeners {
            let entrance = Entrance {
                door: Door::Front(workload.clone()),
                draining: draining.clone(),
                stop: stop.clone(),
            };
            let (shared, room) = (self.shared.clone(), self.room.clone());
            tasks.spawn(listener::accept(listener, entrance, shared, room));
        }
        let open = Open {
            tasks,
            stop,
            draining,
        };
        self.open.insert(port, open);
        true
    }

    /// The port is free when it returns; what is in flight there goes on.
    async fn close(&mut self, port: u16) {
        let Some(mut open) = self.open.remove(&port) else {
            return;
        };
        tracing::info!(port, "a front is closed");
        open.stop.cancel();
        open.draining.cancel();
        // They do nothing more than to see it.
        while open.tasks.join_next().await.is_some() {}
    }
}
