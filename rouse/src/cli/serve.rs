use std::path::PathBuf;
use std::time::Duration;

use rouse_scaler::ScalerConfig;

use super::triggers::TriggerArgs;
use super::{AdminArgs, DataArgs, LogArgs, value};

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
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// The scaler looks at every workload no less often than this
    #[arg(long, env = "ROUSE_TICK", value_name = "DURATION", value_parser = value::positive_duration, default_value = "1s")]
    tick: Duration,
    #[command(flatten)]
    triggers: TriggerArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl ServeArgs {
    /// What the scaler is started with.
    pub(crate) fn scaler(&self) -> ScalerConfig {
        ScalerConfig {
            tick: self.tick,
            triggers: self.triggers.allowed(),
            ..ScalerConfig::default()
        }
    }
}
