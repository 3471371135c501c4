//! Carries events to the controller, and its actions to the platform and the proxies.

mod changes;
mod fronts;
mod metrics;
mod outbox;
mod run;
mod session;

use std::collections::BTreeSet;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use rouse_api::link::{Capabilities, MemberId, Term, ToProxy, ToScaler};
use rouse_api::workload::{Workload, WorkloadId};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::ScalerConfig;
use crate::controller::{DecisionHistory, ScalerStatus, SessionEnd, WorkloadEvent, WorkloadStatus};
use crate::platform::Platform;
use changes::Changes;
pub use fronts::Listening;
use metrics::Metrics;
#[cfg(feature = "chaos")]
pub(crate) use outbox::Outbox;
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
    changes: Arc<Changes>,
    listening: watch::Receiver<Listening>,
}

/// A proxy's ends of its session. The session lasts until one of them is dropped, or the scaler ends it because the same proxy,
/// or another on its host, has connected anew.
#[derive(Debug)]
pub struct LinkEnds {
    /// What the proxy says.
    pub to_scaler: mpsc::Sender<ToScaler>,
    /// What the proxy is told: this scaler's role, the routes, the state of each workload that has something to tell, `Synced`; then
    /// what changes.
    pub from_scaler: mpsc::Receiver<ToProxy>,
}

/// What the handle asks of the task.
#[derive(Debug)]
enum Command {
    Apply(Vec<Workload>, oneshot::Sender<()>),
    Connect(
        MemberId,
        SessionEnd,
        Capabilities,
        oneshot::Sender<LinkEnds>,
    ),
    LiveHosts(BTreeSet<Arc<str>>, oneshot::Sender<()>),
    Lead(Option<Term>, oneshot::Sender<()>),
    WorkloadStatus(WorkloadId, oneshot::Sender<Option<WorkloadStatus>>),
    History(WorkloadId, oneshot::Sender<Option<DecisionHistory>>),
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
        let changes = Arc::new(Changes::default());
        let (told, listening) = watch::channel(Listening::new());
        let tell = (events.clone(), changes.clone(), told);
        let shell = Shell::new(config, platform, metrics, tell);
        tokio::spawn(shell.run(receiver));
        Self {
            commands,
            events,
            changes,
            listening,
        }
    }

    /// Replaces the whole set of workloads, in the order in which they claim routes; returns when that is in force.
    /// Ids must be unique.
    pub async fn apply(&self, workloads: Vec<Workload>) {
        self.ask(|answer| Command::Apply(workloads, answer)).await;
    }

    /// Opens a session of the proxy `member`; an earlier one of the same proxy, or of another instance on its host, is over. `end` says
    /// what the session's end proves, `capabilities` what the proxy can do. After a shutdown, and with too many members, both ends are
    /// closed.
    pub async fn connect(
        &self,
        member: MemberId,
        end: SessionEnd,
        capabilities: Capabilities,
    ) -> LinkEnds {
        let ends = self
            .ask(|answer| Command::Connect(member, end, capabilities, answer))
            .await;
        ends.unwrap_or_else(|| LinkEnds {
            to_scaler: mpsc::channel(1).0,
            from_scaler: mpsc::channel(1).1,
        })
    }

    /// Proxies run on these hosts and on no others. From the first call on a live host that has never connected counts as a proxy whose
    /// demand is not known, and one that is not connected and whose host is not live is dead. Never called, only
    /// [`SessionEnd::Death`] and `Leaving` prove a proxy dead.
    pub async fn live_hosts(&self, hosts: BTreeSet<Arc<str>>) {
        self.ask(|answer| Command::LiveHosts(hosts, answer)).await;
    }

    /// From now on this scaler leads in that term, or does not lead; returns when that is in force. See [`ScalerConfig::leads`].
    pub async fn lead(&self, term: Option<Term>) {
        self.ask(|answer| Command::Lead(term, answer)).await;
    }

    /// What the scaler knows of one workload; `None`: it knows none of that name, or is shut down.
    pub async fn workload_status(&self, workload: &WorkloadId) -> Option<WorkloadStatus> {
        let workload = workload.clone();
        let ask = |answer| Command::WorkloadStatus(workload, answer);
        self.ask(ask).await.flatten()
    }

    /// The last decisions about one workload, oldest first; `None`: the scaler knows none of that name, or is shut down.
    pub async fn history(&self, workload: &WorkloadId) -> Option<DecisionHistory> {
        let workload = workload.clone();
        let ask = |answer| Command::History(workload, answer);
        self.ask(ask).await.flatten()
    }

    /// Workloads whose status has changed since this was asked last, in phase, counts, decision, failure or the scaler's role;
    /// waits until there is one. For one reader; safe to drop and call again. Forgotten workloads are not named.
    pub async fn changed(&self) -> BTreeSet<WorkloadId> {
        self.changes.take().await
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

    /// What proxies listen for on ports of their own, and what they will.
    #[must_use]
    pub fn listening(&self) -> watch::Receiver<Listening> {
        self.listening.clone()
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
