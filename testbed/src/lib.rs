//! A real Kubernetes control plane on one machine, whose pods are local processes.

pub mod apply;
pub mod assets;
mod dns;
mod error;
pub mod install;
pub mod metrics;
pub mod namespace;
pub mod network;
pub mod node;
pub mod plane;
mod relay;
mod services;
pub mod testbed;

pub use error::Error;
pub use plane::{Component, Plane, PlaneConfig};
pub use testbed::{Testbed, TestbedConfig};
