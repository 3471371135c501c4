use super::link::LinkArgs;
use super::{AdminArgs, DataArgs, LogArgs};

const AFTER_HELP: &str = "\
Examples:
  rouse proxy --scalers rouse-scaler.rouse.svc:9443 --host $POD_UID \\
    --link-ca ca.crt --link-cert tls.crt --link-key tls.key --listen 0.0.0.0:8080

It serves with what it last heard when no scaler can be reached: warm traffic goes on, requests to what sleeps are
held up to their deadline. It holds no credentials of the cluster.";

/// Flags of `rouse proxy`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ProxyArgs {
    /// Scalers, as host:port; a name stands for all of its addresses, and is looked up again and again; may be repeated
    #[arg(
        long,
        env = "ROUSE_SCALERS",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        required = true
    )]
    pub(crate) scalers: Vec<String>,
    /// What tells this proxy's place from all others': its Pod's UID
    #[arg(long, env = "ROUSE_HOST", value_name = "UID")]
    pub(crate) host: String,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// The name that must be in a scaler's certificate
    #[arg(
        long,
        env = "ROUSE_LINK_NAME",
        value_name = "NAME",
        default_value = "rouse-scaler"
    )]
    pub(crate) link_name: String,
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}
