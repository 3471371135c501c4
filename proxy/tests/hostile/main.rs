//! The proxy under bad conditions, through real sockets: the test plays its scaler, its clients and its replicas.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod choice;
mod crowd;
mod framing;
mod fronts;
mod headers;
mod http2_client;
mod http2_upstream;
mod link;
mod probing;
mod report;
mod slow;
mod unlinked;
mod upstream;
