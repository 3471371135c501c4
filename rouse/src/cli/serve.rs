use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use rouse_proxy::{Drain, ProxyConfig};
use rouse_scaler::ScalerConfig;

use super::limits::LimitArgs;
use super::{LogArgs, value};

const AFTER_HELP: &str = "\
Examples:
  rouse serve --file hello.yaml
  rouse serve --file workloads/ --listen 0.0.0.0:80 --threads 1
  ROUSE_FILE=/etc/rouse ROUSE_LOG_FORMAT=json rouse serve

Files are watched: a change applies at once and as a whole; a set with a mistake in it is refused with its
errors in the log, and the old one stays. SIGTERM and Ctrl-C finish what is in flight; a second one ends at once.
The admin listener has /livez, /readyz, /metrics (OpenMetrics) and /status (JSON).";

/// Flags of `rouse serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArgs {
    /// A file with workloads, or a folder of *.yaml and *.yml; may be repeated
    #[arg(
        long = "file",
        short = 'f',
        env = "ROUSE_FILE",
        value_name = "PATH",
        required = true
    )]
    pub(crate) files: Vec<PathBuf>,
    /// Where requests are taken; port 0 takes a free one; may be repeated
    #[arg(
        long,
        env = "ROUSE_LISTEN",
        value_name = "ADDR",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080"
    )]
    pub(crate) listen: Vec<SocketAddr>,
    /// Where the admin listener is; it is not protected, so keep it off the internet
    #[arg(
        long,
        env = "ROUSE_ADMIN",
        value_name = "ADDR",
        default_value = "127.0.0.1:9090"
    )]
    pub(crate) admin: SocketAddr,
    /// Threads for requests [default: one per core]
    #[arg(long, env = "ROUSE_THREADS", value_name = "N", value_parser = value::count)]
    threads: Option<usize>,
    /// Peers (networks or addresses) whose X-Forwarded-* and Forwarded headers are believed; may be repeated
    #[arg(long, env = "ROUSE_TRUSTED", value_name = "CIDR", value_delimiter = ',', value_parser = value::network)]
    trusted: Vec<IpNet>,
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
    /// The scaler looks at every workload no less often than this
    #[arg(long, env = "ROUSE_TICK", value_name = "DURATION", value_parser = value::positive_duration, default_value = "1s")]
    tick: Duration,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl ServeArgs {
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
            trusted: self.trusted.clone(),
            access_log: self.access_log,
            report_interval: self.report_interval,
            limits: self.limits.clients(),
            upstream: self.limits.upstream(),
            drain: Drain {
                delay: self.drain_delay,
                timeout: self.drain_timeout,
            },
        }
    }

    /// What the scaler is started with.
    pub(crate) fn scaler(&self) -> ScalerConfig {
        ScalerConfig {
            tick: self.tick,
            ..ScalerConfig::default()
        }
    }
}
