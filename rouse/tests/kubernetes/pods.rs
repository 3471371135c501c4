//! Replicas that go while requests are in flight.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::{With, get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    a_deleted_pod_finishes_what_it_has,
    a_killed_pods_idempotent_requests_are_sent_again,
    a_rolling_update_under_load_loses_nothing,
    scale_in_under_load_loses_nothing,
    a_long_request_keeps_it_awake,
];

async fn a_deleted_pod_finishes_what_it_has(cluster: &Cluster) {
    let space = Space::new(cluster, "pods-deleted").await;
    space.workload(&App::new("hello"), json!({})).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    let proxy = cluster.proxy(0).await;
    let long = get(&space.host("hello"), "/?latency=2s").with("x-request-id", "long");
    let long = tokio::spawn(once(proxy, long));
    until("it is in flight", async || {
        space.ledger().executions("long") == 1
    })
    .await;
    let pod = space
        .pods_of("hello")
        .await
        .remove(0)
        .metadata
        .name
        .unwrap();
    space.delete("v1", "Pod", &pod).await;
    // Meanwhile others go to its successor, and nobody is refused.
    for n in 0..10 {
        let answer = space.get(n, "hello", "/").await;
        assert_eq!(answer.status, 200, "{n}: {answer:?}");
    }
    let answer = long.await.unwrap().expect("an answer");
    assert_eq!((answer.status, space.ledger().executions("long")), (200, 1));
    space.end().await;
}

async fn a_killed_pods_idempotent_requests_are_sent_again(cluster: &Cluster) {
    let space = Space::new(cluster, "pods-killed").await;
    space
        .workload(&App::new("hello"), json!({"replicas": {"min": 2}}))
        .await;
    until("both are ready", async || {
        space.object("hello").await["status"]["readyReplicas"].as_u64() == Some(2)
    })
    .await;
    let mut tasks = JoinSet::new();
    for n in 0..40 {
        let proxy = cluster.proxy(n).await;
        let request = get(&space.host("hello"), "/?latency=500ms");
        tasks.spawn(async move { once(proxy, request).await.expect("an answer") });
    }
    sleep(Duration::from_millis(200)).await;
    let pod = space
        .pods_of("hello")
        .await
        .remove(0)
        .metadata
        .name
        .unwrap();
    cluster
        .testbed
        .node()
        .kill(&space.name, &pod, "app", Signal::KILL)
        .unwrap();
    for answer in tasks.join_all().await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    space.end().await;
}

/// Requests one after the other on each of so many clients, until told to end; every answer must be a 200. Each takes long against what
/// a busy machine needs between two, so that about as many are in flight as there are clients.
pub(crate) async fn traffic(
    space: &Space<'_>,
    name: &str,
    clients: usize,
    end: &AtomicBool,
) -> usize {
    let client = async |at: usize| {
        let mut answered = 0;
        while !end.load(Ordering::Relaxed) {
            let id = format!("{name}-{at}-{answered}");
            let request = get(&space.host(name), "/?latency=200ms").with("x-request-id", &id);
            let answer = space.send(at, request).await;
            assert_eq!(answer.status, 200, "{id}: {answer:?}");
            answered += 1;
        }
        answered
    };
    let all = futures_util::future::join_all((0..clients).map(client)).await;
    all.into_iter().sum()
}

async fn a_rolling_update_under_load_loses_nothing(cluster: &Cluster) {
    let space = Space::new(cluster, "pods-rollout").await;
    let app = |version: &'static str| App {
        pod: json!({"terminationGracePeriodSeconds": 10}),
        container: json!({
            "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
            "env": [
                {"name": "SAMPLE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "SAMPLE_NAME", "value": version},
            ],
        }),
        replicas: 2,
        ..App::new("hello")
    };
    space
        .workload(&app("one"), json!({"replicas": {"min": 2, "max": 2}}))
        .await;
    let end = AtomicBool::new(false);
    let update = async {
        sleep(Duration::from_millis(300)).await;
        space.deploy(&app("two")).await;
        until("only the new ones are left", async || {
            let pods = space.pods_of("hello").await;
            let answer = space.get(0, "hello", "/").await;
            pods.len() == 2 && answer.text().contains("two")
        })
        .await;
        end.store(true, Ordering::Relaxed);
    };
    let (answered, ()) = tokio::join!(traffic(&space, "hello", 8, &end), update);
    assert!(answered > 20, "{answered}");
    space.end().await;
}

async fn scale_in_under_load_loses_nothing(cluster: &Cluster) {
    let space = Space::new(cluster, "pods-in").await;
    let spec = |max: u32| json!({"replicas": {"min": 1, "max": max}, "http": {"concurrency": {"perReplica": 2}}});
    space.workload(&App::new("hello"), spec(4)).await;
    let end = AtomicBool::new(false);
    let shrink = async {
        space.until_replicas("hello", 4).await;
        sleep(Duration::from_millis(500)).await;
        space.scaled("hello", spec(1)).await;
        space.until_replicas("hello", 1).await;
        until("the others have gone", async || {
            space.pods_of("hello").await.len() == 1
        })
        .await;
        end.store(true, Ordering::Relaxed);
    };
    let (answered, ()) = tokio::join!(traffic(&space, "hello", 8, &end), shrink);
    assert!(answered > 20, "{answered}");
    space.end().await;
}

async fn a_long_request_keeps_it_awake(cluster: &Cluster) {
    let space = Space::new(cluster, "pods-long").await;
    space
        .workload(&App::new("hello"), json!({"idleAfter": "1s"}))
        .await;
    let answer = space.get(0, "hello", "/?latency=4s").await;
    assert_eq!(answer.status, 200);
    assert_eq!(space.ledger().starts(), 1);
    space.until_replicas("hello", 0).await;
    space.end().await;
}
