//! A service proxy in user space: what kube-proxy does with packets is done with connections. TCP only.

mod forward;
pub(crate) mod table;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use self::forward::Listener;
use self::table::{Key, ServiceEntry, SliceEntry, Table};

/// Between two tries when the API server does not answer: it may be a test that took it away.
const AGAIN: Duration = Duration::from_millis(200);

/// Runs until dropped.
#[derive(Debug)]
pub(crate) struct Services {
    table: Arc<RwLock<Table>>,
    synced: watch::Receiver<bool>,
    _task: AbortOnDropHandle<()>,
}

impl Services {
    pub(crate) fn start(client: &Client) -> Self {
        let table = Arc::new(RwLock::new(Table::default()));
        let (told, synced) = watch::channel(false);
        let task = run(client.clone(), Arc::clone(&table), told);
        Self {
            table,
            synced,
            _task: AbortOnDropHandle::new(tokio::spawn(task)),
        }
    }

    /// What is known of the Services; others look names up in it.
    pub(crate) fn table(&self) -> Arc<RwLock<Table>> {
        Arc::clone(&self.table)
    }

    /// Until every Service that stood at the start is listened for.
    pub(crate) async fn synced(&self) {
        let _ = self.synced.clone().wait_for(|synced| *synced).await;
    }
}

async fn run(client: Client, table: Arc<RwLock<Table>>, told: watch::Sender<bool>) {
    let all = watcher::Config::default;
    let mut services = pin!(steady(watcher(Api::<Service>::all(client.clone()), all())));
    let mut slices = pin!(steady(watcher(Api::<EndpointSlice>::all(client), all())));
    let (mut new_services, mut new_slices) = (HashMap::new(), HashMap::new());
    let mut missing = (true, true);
    let mut proxy = Proxy::default();
    loop {
        let changed = tokio::select! {
            Some(event) = services.next() => {
                missing.0 &= !matches!(event, Event::InitDone);
                service_event(event, &mut table.write(), &mut new_services)
            }
            Some(event) = slices.next() => {
                missing.1 &= !matches!(event, Event::InitDone);
                slice_event(event, &mut table.write(), &mut new_slices)
            }
            else => return,
        };
        for service in changed {
            let wanted = table.read().frontends(&service);
            proxy.set(&service, wanted);
        }
        if missing == (false, false) {
            told.send_if_modified(|synced| !std::mem::replace(synced, true));
        }
    }
}

/// Without its errors: the watcher mends itself when it is asked again.
fn steady<T>(
    events: impl Stream<Item = Result<Event<T>, watcher::Error>>,
) -> impl Stream<Item = Event<T>> {
    events.filter_map(async |event| match event {
        Ok(event) => Some(event),
        Err(error) => {
            tracing::debug!("service proxy: {error}");
            sleep(AGAIN).await;
            None
        }
    })
}

/// The Services that may have changed by it.
fn service_event(
    event: Event<Service>,
    table: &mut Table,
    new: &mut HashMap<Key, ServiceEntry>,
) -> Vec<Key> {
    match event {
        Event::Apply(service) => match ServiceEntry::read(&service) {
            Some((key, entry)) => table.set_service(key, entry),
            None => Vec::new(),
        },
        Event::Delete(service) => table.remove_service(&Key::of(&service)),
        Event::Init => {
            new.clear();
            Vec::new()
        }
        Event::InitApply(service) => {
            new.extend(ServiceEntry::read(&service));
            Vec::new()
        }
        Event::InitDone => table.set_services(std::mem::take(new)),
    }
}

/// The Services that may have changed by it.
fn slice_event(
    event: Event<EndpointSlice>,
    table: &mut Table,
    new: &mut HashMap<Key, SliceEntry>,
) -> Vec<Key> {
    match event {
        Event::Apply(slice) => match SliceEntry::read(&slice) {
            Some((key, entry)) => table.set_slice(key, entry),
            None => table.remove_slice(&Key::of(&slice)),
        },
        Event::Delete(slice) => table.remove_slice(&Key::of(&slice)),
        Event::Init => {
            new.clear();
            Vec::new()
        }
        Event::InitApply(slice) => {
            new.extend(SliceEntry::read(&slice));
            Vec::new()
        }
        Event::InitDone => table.set_slices(std::mem::take(new)),
    }
}

/// The listeners, by Service.
#[derive(Default)]
struct Proxy {
    listeners: HashMap<Key, BTreeMap<SocketAddr, Listener>>,
}

/// An address to listen on, and those to forward to.
pub(crate) type Frontends = BTreeMap<(Ipv4Addr, u16), Vec<SocketAddr>>;

impl Proxy {
    /// A port without any endpoint is not listened on: connections to it are refused, as kube-proxy has it.
    fn set(&mut self, service: &Key, wanted: Frontends) {
        let listeners = self.listeners.entry(service.clone()).or_default();
        let mut old = std::mem::take(listeners);
        for (address, backends) in wanted {
            let address = SocketAddr::from(address);
            if backends.is_empty() {
                continue;
            }
            let listener = match old.remove(&address) {
                Some(listener) => {
                    listener.set(backends);
                    listener
                }
                None => match Listener::open(address, backends) {
                    Ok(listener) => listener,
                    Err(error) => {
                        tracing::error!("service proxy: {address} of {service}: {error}");
                        continue;
                    }
                },
            };
            listeners.insert(address, listener);
        }
        if listeners.is_empty() {
            self.listeners.remove(service);
        }
    }
}
