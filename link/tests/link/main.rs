//! The link over real sockets: real clients against real servers, and against scalers that behave badly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub
)]

mod fake;
mod session;
mod skew;
mod sources;
mod support;
mod tls;
