//! What becomes of requests that are not simply demand, through real sockets: the test plays the scaler, clients and replicas.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
mod support;

mod announced;
mod authority;
mod rules;
mod tls;
mod waking;
