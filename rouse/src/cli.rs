//! Flags and environment variables.

mod certificates;
mod convert;
mod data;
mod explain;
mod limits;
mod link;
mod proxy;
mod scaler;
mod serve;
mod simulate;
mod triggers;
mod upstream;
mod value;
mod wake;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

pub(crate) use convert::ConvertArgs;
pub(crate) use data::DataArgs;
pub(crate) use explain::ExplainArgs;
pub(crate) use proxy::ProxyArgs;
pub(crate) use scaler::ScalerArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use simulate::{Generate, SimulateArgs};
pub(crate) use wake::WakeArgs;

const AFTER_HELP: &str = "\
Examples:
  rouse demo                         see a service sleep and wake, nothing else needed
  rouse check hello.yaml             every mistake in a file, each with its line
  rouse serve --file hello.yaml      serve a file of your own on http://127.0.0.1:8080

Every flag of a command is also an environment variable: --drain-timeout is ROUSE_DRAIN_TIMEOUT.
Exit status: 0 all well, 1 it failed while running (for example an address in use), 2 bad input,
3 rouse convert left something to do.";

/// An HTTP gateway that lets idle services sleep at zero replicas and wakes them on the next request, without losing it.
#[derive(Debug, Parser)]
#[command(name = "rouse", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show it: a bundled sample service asleep behind a gateway, and live what happens to it
    Demo(DemoArgs),
    /// Serve the workloads of files: proxy and scaler in one process, each replica a local process
    Serve(Box<ServeArgs>),
    /// In a cluster: take requests, hold them, send them on
    Proxy(Box<ProxyArgs>),
    /// In a cluster: watch, decide, scale
    Scaler(Box<ScalerArgs>),
    /// Print the resource definition of ScaledWorkload, for kubectl apply
    Crd,
    /// Say everything that is wrong in files, without serving them
    Check(CheckArgs),
    /// Turn manifests of KEDA, Knative and HPAs into ScaledWorkloads, with a comment beside whatever changes
    Convert(ConvertArgs),
    /// Say why a workload has as many replicas as it has
    Explain(ExplainArgs),
    /// In a cluster: wake workloads by hand, before an uninstall all of them
    Wake(WakeArgs),
    /// Replay a trace through Rouse's decisions and through those of others, without running anything
    Simulate(Box<SimulateArgs>),
    /// The bundled sample service
    #[command(hide = true)]
    Sample(Box<SampleArgs>),
    /// Keeps one replica from outliving Rouse; for Rouse's own use
    #[command(hide = true)]
    Guard,
}

/// Flags of `rouse demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Let the sample service sleep after this long without a request
    #[arg(long, env = "ROUSE_IDLE_AFTER", value_name = "DURATION", value_parser = value::duration, default_value = "10s")]
    pub(crate) idle_after: std::time::Duration,
    /// What the sample service takes to start
    #[arg(long, env = "ROUSE_START_DELAY", value_name = "DURATION", value_parser = value::duration, default_value = "300ms")]
    pub(crate) start_delay: std::time::Duration,
}

/// Flags of `rouse check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rouse check hello.yaml
  rouse check workloads/             every *.yaml and *.yml in the folder, not in folders within it
  rouse check --cluster workloads/   the same, for workloads of a cluster

With --cluster other documents may stand beside the workloads: of a Deployment that one of them scales (of each, when there is no workload) it says
what makes its wakes slow. Hints, like a query of a gateway's counter that sees nothing of requests through Rouse, are no mistakes.

Exit status: 0 when all is well, 2 with the problems on standard error, one a line.")]
pub(crate) struct CheckArgs {
    /// Files, or folders of *.yaml and *.yml; together they are one set
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Check them for a cluster, where a workload names what scales, and not for standalone mode
    #[arg(long, env = "ROUSE_CLUSTER")]
    pub(crate) cluster: bool,
}

/// Flags of the sample service.
#[derive(Debug, clap::Args)]
pub(crate) struct SampleArgs {
    #[command(flatten)]
    pub(crate) options: rouse_sample::Options,
}

/// Where people and programs look after it.
#[derive(Debug, clap::Args)]
pub(crate) struct AdminArgs {
    /// Where the admin listener is; it is not protected, so keep it off the internet
    #[arg(
        long = "admin",
        env = "ROUSE_ADMIN",
        value_name = "ADDR",
        default_value = "127.0.0.1:9090"
    )]
    pub(crate) address: SocketAddr,
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// Where the log goes is fixed (standard error); this is what is in it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// How the log on standard error looks
    #[arg(long, env = "ROUSE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// What is logged: a level (error, warn, info, debug, trace), or levels by part such as info,workload=off
    #[arg(
        long = "log",
        env = "ROUSE_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub(crate) filter: EnvFilterText,
}

/// A filter that has been parsed once; filters can't be cloned, and flags must be.
#[derive(Debug, Clone)]
pub(crate) struct EnvFilterText(String);

impl std::str::FromStr for EnvFilterText {
    type Err = tracing_subscriber::filter::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EnvFilter::try_new(text).map(|_| Self(text.to_owned()))
    }
}

impl LogArgs {
    pub(crate) fn start(&self) {
        crate::logging::start(EnvFilter::new(&self.filter.0), self.log_format);
    }
}
