//! What is in `deploy/`, without a cluster: the chart and what it renders to, alerts and dashboard, the image's program.
//!
//! Helm is where `ROUSE_HELM` says, as `cargo xtask test` sets it, or on PATH.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod chart;
mod health;
mod helm;
mod image;
mod monitoring;
mod plain;
mod values;
