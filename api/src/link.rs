//! The link: what proxy and scaler say to each other.
//!
//! The messages are levels, not edges, wherever that is possible: a repeated or a late one does no harm. In standalone mode
//! they go through two bounded channels in one process.

mod permits;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::workload::{Http, Probe, Protocol, WorkloadId};
pub use permits::{Account, Capabilities, Given, Granted, Owned, OwnedOf, Recall};

/// One attempt to sleep. Larger is later, also over a change of leader: the upper 32 bits are the leader's [`Term`].
/// Answers that carry another epoch are ignored.
pub type Epoch = u64;

/// How often the lease has changed hands. Larger is later; what a leader of a lower term says is void.
pub type Term = u32;

/// One running proxy, whatever connections it has. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId {
    /// Where it runs: its Pod's UID in a cluster. Of one host only the newest instance is alive.
    pub host: Arc<str>,
    /// Drawn at each start of the process.
    pub instance: u64,
}

/// From a proxy to the scaler.
#[derive(Debug, Clone, PartialEq)]
pub enum ToScaler {
    /// Demand since the last report; sent every report interval.
    Report(Report),
    /// Something is held and no endpoint is ready. Sent at once and repeated while that is so.
    Wake(Wake),
    /// The proxy sends nothing more to the workload and holds what arrives, until it is told `Resume` or `Asleep`, or is unlinked.
    Quiesced {
        /// The workload.
        workload: WorkloadId,
        /// The attempt this answers.
        epoch: Epoch,
    },
    /// The proxy has requests in flight or held, or had one too recently: the attempt is void here.
    Busy {
        /// The workload.
        workload: WorkloadId,
        /// The attempt this answers.
        epoch: Epoch,
    },
    /// Nothing of this proxy is in flight on a draining endpoint any more.
    Drained {
        /// The workload.
        workload: WorkloadId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// A starting endpoint has passed its readiness probe, tried by this proxy itself. Repeated until it is told ready.
    Proven {
        /// The workload.
        workload: WorkloadId,
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// What the proxy owns and wants of the permits of workloads with a limit.
    Permits(Owned),
    /// The fronts that the proxy listens for, whole. Said on change, and to whom is new.
    Fronts(Arc<Fronts>),
    /// The proxy ends cleanly: it has nothing in flight or held and takes nothing more. It is no member from now on.
    Leaving,
}

/// Workloads that have a port of their own on a proxy, and the ports.
pub type Fronts = BTreeMap<WorkloadId, u16>;

/// What is held for a workload with no ready endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// The workload.
    pub workload: WorkloadId,
    /// Requests held at this moment.
    pub held: u32,
    /// How long the oldest of them has waited.
    pub oldest: Duration,
    /// The request that was the first to want it since it was awake.
    pub by: Option<Arc<Caller>>,
}

/// Who asks, in few words: for people who want to know what woke a workload. Each of printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// The request's method; at most [`Caller::LONGEST_WORD`] characters.
    pub method: String,
    /// Its host, without a port; at most [`Caller::LONGEST_HOST`] characters.
    pub host: String,
    /// Its user agent's product, without a version, or `browser`; at most [`Caller::LONGEST_WORD`] characters.
    pub agent: String,
}

impl Caller {
    /// In characters: a bound on what a client can write into a status.
    pub const LONGEST_WORD: usize = 32;
    /// In characters.
    pub const LONGEST_HOST: usize = 128;
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            method,
            host,
            agent,
        } = self;
        write!(f, "{method} {host} by {agent}")
    }
}

/// One proxy's demand over one interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Counts up by one within a session.
    pub sequence: u64,
    /// The interval's length by the proxy's monotonic clock.
    pub length: Duration,
    /// The first report of a session, and each that follows a loss: with every workload that had a request since the proxy started.
    pub whole: bool,
    /// Workloads with demand in the interval or at its end, and those whose last entry had any. Of one that is not listed nothing
    /// has changed: nothing in flight or held, no request, idle for longer.
    pub workloads: Vec<WorkloadReport>,
}

/// One workload's part of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadReport {
    /// The workload.
    pub workload: WorkloadId,
    /// Integral of requests in flight over the interval, in request-seconds.
    pub in_flight_seconds: f64,
    /// Integral of requests held over the interval, in request-seconds.
    pub held_seconds: f64,
    /// Requests that arrived in the interval.
    pub requests: u64,
    /// In flight at the interval's end.
    pub in_flight: u32,
    /// Held at the interval's end.
    pub held: u32,
    /// Since the last moment with anything in flight or held; zero while there is some.
    pub idle_for: Duration,
}

