//! The proxy's end of the link: what the scaler says is taken in order; demand is reported; held requests are paced.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rouse_api::link::{EndpointState, Report, ToProxy, ToScaler, WorkloadReport, WorkloadState};
use rouse_api::workload::WorkloadId;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
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
        *shared.link.heard.lock() = Instant::now();
        let find = |id: &WorkloadId| {
            let table = shared.table.load();
            let known = table.as_ref().and_then(|table| table.workload(id)).cloned();
            known.or_else(|| leaving.iter().find(|workload| workload.id == *id).cloned())
        };
        match message {
            // Whose word counts is settled before it comes here. One that says what it is says later when that was all.
            ToProxy::Role { leads } => {
                let first = shared.table.load().is_none();
                shared.link.syncing.fetch_or(first, Ordering::Relaxed);
                if let Some(owned) = shared.lead(leads, &leaving) {
                    if to_scaler.send(ToScaler::Permits(owned)).await.is_err() {
                        return;
                    }
                    shared.introduced(&leaving);
                }
            }
            ToProxy::Permits(granted) => {
                if let Some(known) = find(&granted.workload) {
                    known.granted(&granted);
                }
            }
            ToProxy::Synced => shared.link.syncing.store(false, Ordering::Relaxed),
            ToProxy::Unlinked => shared.set_unlinked(true, &leaving),
            ToProxy::Linked => shared.set_unlinked(false, &leaving),
            ToProxy::ReportWhole => shared.link.report_whole.store(true, Ordering::Relaxed),
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
                    None => Some(ToScaler::Quiesced { workload, epoch }),
                };
                rouse_failpoint::pass("quiesced");
                if let Some(answer) = answer
                    && to_scaler.send(answer).await.is_err()
                {
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

/// Reports demand at each interval, and looks after connections: of workloads with recent demand, which register through `news`.
pub(crate) async fn report(
    shared: Arc<Shared>,
    to_scaler: mpsc::Sender<ToScaler>,
    mut news: mpsc::UnboundedReceiver<Arc<Workload>>,
) {
    let interval = shared.config.report_interval;
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    let mut active: Vec<Arc<Workload>> = Vec::new();
    for sequence in 0.. {
        ticks.tick().await;
        let now = Instant::now();
        let silence = now.saturating_duration_since(*shared.link.heard.lock());
        shared.metrics.scaler_silence.set(silence.as_secs_f64());
        let table = shared.table.load_full();
        let Some(table) = table else { continue };
        while let Ok(workload) = news.try_recv() {
            active.push(workload);
        }
        let whole = shared.link.report_whole.swap(false, Ordering::Relaxed);
        if whole {
            let unseen = table.workloads.iter().filter(|one| one.begin_look());
            active.extend(unseen.cloned());
        }
        let report = Report {
            whole,
            sequence,
            length: now - last,
            workloads: look(&shared, &mut active, whole),
        };
        last = now;
        let told = to_scaler.send_timeout(ToScaler::Report(report), interval.max(PACE));
        match told.await {
            Ok(()) if whole => shared.fronts.say(),
            Ok(()) => {}
            // Lost: what it told of is told anew.
            Err(SendTimeoutError::Timeout(_)) => {
                shared.link.report_whole.store(true, Ordering::Relaxed);
            }
            Err(SendTimeoutError::Closed(_)) => return,
        }
    }
}

/// Looks at each and keeps those to be looked at again.
fn look(shared: &Shared, active: &mut Vec<Arc<Workload>>, whole: bool) -> Vec<WorkloadReport> {
    let idle = shared.config.upstream.idle;
    let by_service = shared.link.unlinked.load(Ordering::Relaxed);
    let mut entries = Vec::new();
    active.retain(|workload| {
        let (entry, again) = workload.look(whole, idle, by_service);
        entries.extend(entry);
        again
    });
    entries
}

/// Looks regularly at workloads with something held.
pub(crate) async fn pace(mut news: mpsc::UnboundedReceiver<Arc<Workload>>) {
    let mut held: Vec<Arc<Workload>> = Vec::new();
    let mut ticks = tokio::time::interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            news = news.recv() => {
                let Some(workload) = news else { return };
                held.push(workload);
            }
            _ = ticks.tick(), if !held.is_empty() => held.retain(Workload::pace),
        }
    }
}
