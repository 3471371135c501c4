//! What `kubectl describe` tells.

use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ListParams};
use serde_json::json;

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::until;
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    a_wake_a_stop_by_hand_and_a_sleep_are_told,
    a_failure_is_told
];

/// Reason and message of what is told of a ScaledWorkload, found as `kubectl describe` finds it.
async fn told(space: &Space<'_>, name: &str) -> Vec<(String, String)> {
    let object = space.object(name).await;
    let uid = object["metadata"]["uid"].as_str().unwrap();
    let about = format!(
        "involvedObject.kind=ScaledWorkload,involvedObject.name={name},involvedObject.uid={uid}"
    );
    let api: Api<Event> = Api::namespaced(space.cluster.client.clone(), &space.name);
    let events = api.list(&ListParams::default().fields(&about)).await;
    let words = |event: Event| {
        let reason = event.reason.unwrap_or_default();
        (reason, event.message.unwrap_or_default())
    };
    events.unwrap().items.into_iter().map(words).collect()
}

async fn until_told(space: &Space<'_>, name: &str, reason: &str, part: &str) {
    until(&format!("{reason} is told"), async || {
        let told = told(space, name).await;
        told.iter()
            .any(|(word, message)| word == reason && message.contains(part))
    })
    .await;
}

async fn a_wake_a_stop_by_hand_and_a_sleep_are_told(cluster: &Cluster) {
    let space = Space::new(cluster, "told-life").await;
    let spec = json!({"idleAfter": "4s"});
    space.workload(&App::new("hello"), spec).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    until_told(&space, "hello", "Woke", "1 held").await;
    until("the count is on record", async || {
        space.object("hello").await["status"]["replicas"].as_u64() == Some(1)
    })
    .await;
    space.scale_by_hand("hello", 0).await;
    until_told(&space, "hello", "StoppedByHand", "set to 0 replicas").await;
    space.scale_by_hand("hello", 1).await;
    until_told(&space, "hello", "Slept", "Sleeps: ").await;
    let told = told(&space, "hello").await;
    let count = |reason: &str| told.iter().filter(|(word, _)| word == reason).count();
    assert_eq!(
        (count("Woke"), count("StoppedByHand"), count("Slept")),
        (1, 1, 1),
        "each by one scaler of two: {told:?}"
    );
    space.end().await;
}

async fn a_failure_is_told(cluster: &Cluster) {
    let space = Space::new(cluster, "told-failure").await;
    let app = App {
        image: "nowhere/nothing:1",
        ..App::new("hello")
    };
    space.workload(&app, json!({})).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 503);
    until_told(&space, "hello", "ImagePullBackOff", "Failed: ").await;
    space.end().await;
}
