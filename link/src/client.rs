//! The proxy's side: connects to every scaler, takes state from one of them, and looks to the proxy like one scaler.

mod addresses;
#[cfg(feature = "chaos")]
pub mod chaos;
mod config;
mod connection;
mod dial;
mod merge;
mod metrics;
mod mux;
mod outbox;
mod run;
mod status;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use rouse_api::link::{ToProxy, ToScaler};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::tls::{self, TlsError};
pub use config::{ClientConfig, Timing};
use dial::Dialer;
use metrics::Metrics;
use mux::Mux;
use run::Shared;
pub use status::{ConnectionState, LinkStatus, ScalerStatus};

/// What waits between the link and the proxy, each way. Behind it the scalers' own outboxes fill.
const QUEUE: usize = 256;

/// What the proxy is given: to it, all scalers are one.
#[derive(Debug)]
pub struct LinkEnds {
    /// What the proxy says. That it is dropped says nothing: [`Link::leave`] does.
    pub to_scaler: mpsc::Sender<ToScaler>,
    /// What the source says; [`ToProxy::Unlinked`], [`ToProxy::Linked`] and [`ToProxy::ReportWhole`].
    pub from_scaler: mpsc::Receiver<ToProxy>,
}

/// A running link. Dropped, its connections are cut: no death, to the scalers.
#[derive(Debug)]
pub struct Link {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
    leave_timeout: Duration,
}

/// Begins to connect; must be called in a tokio runtime. Metrics named `rouse_link_client_*` are added to `registry`.
///
/// # Errors
/// When the keys can't be used. That no scaler can be reached is none: it is tried for ever.
pub async fn connect(
    config: ClientConfig,
    registry: &mut Registry,
) -> Result<(LinkEnds, Link), TlsError> {
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    let tls = tls::client(&config.tls, stop.clone(), registry).await?;
    let dialer = Dialer::new(tls, tls::server_name(&config.server_name)?, &config.timing);
    let metrics = Metrics::register(registry);
    let (to_scaler, from_proxy) = mpsc::channel(QUEUE);
    let (to_proxy, from_scaler) = mpsc::channel(QUEUE);
    let leave_timeout = config.timing.leave;
    let mux = Mux::new(&config.timing, metrics.clone(), tokio::time::Instant::now());
    let shared = Arc::new(Shared {
        config,
        dialer,
        metrics,
        mux: Mutex::new(mux),
        leaving: CancellationToken::new(),
    });
    let tasks = TaskTracker::new();
    let spawn = |task| tasks.spawn(stop.clone().run_until_cancelled_owned(task));
    let (events, news) = mpsc::channel(QUEUE);
    spawn(run::Task::boxed(run::said(shared.clone(), from_proxy)));
    spawn(run::Task::boxed(run::heard(shared.clone(), news, to_proxy)));
    spawn(run::Task::boxed(addresses::keep(shared.clone(), events)));
    tasks.close();
    guard.disarm();
    let link = Link {
        shared,
        stop,
        tasks,
        leave_timeout,
    };
    let ends = LinkEnds {
        to_scaler,
        from_scaler,
    };
    Ok((ends, link))
}

impl Link {
    /// Who is connected, and whose word counts.
    #[must_use]
    pub fn status(&self) -> LinkStatus {
        self.shared.mux.lock().status()
    }

    /// Tells every connected scaler that this proxy is no member any more, waits until they have heard it (or for the configured
    /// time at most), and ends the link.
    pub async fn leave(self) {
        self.shared.leave();
        if tokio::time::timeout(self.leave_timeout, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("not every scaler has heard in time that this proxy leaves");
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
