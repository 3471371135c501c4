//! Replays traces of requests through Rouse's decisions and those of others, as discrete events on virtual time.
//!
//! - [`trace`]: requests by time and workload, from a CSV file or generated from a seed.
//! - [`policy`]: who says how many replicas there shall be: Rouse (through its own demand windows and `decide`), Knative's autoscaler,
//!   an HPA, a fixed count.
//! - [`engine`]: one workload under one policy: requests, replicas, those who wait.
//! - [`ideal`]: what was needed at each moment, and the clairvoyant bound that follows from it.
//! - [`run`]: all workloads of a trace under all policies.
//! - [`report`] and [`plot`]: what came out, for people.
//!
//! Times are [`std::time::Duration`]s since the trace's beginning. The same input gives the same output.

pub mod engine;
pub mod ideal;
pub mod outcome;
pub mod plot;
pub mod policy;
pub mod report;
pub mod run;
mod settings;
pub mod trace;

#[cfg(test)]
mod tests;

pub use outcome::Outcome;
pub use run::{PolicyKind, Results, run};
pub use settings::{Settings, SettingsError};
