//! What the proxy can be told. Every bound has a default that is safe on the internet.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use rouse_api::link::MemberId;
use rouse_api::workload::Rule;

use crate::tls::UpstreamTls;

/// Everything a proxy is started with.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// This proxy among its like: whether it is to probe what is starting.
    pub member: MemberId,
    /// Where requests are taken; at least one.
    pub listen: Vec<SocketAddr>,
    /// Where more requests are taken, and by whom a workload may be chosen there.
    pub by_header: ByHeader,
    /// Where more requests are taken, from peers that say whose a connection is.
    pub proxy_protocol: ProxyProtocol,
    /// Peers whose `X-Forwarded-*` and `Forwarded` headers are believed and extended; all others' are replaced.
    pub trusted: Vec<IpNet>,
    /// Rules for all workloads, behind each one's own.
    pub rules: Vec<Rule>,
    /// One JSON line per request on standard output.
    pub access_log: bool,
    /// Between two demand reports.
    pub report_interval: Duration,
    /// Bounds towards clients.
    pub limits: Limits,
    /// Bounds towards replicas.
    pub upstream: UpstreamLimits,
    /// Keys for replicas.
    pub upstream_tls: UpstreamTls,
    /// How to stop.
    pub drain: Drain,
}

/// Listeners for balancers in front that send the PROXY protocol, version 1 or 2, before each connection.
#[derive(Debug, Clone, Default)]
pub struct ProxyProtocol {
    /// Addresses; none unless a balancer does so.
    pub listen: Vec<SocketAddr>,
    /// Peers that are believed. Others' connections are closed, and so are those that don't begin with it.
    pub from: Vec<IpNet>,
}

impl ProxyProtocol {
    /// Whether this peer is believed.
    #[must_use]
    pub fn believes(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.from.iter().any(|net| net.contains(&peer))
    }
}

/// Listeners for gateways in front that have chosen the workload already, and say which in the header [`ByHeader::NAME`].
#[derive(Debug, Clone, Default)]
pub struct ByHeader {
    /// Addresses; none unless a gateway does so.
    pub listen: Vec<SocketAddr>,
    /// Peers that are believed. Others' requests are routed by host and path, as if they had no such header.
    pub from: Vec<IpNet>,
}

impl ByHeader {
    /// Its value is `namespace/name`. It goes no further than this proxy.
    pub const NAME: HeaderName = HeaderName::from_static("rouse-workload");

    /// Whether this peer may choose.
    #[must_use]
    pub fn believes(&self, peer: IpAddr) -> bool {
        within(&self.from, peer)
    }
}

/// Bounds towards clients.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Client connections at once; one more waits in the listen queue.
    pub connections: usize,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Header fields of a request.
    pub headers: usize,
    /// From a head's first byte (or, for the first request, the connection) to its last.
    pub header_read: Duration,
    /// Without a request on a connection that is kept alive.
    pub keep_alive: Duration,
    /// Concurrent streams on one HTTP/2 connection.
    pub h2_streams: u32,
    /// Streams a client may reset before they are accepted, before its HTTP/2 connection is closed.
    pub h2_pending_resets: usize,
    /// Requests held at once over all workloads.
    pub held_requests: usize,
    /// Body bytes of held requests over all workloads.
    pub held_bytes: usize,
}

/// Bounds towards replicas.
#[derive(Debug, Clone)]
pub struct UpstreamLimits {
    /// Connections to one endpoint.
    pub connections_per_endpoint: u32,
    /// A connection unused for this long is closed. Below the usual 60 s and more of servers, so that they rarely close first.
    pub idle: Duration,
    /// Streams on one HTTP/2 connection before another is opened.
    pub h2_streams: u32,
}

/// How a proxy stops on SIGTERM.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Not ready but still accepting, so that those in front notice.
    pub delay: Duration,
    /// For what is in flight; past it connections are cut.
    pub timeout: Duration,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            member: MemberId {
                host: "local".into(),
                instance: 0,
            },
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            by_header: ByHeader::default(),
            proxy_protocol: ProxyProtocol::default(),
            trusted: Vec::new(),
            rules: Vec::new(),
            access_log: false,
            report_interval: Duration::from_secs(1),
            limits: Limits::default(),
            upstream: UpstreamLimits::default(),
            upstream_tls: UpstreamTls::default(),
            drain: Drain {
                delay: Duration::from_millis(500),
                timeout: Duration::from_secs(30),
            },
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            header_bytes: 64 << 10,
            headers: 100,
            header_read: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            h2_streams: 250,
            h2_pending_resets: 20,
            held_requests: 10_000,
            held_bytes: 256 << 20,
        }
    }
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        Self {
            connections_per_endpoint: 1024,
            idle: Duration::from_secs(30),
            h2_streams: 100,
        }
    }
}

impl ProxyConfig {
    /// Whether this peer's forwarding headers are believed.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        within(&self.trusted, peer)
    }
}

fn within(networks: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    networks.iter().any(|network| network.contains(&peer))
}
