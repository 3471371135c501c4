//! A proxy in this process with the test as its scaler, and wires to speak to it byte by byte from both sides.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests, and each uses a part of it"
)]

mod upstream;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use rouse_api::link::{
    Endpoint, EndpointId, EndpointState, Given, Granted, Owned, Recall, Report, RoutedWorkload,
    Routes, ToProxy, ToScaler, WorkloadState,
};
use rouse_api::workload::{Hold, HostPattern, Http, Protocol, Route, Timeouts, WorkloadId};
use rouse_proxy::{LinkEnds, Proxy, ProxyConfig, WorkloadStatus};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

pub(crate) use upstream::{Steady, Upstream};
pub(crate) use wire::{Answer, Wire};

/// Ends a test that hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A running proxy and the scaler's ends of its link. Dropped: it is cut.
pub(crate) struct Gateway {
    pub(crate) proxy: Proxy,
    /// Where it takes requests.
    pub(crate) address: SocketAddr,
    to_proxy: Option<mpsc::Sender<ToProxy>>,
    heard: Arc<Mutex<Vec<ToScaler>>>,
    reports: Arc<Mutex<Vec<Report>>>,
    listener: AbortHandle,
    version: AtomicU64,
}

/// Gives all permits of what the proxy has just come to know.
async fn give_all(leader: &mpsc::Sender<ToProxy>, owned: Owned) {
    for part in owned.workloads {
        let new = part.accounts.into_iter().filter(|one| one.granted == 0);
        let given = new.map(|account| Given {
            endpoint: account.endpoint,
            number: account.number,
            granted: 1000,
            most: None,
        });
        let granted = Granted {
            workload: part.workload,
            term: owned.term,
            recall: Recall::default(),
            given: given.collect(),
        };
        let _ = leader.send(ToProxy::Permits(granted)).await;
    }
}

/// The workload of this name, for the host `NAME.test`.
pub(crate) fn routed(name: &str, tune: impl FnOnce(&mut Http)) -> RoutedWorkload {
    let mut http = Http {
        routes: vec![Route {
            hosts: vec![HostPattern::Exact(format!("{name}.test"))],
            path_prefixes: Vec::new(),
            headers: Vec::new(),
        }],
        service: None,
        readiness: rouse_api::workload::Readiness::default(),
        dial: rouse_api::workload::Dial::default(),
        tls: rouse_api::workload::Tls::default(),
        protocol: Protocol::Http1,
        concurrency_per_replica: None,
        concurrency_limit: None,
        request_rate_per_replica: None,
        hold: Hold::default(),
        timeouts: Timeouts::default(),
        rules: Vec::new(),
        wake_requires: None,
        front: None,
        while_waking: rouse_api::workload::WhileWaking::default(),
    };
    tune(&mut http);
    RoutedWorkload {
        rank: 0,
        id: id(name),
        http: Arc::new(http),
    }
}

pub(crate) fn id(name: &str) -> WorkloadId {
    WorkloadId::new("default", name)
}

impl Gateway {
    /// A proxy that knows nothing yet.
    pub(crate) async fn start(tune: impl FnOnce(&mut ProxyConfig)) -> Self {
        let mut config = ProxyConfig {
            listen: vec![([127, 0, 0, 1], 0).into()],
            report_interval: Duration::from_millis(50),
            ..ProxyConfig::default()
        };
        tune(&mut config);
        let (to_scaler, mut said) = mpsc::channel(1024);
        let (to_proxy, from_scaler) = mpsc::channel(64);
        let ends = LinkEnds {
            to_scaler,
            from_scaler,
        };
        let proxy = Proxy::start(config, ends, &mut Registry::default())
            .await
            .unwrap();
        for message in [ToProxy::Role { leads: Some(1) }, ToProxy::Synced] {
            to_proxy.send(message).await.unwrap();
        }
        let heard = Arc::new(Mutex::new(Vec::new()));
        let reports = Arc::new(Mutex::new(Vec::new()));
        let (log, told) = (heard.clone(), reports.clone());
        let leader = to_proxy.clone();
        let listener = tokio::spawn(async move {
            while let Some(message) = said.recv().await {
                match message {
                    ToScaler::Report(report) => told.lock().push(report),
                    // It is the only proxy.
                    ToScaler::Permits(owned) => give_all(&leader, owned).await,
                    message => log.lock().push(message),
                }
            }
        });
        Self {
            address: proxy.addresses()[0],
            proxy,
            to_proxy: Some(to_proxy),
            heard,
            reports,
            listener: listener.abort_handle(),
            version: AtomicU64::new(0),
        }
    }

    /// With these workloads, all of them asleep.
    pub(crate) async fn routing(
        tune: impl FnOnce(&mut ProxyConfig),
        workloads: Vec<RoutedWorkload>,
    ) -> Self {
        let gateway = Self::start(tune).await;
        gateway.route(workloads).await;
        gateway
    }

    /// With the one workload `hello`, awake with these replicas (`r0`, `r1`, ...).
    pub(crate) async fn hello(replicas: &[SocketAddr]) -> Self {
        let gateway = Self::routing(|_| {}, vec![routed("hello", |_| {})]).await;
        gateway.awake("hello", replicas).await;
        gateway
    }

