//! The link over the network: gRPC with mutual TLS between every proxy and every scaler.
//!
//! - [`client`]: the proxy's side. Connects to every scaler, takes state from one of them, and looks to the proxy like one scaler.
//! - [`server`]: the scaler's side. Each connection becomes a session of the scaler.
//! - [`size`]: how large messages are.
//! - [`tls`]: certificates, taken anew when they change.
//! - [`wire`]: the messages as they travel, from `proto/rouse/link/v1/link.proto`.

pub mod client;
mod convert;
mod delta;
mod io;
pub mod server;
pub mod size;
pub mod tls;
pub mod wire;

pub use convert::Malformed;
