//! `rouse proxy`: the data plane alone, linked to scalers elsewhere.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use rouse_api::link::MemberId;
use rouse_link::client::{self, ClientConfig, ConnectionState, Link};
use rouse_proxy::{LinkEnds, Proxy, ProxyConfig, ProxyStatus};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::admin::{Admin, Answers, Subject};
use crate::cli::ProxyArgs;
use crate::error::Error;
use crate::signals::Signals;

/// Until a signal.
pub(crate) fn run(args: &ProxyArgs) -> Result<(), Error> {
    args.log.start();
    let runtime = crate::runtime(args.data.threads())?;
    let served = runtime.block_on(Box::pin(serve(args)));
    // What still runs ends with the process.
    runtime.shutdown_background();
    served
}

async fn serve(args: &ProxyArgs) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let mut registry = Registry::default();
    let admin = Admin::bind(args.admin.address).await?;
    let linked = Arc::new(Linked::start(args, &mut registry).await?);
    for address in linked.proxy.addresses() {
        tracing::info!("proxy listening on http://{address}");
    }
    tracing::info!("admin listening on http://{}", admin.address());
    let admin = tokio::spawn(admin.serve(Answers::new(linked.clone(), registry)));
    let signal = signals.next().await;
    tracing::info!("{signal}: finishing what is in flight; a second signal ends at once");
    let stopped = tokio::select! {
        () = linked.stop() => Ok(()),
        signal = signals.next() => {
            linked.proxy.abort();
            Err(Error::Failed(format!("rouse: ended at once by a second signal ({signal})")))
        }
    };
    // To the end it says that we are not ready.
    admin.abort();
    stopped
}

/// A proxy with its link.
struct Linked {
    proxy: Proxy,
    /// Taken when it is left.
    link: Mutex<Option<Link>>,
}

/// What both know.
#[derive(Serialize)]
struct Status {
    proxy: ProxyStatus,
    link: Option<LinkStatus>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LinkStatus {
    /// No scaler has been connected for so long that pod addresses are not dialled any more.
    unlinked: bool,
    scalers: Vec<ScalerStatus>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScalerStatus {
    address: String,
    name: String,
    state: &'static str,
    for_seconds: f64,
    leads: bool,
    /// Its word counts.
    source: bool,
    error: Option<String>,
}

impl Linked {
    async fn start(args: &ProxyArgs, registry: &mut Registry) -> Result<Self, Error> {
        let member = MemberId {
            host: args.host.as_str().into(),
            instance: rand(),
        };
        let mut config =
            ClientConfig::new(args.scalers.clone(), member.clone(), args.link.config());
        config.server_name.clone_from(&args.link_name);
        let connected = client::connect(config, registry).await;
        let (ends, link) = connected.map_err(|error| Error::Failed(format!("rouse: {error}")))?;
        let ends = LinkEnds {
            to_scaler: ends.to_scaler,
            from_scaler: ends.from_scaler,
        };
        let config = ProxyConfig {
            member,
            ..args.data.proxy()
        };
        let started = Proxy::start(config, ends, registry).await;
        let proxy = started.map_err(|error| Error::Failed(format!("rouse: {error}")))?;
        let link = Mutex::new(Some(link));
        Ok(Self { proxy, link })
    }

    /// Finishes what is in flight, then says goodbye to the scalers.
    async fn stop(&self) {
        self.proxy.shutdown().await;
        if let Some(link) = self.link.lock().await.take() {
            link.leave().await;
        }
    }
}

impl Subject for Linked {
    type Status = Status;

    fn ready(&self) -> bool {
        self.proxy.ready()
    }

    async fn status(&self) -> Status {
        let link = self.link.lock().await;
        Status {
            proxy: self.proxy.status(),
            link: link.as_ref().map(|link| told(link.status())),
        }
    }
}

fn told(status: client::LinkStatus) -> LinkStatus {
    let scaler = |one: client::ScalerStatus| ScalerStatus {
        address: one.address.to_string(),
        name: one.name,
        state: match one.state {
            ConnectionState::Connecting => "connecting",
            ConnectionState::Syncing => "syncing",
            ConnectionState::Synced => "synced",
        },
        for_seconds: one.since.as_secs_f64(),
        leads: one.leads.is_some(),
        source: one.source,
        error: one.error,
    };
    LinkStatus {
        unlinked: status.unlinked,
        scalers: status.scalers.into_iter().map(scaler).collect(),
    }
}

/// Differs from start to start: hashers are seeded anew by the system's randomness.
fn rand() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
