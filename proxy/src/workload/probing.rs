//! Finding out at first hand that a starting endpoint is ready: its own readiness probe, tried much more often than a platform would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rouse_api::link::EndpointId;
use rouse_api::workload::{Probe, ProbeAction, Protocol};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::aside::probe_until_back;
use super::handle::Workload;
use super::settings::Settings;
use crate::endpoint::Endpoint;
use crate::metrics::ProbeMetrics;

/// Tries at once over all endpoints: one that hangs lasts as long as its probe's timeout.
const TRIES: usize = 256;

/// Between the beginnings of two tries at first, for a connection: a refused one costs some microseconds, and the replica nothing.
const FIRST_TCP: Duration = Duration::from_millis(2);
/// The same for a request.
const FIRST: Duration = Duration::from_millis(4);
/// What has been starting for this long is tried less often: ...
const SLOW_AFTER: Duration = Duration::from_secs(2);
const SLOW: Duration = Duration::from_millis(20);
/// ... and after this long it is no longer a matter of milliseconds.
const SLOWEST_AFTER: Duration = Duration::from_secs(30);
const SLOWEST: Duration = Duration::from_millis(250);

/// What is tried by the simulation.
#[cfg(feature = "chaos")]
pub(crate) enum Trying {
    Ready(Weak<Workload>, Arc<Endpoint>),
    Back(Weak<Workload>, EndpointId, SocketAddr),
}

/// What all probing shares.
#[derive(Debug)]
pub(crate) struct Prober {
    tries: Semaphore,
    metrics: ProbeMetrics,
    stop: CancellationToken,
    /// Where what is to be tried goes instead of to a task with a socket.
    #[cfg(feature = "chaos")]
    pub(crate) aside: std::sync::OnceLock<tokio::sync::mpsc::UnboundedSender<Trying>>,
}

impl Prober {
    pub(crate) fn new(metrics: ProbeMetrics, stop: CancellationToken) -> Self {
        Self {
            tries: Semaphore::new(TRIES),
            metrics,
            stop,
            #[cfg(feature = "chaos")]
            aside: std::sync::OnceLock::new(),
        }
    }

    /// Finds out when a starting endpoint is ready.
    pub(super) fn begin(self: &Arc<Self>, workload: Weak<Workload>, endpoint: Arc<Endpoint>) {
        #[cfg(feature = "chaos")]
        if let Some(aside) = self.aside.get() {
            let _ = aside.send(Trying::Ready(workload, endpoint));
            return;
        }
        tokio::spawn(probe_until_ready(workload, endpoint, self.clone()));
    }

    /// Finds out when an endpoint that was set aside is back.
    pub(super) fn begin_back(&self, workload: Weak<Workload>, id: EndpointId, address: SocketAddr) {
        #[cfg(feature = "chaos")]
        if let Some(aside) = self.aside.get() {
            let _ = aside.send(Trying::Back(workload, id, address));
            return;
        }
        tokio::spawn(probe_until_back(workload, id, address));
    }

    /// What is tried on the endpoint's own port is tried over TLS where requests will be: without it nobody there would answer.
    async fn attempt(&self, probe: &Probe, endpoint: &Endpoint, settings: &Settings) -> bool {
        let Ok(_place) = self.tries.acquire().await else {
            return false;
        };
        let env = BTreeMap::new();
        let address = endpoint.address;
        let own = |port: &Option<u16>| port.is_none_or(|port| port == address.port());
        let requested = match &probe.action {
            ProbeAction::HttpGet { port, .. }
            | ProbeAction::TcpSocket { port }
            | ProbeAction::Grpc { port, .. } => own(port),
            ProbeAction::Exec { .. } => false,
        };
        let tried = match settings.tls().filter(|_| requested) {
            None => rouse_probe::attempt(&probe.action, address, &env, None, probe.timeout).await,
            Some(tls) => {
                let protocol = match probe.action {
                    ProbeAction::Grpc { .. } => Protocol::H2c,
                    ProbeAction::TcpSocket { .. } => settings.protocol,
                    _ => Protocol::Http1,
                };
                let dial = |stream| tls.connect(stream, endpoint.peer(), protocol);
                rouse_probe::attempt_over(&probe.action, address, probe.timeout, dial).await
            }
        };
        match tried {
            Ok(()) => self.metrics.passed.inc(),
            Err(_) => self.metrics.failed.inc(),
        };
        tried.is_ok()
    }
}

/// Tries a starting endpoint's probe, one try at a time, until it has passed or nobody wants to know any more.
async fn probe_until_ready(workload: Weak<Workload>, endpoint: Arc<Endpoint>, prober: Arc<Prober>) {
    let began = Instant::now();
    let mut successes = 0;
    while let Some((probe, settings)) = workload.upgrade().and_then(|workload| {
        let settings = workload.http.load_full();
        Some((workload.probe(&endpoint)?, settings))
    }) {
        let tried = Instant::now();
        let passed = tokio::select! {
            biased;
            () = prober.stop.cancelled() => return,
            () = endpoint.gone() => return,
            passed = prober.attempt(&probe, &endpoint, &settings) => passed,
        };
        successes = if passed { successes + 1 } else { 0 };
        if successes >= probe.success_threshold.max(1) {
            if let Some(workload) = workload.upgrade() {
                workload.prove(&endpoint);
            }
            return;
        }
        sleep_until(tried + pause(&probe.action, began.elapsed())).await;
    }
}

/// Between the beginnings of two tries of an endpoint that has been starting for `age`.
fn pause(action: &ProbeAction, age: Duration) -> Duration {
    match action {
        _ if age >= SLOWEST_AFTER => SLOWEST,
        _ if age >= SLOW_AFTER => SLOW,
        ProbeAction::TcpSocket { .. } => FIRST_TCP,
        _ => FIRST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_for_long_is_tried_less_often() {
        let tcp = ProbeAction::TcpSocket { port: None };
        let get = ProbeAction::HttpGet {
            path: "/".to_owned(),
            headers: Vec::new(),
            port: None,
        };
        let millis = |action, age| pause(action, Duration::from_millis(age)).as_millis();
        assert_eq!((millis(&tcp, 0), millis(&get, 1999)), (2, 4));
        assert_eq!((millis(&tcp, 2000), millis(&get, 29_999)), (20, 20));
        assert_eq!((millis(&tcp, 30_000), millis(&get, 900_000)), (250, 250));
    }
}
