//! The way back of an endpoint that was set aside.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use rouse_api::link::EndpointId;
use rouse_api::workload::ProbeAction;
use tokio::time::Instant;

use super::handle::Workload;

/// Between two probes of an endpoint that was set aside: first, and at most.
const FIRST: Duration = Duration::from_millis(10);
const SLOWEST: Duration = Duration::from_secs(5);

/// Tries the address until it accepts again, or the endpoint has gone.
pub(super) async fn probe_until_back(
    workload: Weak<Workload>,
    id: EndpointId,
    address: SocketAddr,
) {
    let mut pause = FIRST;
    let action = ProbeAction::TcpSocket { port: None };
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(SLOWEST);
        let Some(timeout) = workload
            .upgrade()
            .filter(|workload| workload.core().knows(&id))
            .map(|workload| workload.http.load().timeouts.connect)
        else {
            return;
        };
        let answer = rouse_probe::attempt(&action, address, &BTreeMap::new(), None, timeout).await;
        if answer.is_ok()
            && let Some(workload) = workload.upgrade()
        {
            tracing::info!(workload = %workload.id, endpoint = %address, "endpoint answers again");
            workload.core().back(&id, Instant::now());
            return;
        }
    }
}
