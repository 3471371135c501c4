//! A workload in the proxy: its requests in flight and held, its endpoints, and the guards that keep the counts true.

mod core;
mod demand;
mod handle;
mod permit;
mod ramp;

pub(crate) use self::core::{Stages, Ticket};
pub(crate) use handle::{Admitted, Refusal, Workload};
pub use handle::{EndpointStatus, WorkloadStatus};
pub(crate) use permit::{Permit, Wait};
