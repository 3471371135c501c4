//! A workload in the proxy: its requests in flight and held, its endpoints, and the guards that keep the counts true.

mod aside;
mod core;
mod demand;
mod fallback;
mod handle;
mod permit;
mod probing;
mod ramp;
mod settings;
mod status;

pub(crate) use self::core::{Manner, Numbers, Stages, Ticket, Waking};
pub(crate) use fallback::Guest;
pub(crate) use handle::{Admitted, Outside, Refusal, Workload};
pub(crate) use permit::{Permit, Wait};
pub(crate) use probing::Prober;
#[cfg(feature = "chaos")]
pub(crate) use probing::Trying;
pub(crate) use settings::{Instead, Settings};
pub use status::{EndpointStatus, WorkloadStatus};
