//! Rouse's data plane: accepts requests, routes them, holds them while their workload wakes, and forwards them.
//!
//! It knows nothing of Kubernetes and holds no credentials: everything it needs arrives over the link, and it keeps serving with
//! what it last knew. Where to look: `listener` takes connections, `request` is one request straight through, `workload` is the
//! pure heart (who goes where, who waits), `endpoint` the connections to one replica, `link` the scaler's voice.

mod access;
#[cfg(feature = "chaos")]
pub mod chaos;
mod client;
mod config;
mod edge;
mod endpoint;
mod error;
mod forward;
mod front;
mod hold;
mod link;
mod listener;
mod metrics;
mod proxy;
mod request;
mod retry;
pub mod route;
mod shared;
mod tls;
mod workload;

pub use config::{ByHeader, Drain, Limits, ProxyConfig, ProxyProtocol, UpstreamLimits};
pub use edge::rule;
pub use link::LinkEnds;
pub use proxy::{Proxy, ProxyStatus, StartError};
pub use tls::{MeshFiles, UpstreamTls};
pub use workload::{EndpointStatus, WorkloadStatus};
