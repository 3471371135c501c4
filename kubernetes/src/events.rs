//! What is worth telling of a workload as Events of Kubernetes, for `kubectl describe`: few, and never more than the API server bears.

mod limit;
mod said;
mod sink;
#[cfg(test)]
mod tests;

use std::time::Duration;

use kube::Client;
use rouse_scaler::WorkloadEvent;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::facts::Objects;
use limit::Limit;
use said::said;
use sink::{Outcome, Sink};

/// Without the right to write them it is not tried again for so long.
const FORBIDDEN_PAUSE: Duration = Duration::from_mins(10);

/// After any other refusal; what happens meanwhile is not told.
const PAUSE: Duration = Duration::from_secs(5);

/// Writes until `stop`: of wakes those that this scaler has asked for, of the rest what the leader sees. `instance`: this process.
/// What can't be written is dropped: Events are for people, and the status tells what stands.
pub async fn run(
    client: Client,
    objects: Objects,
    mut happened: broadcast::Receiver<WorkloadEvent>,
    leads: watch::Receiver<bool>,
    instance: String,
    stop: CancellationToken,
) {
    let sink = Sink::new(client, &instance);
    let mut limit = Limit::default();
    let mut paused: Option<Instant> = None;
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = happened.recv() => event,
        };
        let event = match event {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let now = Instant::now();
        let Some(said) = said(&event.kind, *leads.borrow()) else {
            continue;
        };
        if paused.is_some_and(|until| now < until) || !limit.take(&event.workload, now) {
            continue;
        }
        let Some(facts) = objects.get(&event.workload) else {
            continue;
        };
        paused = match sink
            .write(&event.workload, (&facts.uid, &facts.origin), &said)
            .await
        {
            Outcome::Written => None,
            Outcome::Forbidden(why) => {
                tracing::info!(
                    "no Events are written: give the scaler's service account `create` on events of events.k8s.io, as deploy/ does, if there shall be any ({why})"
                );
                Some(Instant::now() + FORBIDDEN_PAUSE)
            }
            Outcome::Failed(why) => {
                tracing::debug!(workload = %event.workload, "an Event can't be written: {why}");
                Some(Instant::now() + PAUSE)
            }
            Outcome::Dropped => None,
        };
    }
}