    pub(crate) async fn tell(&self, message: ToProxy) {
        let link = self.to_proxy.as_ref().expect("linked");
        link.send(message).await.unwrap();
    }

    /// The scaler goes: it says and hears nothing more.
    pub(crate) fn unlink(&mut self) {
        self.to_proxy = None;
        self.listener.abort();
    }

    /// Tells the routes and waits until they are in force.
    pub(crate) async fn route(&self, workloads: Vec<RoutedWorkload>) {
        let names: Vec<_> = workloads.iter().map(|one| one.id.clone()).collect();
        let routes = Routes {
            version: self.version.fetch_add(1, Ordering::Relaxed) + 1,
            workloads,
        };
        self.tell(ToProxy::Routes(Arc::new(routes))).await;
        until("the routes are in force", || {
            let status = self.proxy.status();
            let known = status.workloads.iter().map(|one| one.workload.clone());
            status.ready && known.eq(names.iter().cloned())
        })
        .await;
    }

    /// Tells that these replicas are ready.
    pub(crate) async fn awake(&self, name: &str, replicas: &[SocketAddr]) {
        let replicas: Vec<_> = replicas
            .iter()
            .enumerate()
            .map(|(at, address)| (format!("r{at}"), *address, EndpointState::Ready))
            .collect();
        self.state(name, &replicas).await;
    }

    /// Tells a workload's replicas and waits until they are known.
    pub(crate) async fn state(&self, name: &str, replicas: &[(String, SocketAddr, EndpointState)]) {
        let endpoint = |(id, address, state): &(String, SocketAddr, EndpointState)| Endpoint {
            probe: None,
            service_account: None,
            id: EndpointId(id.as_str().into()),
            address: *address,
            state: *state,
        };
        self.tell(ToProxy::State(WorkloadState {
            endpoints: replicas.iter().map(endpoint).collect(),
            ..WorkloadState::empty(id(name))
        }))
        .await;
        let word = |state| match state {
            EndpointState::Starting => "starting",
            EndpointState::Ready => "ready",
            EndpointState::Draining => "draining",
        };
        self.status(name, "the replicas are known", |status| {
            let known = &status.endpoints;
            known.len() == replicas.len()
                && replicas.iter().all(|(id, _, state)| {
                    known
                        .iter()
                        .any(|one| one.id == *id && [word(*state), "aside"].contains(&one.state))
                })
        })
        .await;
    }

    /// Waits until it holds of a workload.
    pub(crate) async fn status(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&WorkloadStatus) -> bool,
    ) {
        until(what, || {
            let status = self.proxy.status();
            let mut all = status.workloads.iter();
            all.any(|one| one.workload == id(name) && holds(one))
        })
        .await;
    }

    /// Waits until so many are held.
    pub(crate) async fn held(&self, name: &str, count: usize) {
        self.status(name, &format!("{count} held"), |status| {
            status.held == count
        })
        .await;
    }

    /// Waits until so many are in flight.
    pub(crate) async fn in_flight(&self, name: &str, count: u32) {
        let what = format!("{count} in flight");
        self.status(name, &what, |status| status.in_flight == count)
            .await;
    }

    /// Waits until the proxy has said it (reports are left out), since the last `forget`.
    pub(crate) async fn says(&self, what: &str, is: impl Fn(&ToScaler) -> bool) {
        until(what, || self.heard.lock().iter().any(&is)).await;
    }

    /// How many of what the proxy has said since the last `forget` are such.
    pub(crate) fn said(&self, is: impl Fn(&ToScaler) -> bool) -> usize {
        self.heard.lock().iter().filter(|one| is(one)).count()
    }

    /// The reports so far.
    pub(crate) fn reports(&self) -> Vec<Report> {
        self.reports.lock().clone()
    }

    /// Waits for so many more reports, and returns these.
    pub(crate) async fn next_reports(&self, count: usize) -> Vec<Report> {
        let from = self.reports.lock().len();
        until("reports", || self.reports.lock().len() >= from + count).await;
        self.reports.lock()[from..from + count].to_vec()
    }

    pub(crate) fn forget(&self) {
        self.heard.lock().clear();
    }

    /// A new client connection.
    pub(crate) async fn wire(&self) -> Wire {
        Wire::connect(self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, request: &str) -> Answer {
        let mut wire = self.wire().await;
        wire.send(request).await;
        wire.answer().await
    }

    /// One GET on a connection of its own.
    pub(crate) async fn get(&self, name: &str) -> Answer {
        self.ask(&get(name)).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.proxy.abort();
    }
}

/// A GET for a workload, as it stands on the wire.
pub(crate) fn get(name: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: {name}.test\r\n\r\n")
}

/// A POST for a workload, as it stands on the wire.
pub(crate) fn post(name: &str, body: &str) -> String {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nhost: {name}.test\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Waits until it holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within {DEADLINE:?}: {what}");
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {DEADLINE:?}: {what}"),
    }
}
