use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use rouse_api::load::HostGrant;
use rouse_api::resource::Name;
use rouse_kubernetes::index::adopted::Adoption;
use rouse_scaler::ScalerConfig;

use super::certificates::CertificateArgs;
use super::link::LinkArgs;
use super::triggers::TriggerArgs;
use super::{AdminArgs, LogArgs, value};

const AFTER_HELP: &str = "\
Examples:
  rouse scaler --lease rouse/rouse-scaler --identity $POD_NAME --proxies rouse/app.kubernetes.io/name=rouse-proxy \\
    --link 0.0.0.0:9443 --link-certificates rouse/rouse

Run two or more: any of them wakes a workload at once; one, the holder of the lease, does all other scaling.
The cluster is found as kubectl finds it: $KUBECONFIG, else the Pod's service account.";

/// Flags of `rouse scaler`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ScalerArgs {
    /// Where proxies connect
    #[arg(
        long = "link",
        env = "ROUSE_LINK",
        value_name = "ADDR",
        default_value = "127.0.0.1:9443"
    )]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// The lease that makes one scaler the leader
    #[arg(
        long,
        env = "ROUSE_LEASE",
        value_name = "NAMESPACE/NAME",
        default_value = "rouse/rouse-scaler"
    )]
    pub(crate) lease: Namespaced,
    /// This scaler's name among those of the lease: its Pod's name
    #[arg(long, env = "ROUSE_IDENTITY", value_name = "NAME")]
    pub(crate) identity: String,
    /// The proxies' Pods: only when one of them is gone is a proxy that is not heard of taken for dead
    #[arg(
        long,
        env = "ROUSE_PROXIES",
        value_name = "NAMESPACE/SELECTOR",
        default_value = "rouse/app.kubernetes.io/name=rouse-proxy"
    )]
    pub(crate) proxies: Namespaced,
    /// Look after the workloads whose spec.class is this one [default: those without a class]
    #[arg(long, env = "ROUSE_CLASS", value_name = "NAME", value_parser = value::name)]
    pub(crate) class: Option<Name>,
    /// Take KEDA's objects for workloads: those with the annotation rouse.dev/adopt: "true", or, where KEDA runs no more, all
    #[arg(long, env = "ROUSE_KEDA", value_name = "WHICH", value_enum, default_value_t = Keda::Off)]
    pub(crate) keda: Keda,
    /// Look after these namespaces only; may be repeated [default: all]
    #[arg(
        long = "namespace",
        env = "ROUSE_NAMESPACE",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub(crate) namespaces: Vec<String>,
    /// A namespace may claim only these hosts: blue=*.blue.example.com,blue.example.com, with * for every namespace, and for every host; may
    /// be repeated [default: what no older workload has]
    #[arg(
        long = "host-grant",
        env = "ROUSE_HOST_GRANT",
        value_name = "NAMESPACE=HOST,...",
        value_delimiter = ';'
    )]
    pub(crate) host_grants: Vec<HostGrant>,
    /// Ports of every proxy that may be given to one workload each, to lead callers in the cluster there (http.front); none of the
    /// proxies may use them otherwise [default: there are no fronts]
    #[arg(long, env = "ROUSE_FRONT_PORTS", value_name = "FIRST-LAST", value_parser = value::ports)]
    pub(crate) front_ports: Option<RangeInclusive<u16>>,
    /// Every workload that is awake is looked at no less often than this
    #[arg(long, env = "ROUSE_TICK", value_name = "DURATION", value_parser = value::positive_duration, default_value = "1s")]
    tick: Duration,
    #[command(flatten)]
    triggers: TriggerArgs,
    #[command(flatten)]
    pub(crate) tls: LinkArgs,
    #[command(flatten)]
    pub(crate) certificates: CertificateArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl ScalerArgs {
    /// What the scaler is started with.
    pub(crate) fn scaler(&self) -> ScalerConfig {
        ScalerConfig {
            tick: self.tick,
            triggers: self.triggers.allowed(),
            ..ScalerConfig::default()
        }
    }
}

/// Which of KEDA's objects are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Keda {
    /// None
    Off,
    /// Those with the annotation
    Annotated,
    /// All but those with rouse.dev/adopt: "false"
    All,
}

impl Keda {
    pub(crate) fn adoption(self) -> Adoption {
        match self {
            Self::Off => Adoption::Off,
            Self::Annotated => Adoption::Annotated,
            Self::All => Adoption::All,
        }
    }
}

/// `NAMESPACE/SOMETHING`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Namespaced {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl FromStr for Namespaced {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(format!(
                "{text:?} has no namespace; write it in front: rouse/{text}"
            )),
        }
    }
}
