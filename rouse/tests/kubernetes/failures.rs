//! Replicas that can't come up: what is held is told why, as soon as it is known for good.

use serde_json::json;

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::{Whole, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    an_image_that_cannot_be_pulled_is_told,
    a_crash_loop_is_told,
    no_room_is_told_as_progress_and_then_at_the_deadline,
    a_missing_secret_is_told,
    a_quota_is_told,
    what_is_repaired_wakes,
];

fn assert_told(answer: &Whole, status: u16, cause: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.text().contains(cause), "{cause}: {}", answer.text());
}

async fn an_image_that_cannot_be_pulled_is_told(cluster: &Cluster) {
    let space = Space::new(cluster, "fail-image").await;
    space
        .workload(
            &App {
                image: "nowhere/nothing:1",
                ..App::new("hello")
            },
            json!({}),
        )
        .await;
    assert_told(&space.get(0, "hello", "/").await, 503, "ImagePull");
    until("the status says so", async || {
        space.condition("hello", "Degraded").await.0 == "True"
    })
    .await;
    space.end().await;
}

async fn a_crash_loop_is_told(cluster: &Cluster) {
    let space = Space::new(cluster, "fail-crash").await;
    let app = App {
        flags: &["--fail-start", "3"],
        ..App::new("hello")
    };
    space.workload(&app, json!({})).await;
    assert_told(&space.get(0, "hello", "/").await, 503, "CrashLoopBackOff");
    space.end().await;
}

async fn no_room_is_told_as_progress_and_then_at_the_deadline(cluster: &Cluster) {
    let space = Space::new(cluster, "fail-room").await;
    let app = App {
        container: json!({"resources": {"requests": {"cpu": "100k"}}}),
        ..App::new("hello")
    };
    space
        .workload(&app, json!({"http": {"hold": {"timeout": "2s"}}}))
        .await;
    assert_told(&space.get(0, "hello", "/").await, 504, "Unschedulable");
    space.end().await;
}

async fn a_missing_secret_is_told(cluster: &Cluster) {
    let space = Space::new(cluster, "fail-secret").await;
    let env = json!({"envFrom": [{"secretRef": {"name": "not-there"}}]});
    space
        .workload(
            &App {
                container: env,
                ..App::new("hello")
            },
            json!({}),
        )
        .await;
    assert_told(
        &space.get(0, "hello", "/").await,
        503,
        "CreateContainerConfigError",
    );
    space.end().await;
}

async fn a_quota_is_told(cluster: &Cluster) {
    let space = Space::new(cluster, "fail-quota").await;
    space
        .apply(json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}))
        .await;
    until("the quota is in force", async || {
        let quotas: kube::Api<k8s_openapi::api::core::v1::ResourceQuota> =
            kube::Api::namespaced(cluster.client.clone(), &space.name);
        quotas
            .get("none")
            .await
            .unwrap()
            .status
            .and_then(|status| status.hard)
            .is_some()
    })
    .await;
    space.workload(&App::new("hello"), json!({})).await;
    assert_told(&space.get(0, "hello", "/").await, 503, "exceeded quota");
    space.end().await;
}

async fn what_is_repaired_wakes(cluster: &Cluster) {
    let space = Space::new(cluster, "fail-repaired").await;
    space
        .workload(
            &App {
                image: "nowhere/nothing:1",
                ..App::new("hello")
            },
            json!({}),
        )
        .await;
    assert_eq!(space.get(0, "hello", "/").await.status, 503);
    space
        .deploy(&App {
            replicas: 1,
            ..App::new("hello")
        })
        .await;
    until("it answers", async || {
        space.get(0, "hello", "/").await.status == 200
    })
    .await;
    space.end().await;
}
