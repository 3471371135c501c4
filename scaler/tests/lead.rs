//! The whole scaler with a platform that never answers, when another takes the lead.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may"
)]

mod common;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use common::{PATIENCE, hello, process, workload};
use prometheus_client::registry::Registry;
use rouse_api::link::{Capabilities, MemberId, Report, ToProxy, ToScaler};
use rouse_api::workload::{Scalable, Target, Workload, WorkloadId};
use rouse_scaler::platform::{
    Count, Observation, Observations, Platform, PlatformError, ScaleOrder,
};
use rouse_scaler::{Scaler, ScalerConfig, SessionEnd};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// One replica is wanted. It never answers a scale, and tells when it begins and when it is given up.
struct Silent {
    observations: Observations,
    told: mpsc::UnboundedSender<&'static str>,
}

struct GivenUp(mpsc::UnboundedSender<&'static str>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        let _ = self.0.send("given up");
    }
}

impl Platform for Silent {
    fn apply(&self, workload: Arc<Workload>) {
        let mut observation = Observation::of(workload.id.clone(), Vec::new(), None);
        let (version, replicas) = (1, 1);
        observation.count = Some(Count { version, replicas });
        self.observations.put(observation);
    }

    fn forget(&self, _: &WorkloadId) {}

    async fn scale(&self, order: ScaleOrder) -> Result<Count, PlatformError> {
        assert_eq!((order.from, order.to), (1, 0));
        let _given_up = GivenUp(self.told.clone());
        let _ = self.told.send("begun");
        pending().await
    }

    async fn observe(&self) -> Observation {
        self.observations.next().await
    }

    async fn shutdown(&self, _: Duration) {}
}

#[tokio::test]
async fn what_is_being_lowered_is_given_up_with_the_lead() {
    let (told, mut said) = mpsc::unbounded_channel();
    let observations = Observations::default();
    let platform = Silent { observations, told };
    let config = ScalerConfig {
        leads: Some(1),
        ..ScalerConfig::default()
    };
    let scaler = Scaler::start(config, platform, &mut Registry::default());
    let mut workload = workload(process(&["true"]));
    workload.target = Target::Scalable(Scalable {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: "hello".to_owned(),
    });
    scaler.apply(vec![workload]).await;
    let (host, instance) = ("host".into(), 1);
    let member = MemberId { host, instance };
    let mut ends = scaler
        .connect(member, SessionEnd::Silence, Capabilities::ALL)
        .await;
    let mut sequence = 0;
    let slept = async {
        loop {
            tokio::select! {
                word = said.recv() => return word,
                message = ends.from_scaler.recv() => if let Some(ToProxy::Quiesce { workload, epoch, .. }) = message {
                    let answer = ToScaler::Quiesced { workload, epoch };
                    ends.to_scaler.send(answer).await.unwrap();
                },
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    sequence += 1;
                    let report = Report { sequence, length: Duration::from_millis(50), whole: true, workloads: Vec::new() };
                    ends.to_scaler.send(ToScaler::Report(report)).await.unwrap();
                }
            }
        }
    };
    assert_eq!(timeout(PATIENCE, slept).await.unwrap(), Some("begun"));
    scaler.lead(None).await;
    let word = timeout(PATIENCE, said.recv()).await.unwrap();
    assert_eq!(word, Some("given up"));
    let awake = async {
        while scaler.workload_status(&hello()).await.unwrap().phase == "stopping" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, awake).await.unwrap();
    scaler.shutdown().await;
}
