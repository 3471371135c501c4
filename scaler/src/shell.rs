//! Carries events to the controller, and its actions to the platform and the proxies.

mod metrics;
mod outbox;
mod run;
mod session;

use prometheus_client::registry::Registry;
use rouse_api::link::{ToProxy, ToScaler};
use rouse_api::workload::Workload;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::ScalerConfig;
use crate::controller::{ScalerStatus, WorkloadEvent};
use crate::platform::Platform;
use metrics::Metrics;
use run::Shell;

/// What waits in one direction of a proxy's session, or for the scaler's attention.
const QUEUE: usize = 256;

/// Events kept for a reader that is behind; it loses the oldest.
const EVENTS: usize = 256;

/// A running scaler. Dropped without [`shutdown`](Self::shutdown) it stops at once, and its replicas with it.
#[derive(Debug)]
pub struct Scaler {
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<WorkloadEvent>,
}

/// A proxy's ends of its session. The session lasts until one of them is dropped: that proves the proxy dead.
#[derive(Debug)]
pub struct LinkEnds {
    /// What the proxy says.
    pub to_scaler: mpsc::Sender<ToScaler>,
    /// What the proxy is told: routes first, then every workload's state, then what changes.
    pub from_scaler: mpsc::Receiver<ToProxy>,
}

/// What the handle asks of the task.
#[derive(Debug)]
enum Command {
    Apply(Vec<Workload>, oneshot::Sender<()>),
    Connect(oneshot::Sender<LinkEnds>),
    Status(oneshot::Sender<ScalerStatus>),
    Shutdown(oneshot::Sender<()>),
}

impl Scaler {
    /// Starts without workloads, in a task of the current runtime. Metrics named `rouse_scaler_*` are added to `registry`.
    #[must_use]
    pub fn start<P: Platform>(config: ScalerConfig, platform: P, registry: &mut Registry) -> Self {
        let metrics = Metrics::register(registry);
        let (commands, receiver) = mpsc::channel(QUEUE);
        let (events, _) = broadcast::channel(EVENTS);
        let shell = Shell::new(config, platform, metrics, events.clone());
        tokio::spawn(shell.run(receiver));
        Self { commands, events }
    }

    /// Replaces the whole set of workloads, in the order in which they claim routes; returns when that is in force.
    /// Ids must be unique.
    pub async fn apply(&self, workloads: Vec<Workload>) {
        self.ask(|answer| Command::Apply(workloads, answer)).await;
    }

    /// Opens a proxy's session. After a shutdown both ends are closed.
    pub async fn connect(&self) -> LinkEnds {
        let ends = self.ask(Command::Connect).await;
        ends.unwrap_or_else(|| LinkEnds {
            to_scaler: mpsc::channel(1).0,
            from_scaler: mpsc::channel(1).1,
        })
    }

    /// What the scaler knows; empty after a shutdown.
    pub async fn status(&self) -> ScalerStatus {
        self.ask(Command::Status).await.unwrap_or_default()
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<WorkloadEvent> {
        self.events.subscribe()
    }

    /// Stops every replica within the configured time, and ends every session.
    pub async fn shutdown(&self) {
        self.ask(Command::Shutdown).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.ok()?;
        answered.await.ok()
    }
}
