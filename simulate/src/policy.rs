//! Who says how many replicas there shall be.

pub mod fixed;
pub mod hpa;
pub mod knative;
pub mod rouse;
mod totals;

use std::time::Duration;

pub(crate) use totals::Totals;

/// What a policy may see of a workload: no more than it could in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct View {
    /// Sent to a replica, not finished.
    pub in_flight: u32,
    /// Waiting for a replica.
    pub held: u32,
    /// Replicas that take requests.
    pub ready: u32,
    /// Replicas that were asked for and don't take requests yet.
    pub starting: u32,
    /// Since the beginning, request-nanoseconds in flight.
    pub in_flight_total: u128,
    /// Since the beginning, request-nanoseconds held.
    pub held_total: u128,
    /// Since the beginning, requests that came.
    pub arrived: u64,
    /// The last moment with demand; now, while there is some.
    pub active_at: Duration,
}

impl View {
    /// In flight and held.
    #[must_use]
    pub fn demand(&self) -> u32 {
        self.in_flight + self.held
    }

    /// The count that was asked for and stands.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        self.ready + self.starting
    }
}

/// Decides, when it wants to and when a request comes.
pub trait Policy {
    /// Replicas that stand, ready, when the trace begins.
    fn initial(&self) -> u32;

    /// When it wants to look next although nothing happens; `None`: when a request comes.
    fn due(&self) -> Option<Duration>;

    /// It is due. The count that there shall be from now on.
    fn look(&mut self, view: &View, now: Duration) -> u32;

    /// A request has come; it is counted in `view`. A count if that changes anything.
    fn arrived(&mut self, view: &View, now: Duration) -> Option<u32>;
}
