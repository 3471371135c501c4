use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use rouse_api::link::{Capabilities, EndpointId, MemberId, Term, ToProxy, ToScaler};
use rouse_api::workload::{Trigger, Workload, WorkloadId};
use serde::Serialize;

use super::{SessionEnd, WorkloadEvent};
use crate::platform::{Count, Observation, PlatformError};

/// One proxy's connection to this scaler. Never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SessionId(pub u64);

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Every workload that there shall be, in the order in which they claim routes. Ids are unique.
    Applied(Vec<Workload>),
    /// A proxy is connected.
    SessionOpened {
        /// The connection.
        session: SessionId,
        /// The proxy.
        member: MemberId,
        /// What the connection's end will say about it.
        end: SessionEnd,
        /// What the proxy can do.
        capabilities: Capabilities,
    },
    /// The connection is over.
    SessionClosed(SessionId),
    /// Proxies run on these hosts and on no others.
    LiveHosts(BTreeSet<Arc<str>>),
    /// This scaler leads in that term, or does not lead.
    Lead(Option<Term>),
    /// A proxy said something.
    Link(SessionId, ToScaler),
    /// The platform observed something.
    Observed(Observation),
    /// The platform took on the last scale; the count that stands.
    ScaleDone(WorkloadId, Count),
    /// The platform did not take on the last scale.
    ScaleFailed(WorkloadId, PlatformError),
    /// A trigger was read, or could not be.
    Read {
        /// Whose it is.
        workload: WorkloadId,
        /// As it was when it was asked.
        trigger: Trigger,
        /// Its value, or a sentence.
        value: Result<f64, String>,
    },
    /// What the wall clock says. Told at the start, and whenever it is another than by the time that has passed.
    Clock(Timestamp),
    /// Time has passed: [`next_deadline`](super::Controller::next_deadline) is over.
    Tick,
}

/// What is to be done. Of one workload, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The platform shall know this workload as it is now.
    Apply(Arc<Workload>),
    /// The platform may forget this workload, and so may everything that is kept per workload.
    Forget(WorkloadId),
    /// Answered by `ScaleDone` or `ScaleFailed`; there is one at a time per workload.
    Scale {
        /// The workload.
        workload: WorkloadId,
        /// The count that is believed to be there.
        from: u32,
        /// How many there shall be.
        replicas: u32,
        /// These go first.
        victims: Vec<EndpointId>,
    },
    /// For one proxy.
    Send(SessionId, ToProxy),
    /// The session is over, for a newer one has taken its place or there are too many members; no `SessionClosed` is expected.
    Close(SessionId),
    /// For people.
    Emit(WorkloadEvent),
    /// A workload's counts have changed.
    Count {
        /// The workload.
        workload: WorkloadId,
        /// Replicas asked of the platform.
        desired: u32,
        /// Those that take requests.
        ready: u32,
        /// Those that are kept without any demand.
        min: u32,
    },
    /// What is worth knowing of a workload's status has changed; not each number in it.
    Changed(WorkloadId),
}
