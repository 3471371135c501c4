use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rouse_api::workload::Rule;
use rouse_proxy::{ByHeader, Drain, ProxyConfig, ProxyProtocol};

use super::limits::LimitArgs;
use super::upstream::UpstreamTlsArgs;
use super::value;

/// How the proxy takes requests; the same alone and with a scaler in its process.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// Where requests are taken; port 0 takes a free one; may be repeated
    #[arg(
        long,
        env = "ROUSE_LISTEN",
        value_name = "ADDR",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080"
    )]
    pub(crate) listen: Vec<SocketAddr>,
    /// Also where requests are taken, from gateways that say the workload in the header `rouse-workload: namespace/name`; may be
    /// repeated
    #[arg(
        long,
        env = "ROUSE_HEADER_LISTEN",
        value_name = "ADDR",
        value_delimiter = ',',
        requires = "header_from"
    )]
    header_listen: Vec<SocketAddr>,
    /// Peers (networks or addresses) that are believed there; others' requests are routed by host and path; may be repeated
    #[arg(long, env = "ROUSE_HEADER_FROM", value_name = "CIDR", value_delimiter = ',', value_parser = value::network, requires = "header_listen")]
    header_from: Vec<IpNet>,
    /// Also where requests are taken, from balancers that send the PROXY protocol (version 1 or 2) before each connection; may be
    /// repeated
    #[arg(
        long,
        env = "ROUSE_PROXY_PROTOCOL_LISTEN",
        value_name = "ADDR",
        value_delimiter = ',',
        requires = "proxy_protocol_from"
    )]
    proxy_protocol_listen: Vec<SocketAddr>,
    /// Peers (networks or addresses) that are believed there; others' connections are closed; may be repeated
    #[arg(long, env = "ROUSE_PROXY_PROTOCOL_FROM", value_name = "CIDR", value_delimiter = ',', value_parser = value::network, requires = "proxy_protocol_listen")]
    proxy_protocol_from: Vec<IpNet>,
    /// Threads for requests [default: one per core]
    #[arg(long, env = "ROUSE_THREADS", value_name = "N", value_parser = value::count)]
    threads: Option<usize>,
    /// Peers (networks or addresses) whose X-Forwarded-* and Forwarded headers are believed; may be repeated
    #[arg(long, env = "ROUSE_TRUSTED", value_name = "CIDR", value_delimiter = ',', value_parser = value::network)]
    trusted: Vec<IpNet>,
    /// Rules for all workloads, behind each one's own: a file with `rules` as in http.rules, builtin (health checkers and synthetic
    /// monitors neither wake nor count), or none
    #[arg(long, env = "ROUSE_RULES", value_name = "FILE", value_parser = value::rules, default_value = "builtin")]
    rules: Arc<[Rule]>,
    /// Write one JSON line per request on standard output
    #[arg(long, env = "ROUSE_ACCESS_LOG", value_parser = clap::builder::BoolishValueParser::new())]
    access_log: bool,
    /// After SIGTERM: not ready, but still accepting for this long, so that those in front notice
    #[arg(long, env = "ROUSE_DRAIN_DELAY", value_name = "DURATION", value_parser = value::duration, default_value = "500ms")]
    drain_delay: Duration,
    /// Then for what is in flight; past it connections are cut
    #[arg(long, env = "ROUSE_DRAIN_TIMEOUT", value_name = "DURATION", value_parser = value::duration, default_value = "30s")]
    drain_timeout: Duration,
    /// Between two demand reports of the proxy to the scaler, at most 1s
    #[arg(long, env = "ROUSE_REPORT_INTERVAL", value_name = "DURATION", value_parser = value::report_interval, default_value = "1s")]
    report_interval: Duration,
    #[command(flatten)]
    upstream_tls: UpstreamTlsArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

impl DataArgs {
    /// Threads for requests.
    pub(crate) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
        })
    }

    /// What the proxy is started with.
    pub(crate) fn proxy(&self) -> ProxyConfig {
        ProxyConfig {
            listen: self.listen.clone(),
            by_header: ByHeader {
                listen: self.header_listen.clone(),
                from: self.header_from.clone(),
            },
            proxy_protocol: ProxyProtocol {
                listen: self.proxy_protocol_listen.clone(),
                from: self.proxy_protocol_from.clone(),
            },
            trusted: self.trusted.clone(),
            rules: self.rules.to_vec(),
            access_log: self.access_log,
            report_interval: self.report_interval,
            limits: self.limits.clients(),
            upstream: self.limits.upstream(),
            upstream_tls: self.upstream_tls.config(),
            drain: Drain {
                delay: self.drain_delay,
                timeout: self.drain_timeout,
            },
            ..ProxyConfig::default()
        }
    }
}
