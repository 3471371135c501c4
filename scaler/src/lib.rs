//! Rouse's control plane: decides how many replicas each workload has, and makes it so.
//!
//! A core without IO and a thin shell around it:
//! - [`demand`]: what the proxies report, as windows over time. Pure.
//! - [`decide`]: demand to a number of replicas, with reasons. Pure.
//! - [`permits`]: who owns the permits of each endpoint. Pure.
//! - [`controller`]: the state machine over all workloads: wake, sleep, scale in, failures. Pure: events and the time go in,
//!   actions come out.
//! - [`trigger`]: other sources of demand, asked again and again.
//! - [`platform`]: what runs replicas; [`platform::local`] runs them as processes of this machine.
//! - [`Scaler`]: the shell. Carries events to the controller and its actions to the platform and the proxies.

#[cfg(feature = "chaos")]
pub mod chaos;
mod config;
pub mod controller;
pub mod decide;
pub mod demand;
pub mod permits;
pub mod platform;
mod seconds;
mod shell;
pub mod trigger;

pub use config::ScalerConfig;
pub use controller::{
    DecisionHistory, PastDecision, ScalerStatus, SessionEnd, WorkloadEvent, WorkloadStatus,
};
pub use shell::{LinkEnds, Listening, Scaler};
