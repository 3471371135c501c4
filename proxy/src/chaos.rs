//! For the simulation in `chaos/`: a proxy without sockets. Its workloads and the tasks of its link are the real ones; who simulates
//! polls them, brings the requests, and says what became of them.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use prometheus_client::registry::Registry;
use rouse_api::link::{Caller, EndpointId, ToProxy, ToScaler};
use rouse_api::workload::WorkloadId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::ProxyConfig;
use crate::endpoint::{self, Dial};
use crate::link;
use crate::metrics::Metrics;
use crate::shared::Shared;
use crate::workload::{Admitted, Manner, Permit, Refusal, Ticket, Trying, Wait, Workload};

/// What waits between it and its link, each way.
const QUEUE: usize = 4096;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A proxy.
pub struct Driven {
    shared: Arc<Shared>,
    to_proxy: mpsc::Sender<ToProxy>,
    from_proxy: mpsc::Receiver<ToScaler>,
    tries: mpsc::UnboundedReceiver<Trying>,
    tasks: Vec<Task>,
}

/// A request that is sent to a replica. Dropped: it has ended.
pub struct Flight {
    permit: Permit,
    /// The one chosen.
    pub endpoint: EndpointId,
    /// Where it is sent.
    pub address: SocketAddr,
    /// Whether [`address`](Self::address) is the replica's own.
    pub own: bool,
}

/// A request that is held. Dropped: its client has left.
pub struct Held(Wait);

/// What becomes of a request.
pub enum Arrived {
    /// It is sent.
    Sent(Flight),
    /// It waits.
    Held(Held),
    /// It is answered with an error.
    Refused(&'static str),
}

/// A request's place in the order of arrival.
#[derive(Clone)]
pub struct Arrival {
    workload: Arc<Workload>,
    ticket: Ticket,
}

/// Something that the proxy wants to know of a replica.
pub enum Try {
    /// Whether one that starts is ready.
    Ready(Starting),
    /// Whether one that failed accepts again.
    Back(Failed),
}

/// A replica that starts.
pub struct Starting {
    workload: Weak<Workload>,
    endpoint: Arc<endpoint::Endpoint>,
}

/// A replica that failed.
pub struct Failed {
    workload: Weak<Workload>,
    id: EndpointId,
    /// Where it is tried.
    pub address: SocketAddr,
}

impl Driven {
    /// Must be called, and polled, in a tokio runtime; its clock is that runtime's.
    #[must_use]
    pub fn new(config: ProxyConfig) -> Self {
        let (to_proxy, from_scaler) = mpsc::channel(QUEUE);
        let (to_scaler, from_proxy) = mpsc::channel(QUEUE);
        let (pacer, to_pace) = mpsc::unbounded_channel();
        let (reporter, to_report) = mpsc::unbounded_channel();
        let (aside, tries) = mpsc::unbounded_channel();
        let metrics = Metrics::register(&mut Registry::default());
        let shared = Shared::new(config, metrics, to_scaler.clone(), pacer, reporter);
        let _ = shared.prober().aside.set(aside);
        let shared = Arc::new(shared);
        let tasks: Vec<Task> = vec![
            Box::pin(link::listen(shared.clone(), from_scaler, to_scaler.clone())),
            Box::pin(link::pace(to_pace)),
            Box::pin(link::report(shared.clone(), to_scaler, to_report)),
        ];
        Self {
            shared,
            to_proxy,
            from_proxy,
            tries,
            tasks,
        }
    }

    /// The link says something. False: its queue is full.
    pub fn tell(&mut self, message: ToProxy) -> bool {
        self.to_proxy.try_send(message).is_ok()
    }

    /// Everything that can go on goes on.
    pub fn poll(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for task in &mut self.tasks {
            // They end with their channels only.
            let _ = task.as_mut().poll(&mut context);
        }
    }

    /// What it says to the link, the oldest first.
    pub fn said(&mut self) -> Option<ToScaler> {
        self.from_proxy.try_recv().ok()
    }

    /// What is to be tried from now on.
    pub fn tries(&mut self) -> Option<Try> {
        Some(match self.tries.try_recv().ok()? {
            Trying::Ready(workload, endpoint) => Try::Ready(Starting { workload, endpoint }),
            Trying::Back(workload, id, address) => Try::Back(Failed {
                workload,
                id,
                address,
            }),
        })
    }

    /// Whether it should be sent requests.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.shared.ready()
    }

    /// In flight and held.
    #[must_use]
    pub fn load(&self, id: &WorkloadId) -> (u32, usize) {
        let table = self.shared.table.load();
        let workload = table.as_ref().and_then(|table| table.workload(id));
        workload.map_or((0, 0), |workload| workload.load())
    }

    /// A request arrives. `None`: the workload isn't known.
    #[must_use]
    pub fn arrive(&self, id: &WorkloadId) -> Option<Arrival> {
        let table = self.shared.table.load();
        let workload = table.as_ref()?.workload(id)?.clone();
        let ticket = workload.arrive(Manner::DEMAND);
        Some(Arrival { workload, ticket })
    }
}

impl Arrival {
    /// Wants an endpoint, if possible not `avoid`.
    #[must_use]
    pub fn admit(&self, avoid: Option<&EndpointId>) -> Arrived {
        let admitted = self
            .workload
            .admit(self.ticket, avoid, Manner::DEMAND, Caller::default);
        match admitted {
            Ok(Admitted::Now(permit)) => Arrived::Sent(Flight::new(permit)),
            Ok(Admitted::Held(wait)) => Arrived::Held(Held(wait)),
            Err(refusal) => Arrived::Refused(word(&refusal)),
        }
    }
}

fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Full => "full",
        Refusal::Failed(_) => "failed",
        Refusal::Removed => "removed",
        Refusal::Asleep => "asleep",
    }
}

impl Held {
    /// What has become of it; `None`: it waits on.
    pub fn poll(&mut self) -> Option<Arrived> {
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.0).poll(&mut context) {
            Poll::Ready(Ok(permit)) => Some(Arrived::Sent(Flight::new(permit))),
            Poll::Ready(Err(refusal)) => Some(Arrived::Refused(word(&refusal))),
            Poll::Pending => None,
        }
    }
}

impl Flight {
    fn new(permit: Permit) -> Self {
        let endpoint = permit.endpoint();
        let (address, own) = match permit.dial() {
            Dial::Service(service) => (service, false),
            Dial::Own | Dial::Kept => (endpoint.address, true),
        };
        Self {
            endpoint: endpoint.id.clone(),
            address,
            own,
            permit,
        }
    }

    /// The answer's head has come.
    pub fn head(&self) {
        self.permit.head();
    }

    /// The replica did not take (`connect`) or did not answer it.
    pub fn failed(&self, connect: bool) {
        self.permit.failed(connect);
    }
}

impl Starting {
    /// Where it is tried.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address
    }

    /// Whether it is still to be tried.
    #[must_use]
    pub fn wanted(&self) -> bool {
        let workload = self.workload.upgrade();
        workload.is_some_and(|workload| workload.probe(&self.endpoint).is_some())
    }

    /// It has passed.
    pub fn passed(&self) {
        if let Some(workload) = self.workload.upgrade() {
            workload.prove(&self.endpoint);
        }
    }
}

impl Failed {
    /// Whether it is still to be tried.
    #[must_use]
    pub fn wanted(&self) -> bool {
        let workload = self.workload.upgrade();
        workload.is_some_and(|workload| workload.knows(&self.id))
    }

    /// It accepts again.
    pub fn passed(&self) {
        if let Some(workload) = self.workload.upgrade() {
            workload.back(&self.id, Instant::now());
        }
    }
}
