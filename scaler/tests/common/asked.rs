//! A worker with one trigger, and a platform that obeys.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rouse_api::workload::{Asked, Polled, Scalable, Source, Target, Trigger, Workload, WorkloadId};
use rouse_scaler::platform::{
    Count, Observation, Observations, Platform, PlatformError, ScaleOrder,
};
use rouse_scaler::{Scaler, ScalerConfig};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{PATIENCE, hello, process, workload};

/// Takes every count on, and tells it. Nothing ever gets ready.
pub(crate) struct Obedient {
    observations: Observations,
    told: mpsc::UnboundedSender<u32>,
}

impl Platform for Obedient {
    fn apply(&self, workload: Arc<Workload>) {
        let mut observation = Observation::of(workload.id.clone(), Vec::new(), None);
        let (version, replicas) = (1, 0);
        observation.count = Some(Count { version, replicas });
        self.observations.put(observation);
    }

    fn forget(&self, _: &WorkloadId) {}

    async fn scale(&self, order: ScaleOrder) -> Result<Count, PlatformError> {
        let _ = self.told.send(order.to);
        let (version, replicas) = (2, order.to);
        Ok(Count { version, replicas })
    }

    async fn observe(&self) -> Observation {
        self.observations.next().await
    }

    async fn shutdown(&self, _: Duration) {}
}

/// A scaler over a platform that obeys, and what it was told to scale to.
pub(crate) fn started(config: ScalerConfig) -> (Scaler, mpsc::UnboundedReceiver<u32>) {
    let (told, said) = mpsc::unbounded_channel();
    let observations = Observations::default();
    let platform = Obedient { observations, told };
    let scaler = Scaler::start(config, platform, &mut Registry::default());
    (scaler, said)
}

/// Asked for each second.
pub(crate) fn asked(of: Asked, target: f64) -> Workload {
    let polled = Polled {
        of,
        target,
        total: false,
        activation: 0.0,
        every: Duration::from_secs(1),
        timeout: Duration::from_secs(3),
        fallback: None,
    };
    let mut workload = workload(process(&["true"]));
    workload.http = None;
    workload.target = Target::Scalable(Scalable {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: "hello".to_owned(),
    });
    workload.triggers = vec![Trigger {
        place: 0,
        source: Source::Polled(polled),
    }];
    workload
}

/// Waits until the last decision has these words.
pub(crate) async fn why(scaler: &Scaler, words: &str) {
    let told = async {
        loop {
            let status = scaler.workload_status(&hello()).await.unwrap();
            let readings = serde_json::to_string(&status.decision).unwrap();
            if readings.contains(words) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(PATIENCE, told).await.is_err() {
        let status = scaler.workload_status(&hello()).await.unwrap();
        panic!("{words} is not in {:?}", status.decision);
    }
}
