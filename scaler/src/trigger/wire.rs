//! The messages of external scalers, and both sides of their service, made from `proto/externalscaler.proto`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated"
)]

tonic::include_proto!("externalscaler");
