//! The proxy's end of the link: what the scaler says is taken in order; demand is reported; held requests are paced.

use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::{EndpointState, Report, ToProxy, ToScaler, WorkloadState};
use rouse_api::workload::WorkloadId;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::shared::Shared;
use crate::workload::Workload;

/// A look at each workload with something held: repeats its Wake and opens its ramp.
const PACE: Duration = Duration::from_millis(20);

/// Two channels to a scaler; in one process directly, else moved over the wire by a task.
#[derive(Debug)]
pub struct LinkEnds {
    /// What the proxy says.
    pub to_scaler: mpsc::Sender<ToScaler>,
    /// What the scaler says.
    pub from_scaler: mpsc::Receiver<ToProxy>,
}

/// Takes what the scaler says until it says no more.
pub(crate) async fn listen(
    shared: Arc<Shared>,
    mut from_scaler: mpsc::Receiver<ToProxy>,
    to_scaler: mpsc::Sender<ToScaler>,
) {
    // Gone from the routes with requests in flight: no more than there are requests.
    let mut leaving: Vec<Arc<Workload>> = Vec::new();
    while let Some(message) = from_scaler.recv().await {
        let find = |id: &WorkloadId| {
            let table = shared.table.load();
            let known = table.as_ref().and_then(|table| table.workload(id)).cloned();
            known.or_else(|| leaving.iter().find(|workload| workload.id == *id).cloned())
        };
        match message {
            ToProxy::Role { .. } | ToProxy::Synced | ToProxy::Unlinked | ToProxy::Linked => {}
            ToProxy::Routes(routes) => shared.route(&routes, &mut leaving),
            ToProxy::State(state) => match find(&state.workload) {
                Some(workload) => workload.apply(&state),
                // Nothing is in flight at what isn't known.
                None => {
                    for endpoint in draining(state) {
                        if to_scaler.send(endpoint).await.is_err() {
                            return;
                        }
                    }
                }
            },
            ToProxy::Quiesce {
                workload,
                epoch,
                idle_for,
            } => {
                let answer = match find(&workload) {
                    Some(known) => known.quiesce(epoch, idle_for),
                    // Nothing is sent to what isn't known.
                    None => ToScaler::Quiesced { workload, epoch },
                };
                if to_scaler.send(answer).await.is_err() {
                    return;
                }
            }
            ToProxy::Resume { workload, epoch } => {
                if let Some(known) = find(&workload) {
                    known.resume(epoch);
                }
            }
            ToProxy::Asleep { workload, epoch } => {
                if let Some(known) = find(&workload) {
                    known.asleep(epoch);
                }
            }
        }
    }
}

/// The word that nothing is in flight on any draining endpoint.
fn draining(state: WorkloadState) -> impl Iterator<Item = ToScaler> {
    let workload = state.workload;
    state
        .endpoints
        .into_iter()
        .filter(|endpoint| endpoint.state == EndpointState::Draining)
        .map(move |endpoint| ToScaler::Drained {
            workload: workload.clone(),
            endpoint: endpoint.id,
        })
}

/// Reports demand at each interval, and sweeps what is idle.
pub(crate) async fn report(shared: Arc<Shared>, to_scaler: mpsc::Sender<ToScaler>) {
    let mut ticks = tokio::time::interval(shared.config.report_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    for sequence in 0.. {
        ticks.tick().await;
        let table = shared.table.load_full();
        let Some(table) = table else { continue };
        let now = Instant::now();
        let report = Report {
            whole: true,
            sequence,
            length: now - last,
            workloads: table
                .workloads
                .iter()
                .map(|workload| workload.report())
                .collect(),
        };
        last = now;
        for workload in &table.workloads {
            workload.sweep(shared.config.upstream.idle, now);
            let (in_flight, held) = workload.load();
            workload.metrics.in_flight.set(i64::from(in_flight));
            workload
                .metrics
                .held
                .set(i64::try_from(held).unwrap_or(i64::MAX));
        }
        if to_scaler.send(ToScaler::Report(report)).await.is_err() {
            return;
        }
    }
}

/// Looks regularly at workloads with something held.
pub(crate) async fn pace(mut news: mpsc::UnboundedReceiver<Arc<Workload>>) {
    let mut held: Vec<Arc<Workload>> = Vec::new();
    let mut ticks = tokio::time::interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            news = news.recv() => {
                let Some(workload) = news else { return };
                held.push(workload);
            }
            _ = ticks.tick(), if !held.is_empty() => held.retain(|workload| workload.pace()),
        }
    }
}
