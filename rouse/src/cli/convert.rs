use std::path::PathBuf;

/// Flags of `rouse convert`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rouse convert keda/ > rouse.yaml                     every *.yaml and *.yml in the folder
  kubectl get so,ta,hpa -A -o yaml | rouse convert     from a cluster
  kubectl get ksvc,revision -A -o yaml | rouse convert
  rouse convert --report left.txt a.yaml > b.yaml

Read: KEDA's ScaledObject, TriggerAuthentication and ClusterTriggerAuthentication, its HTTP add-on's HTTPScaledObject and InterceptorRoute,
HorizontalPodAutoscalers, and Knative's Services with the Revisions that their traffic names (each becomes a Deployment, a Service, a ScaledWorkload; the
Service's hosts and split a VirtualService of Istio). Give what they refer to, too: credentials, routes, and the Deployment when a trigger uses its environment. Other documents go
through as they are. A comment stands beside each line that does not mean what it meant; the report names what has no counterpart, and every mistake.
What the API server writes (status, uid, managedFields, ...) is left out.

Exit status: 0 all is carried over, 1 something can't be written, 2 the input can't be read, 3 converted, and the report says what is left to do.")]
pub(crate) struct ConvertArgs {
    /// Files, or folders of *.yaml and *.yml; - is standard input
    #[arg(value_name = "PATH", default_value = "-")]
    pub(crate) paths: Vec<PathBuf>,
    /// Write mode: observe into each workload: it says what it would have done, and scales nothing
    #[arg(long, env = "ROUSE_OBSERVE")]
    pub(crate) observe: bool,
    /// Where the report goes instead of standard error
    #[arg(long, env = "ROUSE_REPORT", value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}
