use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rouse_api::link::{
    EndpointId, EndpointState, Epoch, Failure, ToScaler, WorkloadReport, WorkloadState,
};
use rouse_api::workload::{Http, ProbeAction, WorkloadId};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::core::{Admission, Core, Ticket};
use super::permit::{Permit, Wait};
use crate::endpoint::Endpoint;
use crate::metrics::WorkloadMetrics;
use crate::retry::RetryBudget;
use crate::shared::Bound;

/// Between two probes of an endpoint that was set aside: first, and at most.
const ASIDE_FIRST: Duration = Duration::from_millis(10);
const ASIDE_SLOWEST: Duration = Duration::from_secs(5);

/// Why a request gets no endpoint.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// As many are held as may be.
    Full,
    /// No replica can come up.
    Failed(Arc<Failure>),
    /// The workload is no more.
    Removed,
}

/// At once, or in line.
#[derive(Debug)]
pub(crate) enum Admitted {
    Now(Permit),
    Held(Wait),
}

/// One workload, shared by all its requests.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) id: WorkloadId,
    pub(crate) http: ArcSwap<Http>,
    pub(crate) metrics: WorkloadMetrics,
    pub(crate) retries: RetryBudget,
    /// Body bytes of held requests.
    pub(crate) held_bytes: Arc<Bound>,
    core: Mutex<Core>,
    to_scaler: mpsc::Sender<ToScaler>,
    /// Where the pacer learns of workloads with something held.
    pacer: mpsc::UnboundedSender<Arc<Workload>>,
}

/// A workload in `/status`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// `namespace/name`.
    pub workload: WorkloadId,
    /// Requests sent to an endpoint and not ended.
    pub in_flight: u32,
    /// Requests that wait.
    pub held: usize,
    /// Whether the proxy holds back because the workload is about to sleep.
    pub quiesced: bool,
    /// The replicas it knows.
    pub endpoints: Vec<EndpointStatus>,
}

/// An endpoint in `/status`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// The replica's name.
    pub id: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// `starting`, `ready` or `draining`; `aside` while it fails.
    pub state: &'static str,
    /// Requests in flight there.
    pub in_flight: u32,
}

