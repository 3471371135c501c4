use std::sync::Arc;

use rouse_api::link::{EndpointId, ToProxy, ToScaler};
use rouse_api::workload::{Workload, WorkloadId};
use serde::Serialize;

use super::WorkloadEvent;
use crate::platform::Observation;

/// One proxy's connection to this scaler. Never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SessionId(pub u64);

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Every workload that there shall be, in the order in which they claim routes. Ids are unique.
    Applied(Vec<Workload>),
    /// A proxy is connected.
    SessionOpened(SessionId),
    /// A proxy is proven dead.
    SessionClosed(SessionId),
    /// A proxy said something.
    Link(SessionId, ToScaler),
    /// The platform observed something.
    Observed(Observation),
    /// The platform took on the last scale.
    ScaleDone(WorkloadId),
    /// The platform refused the last scale.
    ScaleFailed(WorkloadId, String),
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
        /// How many there shall be.
        replicas: u32,
        /// These go first.
        victims: Vec<EndpointId>,
    },
    /// For one proxy.
    Send(SessionId, ToProxy),
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
    },
}
