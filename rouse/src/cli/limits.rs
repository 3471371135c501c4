use std::time::Duration;

use rouse_proxy::{Limits, UpstreamLimits};

use super::value;

/// Bounds of the proxy. The defaults are safe on the internet.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Client connections at once; one more waits in the listen queue
    #[arg(long, env = "ROUSE_MAX_CONNECTIONS", value_name = "N", value_parser = value::count, default_value = "16384")]
    max_connections: usize,
    /// Bytes of a request's head
    #[arg(long, env = "ROUSE_MAX_HEADER_BYTES", value_name = "BYTES", value_parser = value::bytes, default_value = "64Ki")]
    max_header_bytes: usize,
    /// Header fields of a request
    #[arg(long, env = "ROUSE_MAX_HEADERS", value_name = "N", value_parser = value::count, default_value = "100")]
    max_headers: usize,
    /// For a request's head to come in, from its first byte (for a connection's first request: from the connection)
    #[arg(long, env = "ROUSE_HEADER_TIMEOUT", value_name = "DURATION", value_parser = value::positive_duration, default_value = "10s")]
    header_timeout: Duration,
    /// Between two requests of a client connection
    #[arg(long, env = "ROUSE_KEEP_ALIVE", value_name = "DURATION", value_parser = value::positive_duration, default_value = "75s")]
    keep_alive: Duration,
    /// Concurrent streams on one HTTP/2 client connection
    #[arg(long, env = "ROUSE_MAX_STREAMS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value = "250")]
    max_streams: u32,
    /// Streams a client may reset before they are accepted, before its HTTP/2 connection is closed
    #[arg(long, env = "ROUSE_MAX_PENDING_RESETS", value_name = "N", value_parser = value::count, default_value = "20")]
    max_pending_resets: usize,
    /// Requests held at once, over all workloads (each workload has its own bound too: spec.http.hold)
    #[arg(long, env = "ROUSE_MAX_HELD_REQUESTS", value_name = "N", value_parser = value::count, default_value = "10000")]
    max_held_requests: usize,
    /// Body bytes of held requests, over all workloads
    #[arg(long, env = "ROUSE_MAX_HELD_BYTES", value_name = "BYTES", value_parser = value::bytes, default_value = "256Mi")]
    max_held_bytes: usize,
    /// Connections to one replica
    #[arg(long, env = "ROUSE_UPSTREAM_CONNECTIONS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value = "1024")]
    upstream_connections: u32,
    /// A connection to a replica that is unused for this long is closed
    #[arg(long, env = "ROUSE_UPSTREAM_IDLE", value_name = "DURATION", value_parser = value::positive_duration, default_value = "30s")]
    upstream_idle: Duration,
    /// Streams on one HTTP/2 connection to a replica before another is opened
    #[arg(long, env = "ROUSE_UPSTREAM_STREAMS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value = "100")]
    upstream_streams: u32,
}

impl LimitArgs {
    /// Towards clients.
    pub(super) fn clients(&self) -> Limits {
        Limits {
            connections: self.max_connections,
            header_bytes: self.max_header_bytes,
            headers: self.max_headers,
            header_read: self.header_timeout,
            keep_alive: self.keep_alive,
            h2_streams: self.max_streams,
            h2_pending_resets: self.max_pending_resets,
            held_requests: self.max_held_requests,
            held_bytes: self.max_held_bytes,
        }
    }

    /// Towards replicas.
    pub(super) fn upstream(&self) -> UpstreamLimits {
        UpstreamLimits {
            connections_per_endpoint: self.upstream_connections,
            idle: self.upstream_idle,
            h2_streams: self.upstream_streams,
        }
    }
}
