//! Rouse's shared vocabulary. No IO, no clock, no async.
//!
//! - [`resource`]: the `ScaledWorkload` schema as people write it.
//! - [`load`]: YAML text to resources, with every error of every document, each at its line.
//! - [`schedule`]: windows by the clock.
//! - [`crd`]: the schema as a definition for Kubernetes.
//! - [`workload`]: what the other crates work with: a validated, resolved workload with no defaults left open.
//! - [`link`]: the messages between proxy and scaler.

pub mod crd;
pub mod link;
pub mod load;
pub mod resource;
pub mod schedule;
pub mod workload;
