//! Other systems' manifests as `ScaledWorkload`s. No IO, no clock, no async.
//!
//! - [`keda`]: KEDA's objects and those of its HTTP add-on; also what a scaler does with objects that it watches.
//! - [`hpa`]: those of HorizontalPodAutoscalers.
//! - [`knative`]: those of Knative's Services and Revisions.
//! - [`set`]: whole files of all of them: YAML in, YAML with comments and a report out.
//! - [`lint`]: what makes wakes slow.
//! - [`gateway`]: queries that no longer see a workload once Rouse stands before it.
//! - [`read`], [`mod@write`]: YAML to values and back, with comments.
//!
//! Reading is lenient and nothing is dropped in silence: whatever is not carried over as it was becomes a [`Note`] that names the field.

mod fields;
pub mod gateway;
pub mod hpa;
pub mod keda;
pub mod knative;
mod kubernetes;
pub mod lint;
mod node;
mod note;
mod outcome;
pub mod read;
mod scalar;
pub mod set;
pub mod write;

pub use node::Node;
pub use note::{Note, NoteKind};
pub use outcome::Converted;
