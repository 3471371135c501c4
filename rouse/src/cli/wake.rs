use std::time::Duration;

use rouse_api::workload::WorkloadId;

use super::value;

/// Flags of `rouse wake`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rouse wake hello                   of the namespace default
  rouse wake team/hello team/other
  rouse wake --all --stay            before an uninstall: all of them, and no Rouse lets them sleep again

It uses your own rights, as kubectl does (KUBECONFIG): get and list of scaledworkloads, get and patch of what they scale and of its
scale subresource; for --stay also patch of scaledworkloads.")]
pub(crate) struct WakeArgs {
    /// The workloads: name, or namespace/name
    #[arg(value_name = "NAME", value_parser = crate::explain::workload, required_unless_present = "all", conflicts_with = "all")]
    pub(crate) workloads: Vec<WorkloadId>,
    /// Every ScaledWorkload
    #[arg(long)]
    pub(crate) all: bool,
    /// Only those of this namespace
    #[arg(long, value_name = "NAME", requires = "all")]
    pub(crate) namespace: Option<String>,
    /// Only those of this class; empty: only those without one
    #[arg(long, value_name = "NAME", requires = "all")]
    pub(crate) class: Option<String>,
    /// Also write the annotation rouse.dev/paused, so that they stay awake until it is taken away
    #[arg(long)]
    pub(crate) stay: bool,
    /// For each to have a ready replica; 0s: don't wait
    #[arg(long, value_name = "DURATION", value_parser = value::duration, default_value = "5m")]
    pub(crate) timeout: Duration,
}
