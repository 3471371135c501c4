//! What becomes of a request before it is demand: rules, what a wake needs, and answers while there is no replica.

mod caller;
mod fixed;
pub mod rule;
mod source;
mod waiting;

pub(crate) use caller::caller;
pub(crate) use fixed::Fixed;
pub(crate) use rule::{Action, Rules};
pub(crate) use source::source;
pub(crate) use waiting::{is_navigation, page};
