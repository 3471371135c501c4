//! Proxy, scaler and local platform as one running thing.

use std::ffi::OsString;
use std::net::SocketAddr;

use prometheus_client::registry::Registry;
use rouse_api::link::{Capabilities, MemberId};
use rouse_api::workload::{Workload, WorkloadId};
use rouse_proxy::{LinkEnds, Proxy, ProxyConfig, ProxyStatus};
use rouse_scaler::platform::local::{LocalConfig, LocalPlatform};
use rouse_scaler::{
    DecisionHistory, Scaler, ScalerConfig, ScalerStatus, SessionEnd, WorkloadEvent,
};
use serde::Serialize;
use tokio::sync::broadcast;

use crate::admin::Subject;
use crate::error::Error;

/// The first argument that makes this binary a guard.
pub(crate) const GUARD: &str = "guard";

/// A running proxy with its scaler.
pub(crate) struct Gateway {
    proxy: Proxy,
    scaler: Scaler,
}

/// What both know.
#[derive(Debug, Serialize)]
pub(crate) struct GatewayStatus {
    pub(crate) proxy: ProxyStatus,
    pub(crate) scaler: ScalerStatus,
}

impl Gateway {
    /// Binds and serves the workloads. Metrics are added to `registry`.
    pub(crate) async fn start(
        proxy: ProxyConfig,
        scaler: ScalerConfig,
        workloads: Vec<Workload>,
        registry: &mut Registry,
    ) -> Result<Self, Error> {
        let platform = LocalPlatform::new(LocalConfig {
            guard: vec![this_binary()?, GUARD.into()],
        });
        let scaler = Scaler::start(scaler, platform, registry);
        // Before the proxy is linked: the first routes it is told are all of them.
        scaler.apply(workloads).await;
        // In one process the end of the session is the proxy's.
        let (host, instance) = ("standalone".into(), 0);
        let link = scaler
            .connect(
                MemberId { host, instance },
                SessionEnd::Death,
                Capabilities::ALL,
            )
            .await;
        let link = LinkEnds {
            to_scaler: link.to_scaler,
            from_scaler: link.from_scaler,
        };
        match Proxy::start(proxy, link, registry).await {
            Ok(proxy) => Ok(Self { proxy, scaler }),
            Err(error) => {
                scaler.shutdown().await;
                Err(Error::Failed(format!("rouse: {error}")))
            }
        }
    }

    /// Where requests are taken.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        self.proxy.addresses()
    }

    /// Replaces the whole set of workloads.
    pub(crate) async fn apply(&self, workloads: Vec<Workload>) {
        self.scaler.apply(workloads).await;
    }

    /// What happens to workloads from now on.
    pub(crate) fn events(&self) -> broadcast::Receiver<WorkloadEvent> {
        self.scaler.events()
    }

    /// Requests of a workload that are not answered yet: in flight and held, at this moment.
    pub(crate) fn unanswered(&self, workload: &WorkloadId) -> usize {
        let status = self.proxy.status();
        let found = status
            .workloads
            .iter()
            .find(|one| one.workload == *workload);
        found.map_or(0, |one| {
            one.held
                .saturating_add(usize::try_from(one.in_flight).unwrap_or(usize::MAX))
        })
    }

    /// What the scaler knows.
    pub(crate) async fn scaler_status(&self) -> ScalerStatus {
        self.scaler.status().await
    }

    /// Finishes what is in flight, then stops the replicas.
    pub(crate) async fn stop(&self) {
        self.proxy.shutdown().await;
        self.scaler.shutdown().await;
    }

    /// Cuts every connection. The replicas' guards end them when this process does.
    pub(crate) fn abort(&self) {
        self.proxy.abort();
    }
}

impl Subject for Gateway {
    type Status = GatewayStatus;

    fn ready(&self) -> bool {
        self.proxy.ready()
    }

    async fn status(&self) -> GatewayStatus {
        GatewayStatus {
            proxy: self.proxy.status(),
            scaler: self.scaler.status().await,
        }
    }

    async fn history(&self, workload: &WorkloadId) -> Option<DecisionHistory> {
        self.scaler.history(workload).await
    }
}

/// The program to run for guards and for the sample service.
pub(crate) fn this_binary() -> Result<OsString, Error> {
    std::env::current_exe()
        .map(std::path::PathBuf::into_os_string)
        .map_err(|error| Error::Failed(format!("rouse: cannot find its own program: {error}")))
}