impl Workload {
    pub(crate) fn new(
        id: WorkloadId,
        http: Arc<Http>,
        connections: u32,
        metrics: WorkloadMetrics,
        to_scaler: mpsc::Sender<ToScaler>,
        pacer: mpsc::UnboundedSender<Arc<Workload>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            core: Mutex::new(Core::new(id.clone(), &http, connections, now)),
            id,
            held_bytes: Arc::new(Bound::new(bytes(&http))),
            http: ArcSwap::new(http),
            metrics,
            retries: RetryBudget::new(now),
            to_scaler,
            pacer,
        }
    }

    pub(crate) fn configure(&self, http: Arc<Http>, connections: u32) {
        self.held_bytes.set(bytes(&http));
        self.core
            .lock()
            .configure(&http, connections, Instant::now());
        self.http.store(http);
    }

    /// Once per request.
    pub(crate) fn arrive(&self) -> Ticket {
        self.core.lock().arrive(Instant::now())
    }

    /// A permit at once, or a place in the line.
    pub(crate) fn admit(
        self: &Arc<Self>,
        ticket: Ticket,
        avoid: Option<&EndpointId>,
    ) -> Result<Admitted, Refusal> {
        let now = Instant::now();
        let mut core = self.core.lock();
        match core.admit(ticket, avoid, now) {
            Admission::Go(grant) => {
                drop(core);
                Ok(Admitted::Now(Permit::new(self.clone(), grant)))
            }
            Admission::Wait(verdict) => {
                let first = core.begin_pace();
                let wake = core.wake_due(now);
                drop(core);
                self.send(wake.map(ToScaler::Wake));
                if first {
                    // The receiver lives as long as the proxy; after it there is nobody to pace for.
                    let _ = self.pacer.send(self.clone());
                }
                Ok(Admitted::Held(Wait::new(self.clone(), ticket, verdict)))
            }
            Admission::Full => Err(Refusal::Full),
            Admission::Removed => Err(Refusal::Removed),
            Admission::Failed(failure) => {
                let wake = core.wake_refused(now);
                drop(core);
                self.send(wake.map(ToScaler::Wake));
                Err(Refusal::Failed(failure))
            }
        }
    }

    /// To the scaler, if there is room: every message is repeated as long as its cause lasts.
    fn send(&self, message: Option<ToScaler>) {
        if let Some(message) = message {
            let _ = self.to_scaler.try_send(message);
        }
    }

    fn drained(&self, endpoints: impl IntoIterator<Item = EndpointId>) {
        for endpoint in endpoints {
            self.send(Some(ToScaler::Drained {
                workload: self.id.clone(),
                endpoint,
            }));
        }
    }

    pub(super) fn leave(&self, ticket: Ticket, now: Instant) -> bool {
        self.core.lock().leave(ticket, now)
    }

    pub(super) fn release(&self, slot: usize) {
        let drained = self.core.lock().release(slot, Instant::now());
        self.drained(drained);
    }

    pub(super) fn head(&self, slot: usize) {
        self.core.lock().head(slot, Instant::now());
    }

    pub(super) fn failed(self: &Arc<Self>, slot: usize, endpoint: &Arc<Endpoint>, connect: bool) {
        if self.core.lock().fail(slot, connect) {
            tracing::warn!(workload = %self.id, endpoint = %endpoint.address, "endpoint set aside");
            tokio::spawn(probe_until_back(
                Arc::downgrade(self),
                endpoint.id.clone(),
                endpoint.address,
            ));
        }
    }

    /// Takes the replicas as the scaler tells them.
    pub(crate) fn apply(&self, state: &WorkloadState) {
        let drained = self.core.lock().apply(state, Instant::now());
        self.drained(drained);
    }

    pub(crate) fn quiesce(&self, epoch: Epoch, idle_for: Duration) -> ToScaler {
        let workload = self.id.clone();
        if self.core.lock().quiesce(epoch, idle_for, Instant::now()) {
            ToScaler::Quiesced { workload, epoch }
        } else {
            ToScaler::Busy { workload, epoch }
        }
    }

    pub(crate) fn resume(&self, epoch: Epoch) {
        self.core.lock().resume(epoch, Instant::now());
    }

    pub(crate) fn asleep(&self, epoch: Epoch) {
        self.core.lock().asleep(epoch);
    }

    pub(crate) fn remove(&self) {
        self.core.lock().remove(Instant::now());
    }

    /// The regular look at a workload with something held. False: nothing is held any more.
    pub(crate) fn pace(&self) -> bool {
        let (wake, held) = self.core.lock().pace(Instant::now());
        self.send(wake.map(ToScaler::Wake));
        held
    }

    /// Demand since the last report; drained endpoints are told again.
    pub(crate) fn report(&self) -> WorkloadReport {
        let (report, drained) = {
            let mut core = self.core.lock();
            (core.report(Instant::now()), core.drained())
        };
        self.drained(drained);
        report
    }

    /// Closes connections that have been idle for too long.
    pub(crate) fn sweep(&self, idle: Duration, now: Instant) {
        for (endpoint, ..) in self.core.lock().endpoints() {
            endpoint.pool.sweep(idle, now);
        }
    }

    /// In flight and held, for the gauges.
    pub(crate) fn load(&self) -> (u32, usize) {
        let core = self.core.lock();
        (core.in_flight(), core.held())
    }

    pub(crate) fn status(&self) -> WorkloadStatus {
        let core = self.core.lock();
        let state = |state, aside| match state {
            _ if aside => "aside",
            EndpointState::Starting => "starting",
            EndpointState::Ready => "ready",
            EndpointState::Draining => "draining",
        };
        WorkloadStatus {
            workload: self.id.clone(),
            in_flight: core.in_flight(),
            held: core.held(),
            quiesced: core.is_quiesced(),
            endpoints: core
                .endpoints()
                .map(|(endpoint, told, in_flight, aside)| EndpointStatus {
                    id: endpoint.id.0.to_string(),
                    address: endpoint.address,
                    state: state(told, aside),
                    in_flight,
                })
                .collect(),
        }
    }
}

fn bytes(http: &Http) -> usize {
    usize::try_from(http.hold.max_bytes).unwrap_or(usize::MAX)
}

/// Tries an endpoint that was set aside until its port accepts again, or it has gone.
async fn probe_until_back(workload: Weak<Workload>, id: EndpointId, address: SocketAddr) {
    let mut pause = ASIDE_FIRST;
    let action = ProbeAction::TcpSocket { port: None };
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(ASIDE_SLOWEST);
        let Some(timeout) = workload
            .upgrade()
            .filter(|workload| workload.core.lock().knows(&id))
            .map(|w| w.http.load().timeouts.connect)
        else {
            return;
        };
        let answer = rouse_probe::attempt(
            &action,
            address,
            &std::collections::BTreeMap::new(),
            None,
            timeout,
        )
        .await;
        if answer.is_ok()
            && let Some(workload) = workload.upgrade()
        {
            tracing::info!(workload = %workload.id, endpoint = %address, "endpoint answers again");
            workload.core.lock().back(&id, Instant::now());
            return;
        }
    }
}
