//! Between the messages as they travel and the vocabulary of [`rouse_api`]. Reading never panics and says which field is wrong.

mod capabilities;
mod edge;
mod field;
mod http;
mod permits;
mod report;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod to_proxy;
mod to_scaler;

pub(crate) use capabilities::{read_capabilities, write_capabilities};
pub(crate) use http::{read_routed, write_routed};
pub(crate) use to_proxy::{FromScaler, read_from_scaler, write_from_scaler};
pub(crate) use to_scaler::{read_from_proxy, read_member, write_from_proxy, write_member};

/// A message that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed link message: {field}: {problem}")]
pub struct Malformed {
    /// The field's path, e.g. `state.endpoints.address`.
    pub field: &'static str,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl Malformed {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
        }
    }
}

impl From<Malformed> for tonic::Status {
    fn from(error: Malformed) -> Self {
        Self::invalid_argument(error.to_string())
    }
}