/// From the scaler to a proxy.
#[derive(Debug, Clone, PartialEq)]
pub enum ToProxy {
    /// What this scaler is: the first message of a session, and repeated when it changes.
    Role {
        /// The term it leads in; `None`: it does not lead. Its states count while no leader is connected, and it can wake.
        leads: Option<Term>,
    },
    /// All that there was to tell when the session began has been told: a workload without a [`State`](Self::State) has no replicas.
    Synced,
    /// No scaler has been connected for so long that a pod's address may have found a new owner.
    Unlinked,
    /// A scaler is connected again.
    Linked,
    /// The next report must be whole: somebody has been connected who knows nothing of the earlier ones.
    ReportWhole,
    /// Every workload with HTTP, whole: replaces what the proxy had.
    Routes(Arc<Routes>),
    /// Everything about one workload's replicas: replaces what the proxy had.
    State(WorkloadState),
    /// Permits of one workload's endpoints, given or asked back. From the leader only.
    Permits(Granted),
    /// Stop sending to the workload if nothing is in flight or held and nothing was for `idle_for`; answer Quiesced or Busy.
    Quiesce {
        /// The workload.
        workload: WorkloadId,
        /// This attempt.
        epoch: Epoch,
        /// The idle age the proxy must be able to confirm.
        idle_for: Duration,
    },
    /// The attempt is off: send again.
    Resume {
        /// The workload.
        workload: WorkloadId,
        /// The attempt that is off.
        epoch: Epoch,
    },
    /// The workload has been scaled to zero: hold what arrives and ask for a wake; use endpoints as they are told from now on.
    Asleep {
        /// The workload.
        workload: WorkloadId,
        /// The attempt that succeeded.
        epoch: Epoch,
    },
}

/// The route table as it travels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Routes {
    /// Larger is newer.
    pub version: u64,
    /// Workloads that take requests, by rank and id. Of two that claim one route the earlier keeps it.
    pub workloads: Vec<RoutedWorkload>,
}

/// One workload as a proxy sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutedWorkload {
    /// The workload.
    pub id: WorkloadId,
    /// Routes and treatment.
    pub http: Arc<Http>,
    /// Of two that claim one route the smaller keeps it; of two alike the one whose id is smaller.
    pub rank: i64,
}

/// A workload's replicas, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadState {
    /// The workload.
    pub workload: WorkloadId,
    /// Every replica that has an address.
    pub endpoints: Vec<Endpoint>,
    /// Set while no replica can come up: held and new requests are told so at once.
    pub failure: Option<Failure>,
    /// Why it takes long, while it is not known to be final: told with a request's deadline.
    pub progress: Option<Failure>,
    /// The Service's own address: dialled when pod addresses may be stale.
    pub service: Option<SocketAddr>,
    /// Those that probe what is starting; two at most.
    pub probers: Vec<MemberId>,
    /// Where requests go while it is waking, if its `whileWaking` says so and the Service is there.
    pub fallback: Option<Fallback>,
}

/// Another Service's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallback {
    /// The Service's own.
    pub address: SocketAddr,
    /// What its pods speak; never [`Protocol::Auto`].
    pub protocol: Protocol,
}

impl WorkloadState {
    /// No replicas, and nothing more to say.
    #[must_use]
    pub fn empty(workload: WorkloadId) -> Self {
        Self {
            workload,
            endpoints: Vec::new(),
            failure: None,
            progress: None,
            service: None,
            probers: Vec::new(),
            fallback: None,
        }
    }
}

/// One replica's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Which replica; never used again for another.
    pub id: EndpointId,
    /// Where it listens.
    pub address: SocketAddr,
    /// What may be sent to it.
    pub state: EndpointState,
    /// While it is starting: how a prober finds out that it is ready. `None`: the platform finds out.
    pub probe: Option<Arc<Probe>>,
    /// The service account that it runs as, of the workload's namespace: who its peer in a mesh must be. `None`: not known.
    pub service_account: Option<Arc<str>>,
}

/// A replica's name: never used again for another. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub Arc<str>);

/// What may be sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointState {
    /// Nothing yet.
    Starting,
    /// Requests.
    Ready,
    /// Nothing new; what is in flight ends there. Answered by `Drained`.
    Draining,
}

/// Why no replica can come up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A stable word for programs, e.g. `CrashLoopBackOff` or `StartError`.
    pub reason: String,
    /// A sentence for people: the cause, with the last lines of output when there are some.
    pub message: String,
}
