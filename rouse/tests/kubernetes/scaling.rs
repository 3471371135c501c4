//! Between one replica and many, and back to none.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rouse_testbed::node::Allocatable;
use serde_json::json;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::cluster::{Cluster, NAMESPACE};
use crate::pods::traffic;
use crate::rights::may_in;
use crate::space::{App, Space};
use crate::support::{DEADLINE, With, get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    up_down_and_up_again,
    the_rate_of_requests_scales_it,
    a_wake_begins_with_as_many_as_it_says,
    the_least_stays_when_nobody_asks,
    pods_deleted_again_and_again_lose_nothing,
    a_node_that_comes_late_is_waited_for_and_no_more_is_asked_meanwhile,
    a_long_request_and_a_websocket_survive_a_scale_in,
];

async fn up_down_and_up_again(cluster: &Cluster) {
    let space = Space::new(cluster, "scale-updown").await;
    let spec = json!({"idleAfter": "2s", "replicas": {"max": 3}, "http": {"concurrency": {"perReplica": 2}}});
    space.workload(&App::new("hello"), spec).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    assert_eq!(space.replicas("hello").await, 1);
    for _ in 0..2 {
        let end = AtomicBool::new(false);
        let grown = async {
            until("it has grown", async || space.replicas("hello").await >= 2).await;
            end.store(true, Ordering::Relaxed);
        };
        tokio::join!(traffic(&space, "hello", 6, &end), grown);
        space.until_replicas("hello", 0).await;
    }
    space.end().await;
}

async fn the_rate_of_requests_scales_it(cluster: &Cluster) {
    let space = Space::new(cluster, "scale-rate").await;
    let spec = json!({"idleAfter": "2s", "replicas": {"max": 3}, "http": {"requestRate": {"perReplica": 5}}});
    space.workload(&App::new("hello"), spec).await;
    // Ten in a second, over both proxies: each alone would make one replica.
    let end = AtomicBool::new(false);
    let requests = async {
        let mut sent = 0;
        while !end.load(Ordering::Relaxed) {
            let proxy = cluster.proxy(sent).await;
            let request = get(&space.host("hello"), "/");
            tokio::spawn(async move { once(proxy, request).await.map(|one| one.status) });
            sleep(Duration::from_millis(100)).await;
            sent += 1;
        }
    };
    let grown = async {
        space.until_replicas("hello", 2).await;
        end.store(true, Ordering::Relaxed);
    };
    tokio::join!(requests, grown);
    space.until_replicas("hello", 0).await;
    space.end().await;
}

async fn a_wake_begins_with_as_many_as_it_says(cluster: &Cluster) {
    let space = Space::new(cluster, "scale-onwake").await;
    let spec = json!({"replicas": {"onWake": 5}});
    space.workload(&App::new("hello"), spec).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    assert_eq!(space.replicas("hello").await, 5);
    space.end().await;
}

async fn the_least_stays_when_nobody_asks(cluster: &Cluster) {
    let space = Space::new(cluster, "scale-min").await;
    let spec = json!({"idleAfter": "1s", "replicas": {"min": 2}});
    space.workload(&App::new("hello"), spec).await;
    space.until_replicas("hello", 2).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    sleep(Duration::from_millis(2500)).await;
    assert_eq!(space.replicas("hello").await, 2);
    space.end().await;
}

async fn pods_deleted_again_and_again_lose_nothing(cluster: &Cluster) {
    let space = Space::new(cluster, "scale-deleted").await;
    let spec = json!({"replicas": {"min": 2, "max": 2}});
    space.workload(&App::new("hello"), spec).await;
    let end = AtomicBool::new(false);
    let ready = async || space.object("hello").await["status"]["readyReplicas"].as_u64();
    let chaos = async {
        for _ in 0..4 {
            until("two are ready", async || ready().await == Some(2)).await;
            let mut pods = space.pods_of("hello").await;
            pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
            let name = pods.remove(0).metadata.name.unwrap();
            space.delete("v1", "Pod", &name).await;
            until("its successor is there", async || {
                let pods = space.pods_of("hello").await;
                pods.len() == 2
                    && pods
                        .iter()
                        .all(|pod| pod.metadata.name.as_deref() != Some(&name))
            })
            .await;
        }
        end.store(true, Ordering::Relaxed);
    };
    let (answered, ()) = tokio::join!(traffic(&space, "hello", 4, &end), chaos);
    assert!(answered > 20, "{answered}");
    space.end().await;
}

async fn a_node_that_comes_late_is_waited_for_and_no_more_is_asked_meanwhile(cluster: &Cluster) {
    let space = Space::new(cluster, "scale-node").await;
    // The node has room for one of these.
    let app = App {
        container: json!({"resources": {"requests": {"cpu": "3k"}}}),
        ..App::new("hello")
    };
    let spec = json!({
        "replicas": {"max": 20}, "behavior": {"stableWindow": "6s"},
        "http": {"concurrency": {"perReplica": 1, "limit": 1}},
    });
    space.workload(&app, spec).await;
    let end = AtomicBool::new(false);
    let seen = async {
        until("more is asked than there is room for", async || {
            space.replicas("hello").await >= 3
        })
        .await;
        // Until the windows are full: four clients, and as many again so that few find the limit reached.
        sleep(Duration::from_secs(8)).await;
        let asked = space.replicas("hello").await;
        assert!((4..=10).contains(&asked), "{asked} for four clients");
        // Longer than any window.
        for _ in 0..40 {
            sleep(Duration::from_millis(250)).await;
            let ready = space.object("hello").await["status"]["readyReplicas"].as_u64();
            assert_eq!((space.replicas("hello").await, ready), (asked, Some(1)));
        }
        // For good: with these on it a smaller one would have no room for what others start.
        cluster.testbed.node().knobs().set_allocatable(Allocatable {
            cpu: "60k".to_owned(),
            ..Allocatable::default()
        });
        until("all of them are ready", async || {
            let ready = &space.object("hello").await["status"]["readyReplicas"];
            ready.as_u64() == Some(u64::from(asked))
        })
        .await;
        end.store(true, Ordering::Relaxed);
    };
    let (answered, ()) = tokio::join!(traffic(&space, "hello", 4, &end), seen);
    assert!(answered > 20, "{answered}");
    space.end().await;
}

/// Pods of the scaler may be patched in this namespace, and nowhere else: others check that they can't.
async fn grant_deletion_costs(space: &Space<'_>) {
    let api = "rbac.authorization.k8s.io/v1";
    let meta = json!({"name": "pod-deletion-cost", "namespace": space.name});
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]);
    space
        .apply(json!({"apiVersion": api, "kind": "Role", "metadata": meta, "rules": rules}))
        .await;
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pod-deletion-cost"});
    let subject = json!({"kind": "ServiceAccount", "name": "rouse-scaler", "namespace": NAMESPACE});
    space
        .apply(json!({
            "apiVersion": api, "kind": "RoleBinding", "metadata": meta, "roleRef": role, "subjects": [subject]
        }))
        .await;
    let user = format!("system:serviceaccount:{NAMESPACE}:rouse-scaler");
    until("the right is granted", async || {
        may_in(space.cluster, &user, &space.name, "patch", "", "pods").await
    })
    .await;
}

async fn a_long_request_and_a_websocket_survive_a_scale_in(cluster: &Cluster) {
    let space = Space::new(cluster, "scale-in-long").await;
    grant_deletion_costs(&space).await;
    let spec = |count: usize| json!({"replicas": {"min": count, "max": count}});
    space.workload(&App::new("hello"), spec(3)).await;
    until("three are ready", async || {
        space.object("hello").await["status"]["readyReplicas"].as_u64() == Some(3)
    })
    .await;
    let stream = tokio::net::TcpStream::connect(cluster.proxy(0).await)
        .await
        .unwrap();
    let url = format!("ws://{}/ws", space.host("hello"));
    let (mut socket, answer) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let of_socket = answer.headers()["x-sample-pid"].clone();
    let proxy = cluster.proxy(1).await;
    let request = get(&space.host("hello"), "/?latency=15s").with("x-request-id", "long");
    let long = tokio::spawn(once(proxy, request));
    until("it is in flight", async || {
        space.ledger().executions("long") == 1
    })
    .await;
    let marked = async {
        // Which pods were said to go first, as long as they could be seen.
        let mut marked = BTreeSet::new();
        while space.replicas("hello").await > 2 || space.pods_of("hello").await.len() > 2 {
            for pod in space.pods_of("hello").await {
                let costs = pod.metadata.annotations.unwrap_or_default();
                if costs.contains_key("controller.kubernetes.io/pod-deletion-cost") {
                    marked.insert(pod.metadata.name.unwrap());
                }
            }
            sleep(Duration::from_millis(5)).await;
        }
        marked
    };
    space.scaled("hello", spec(2)).await;
    let marked = timeout(DEADLINE, marked).await.expect("one has gone");
    assert!(marked.len() <= 1, "{marked:?}");
    let left = space.pods_of("hello").await;
    let left = left.iter().filter_map(|pod| pod.metadata.name.as_ref());
    assert!(
        left.into_iter().all(|name| !marked.contains(name)),
        "{marked:?}"
    );

    socket.send(Message::text("still there")).await.unwrap();
    let echoed = timeout(DEADLINE, socket.next()).await.unwrap().unwrap();
    assert_eq!(echoed.unwrap().into_text().unwrap(), "still there");
    let long = long.await.unwrap().expect("an answer");
    assert_eq!((long.status, space.ledger().executions("long")), (200, 1));
    if long.headers["x-sample-pid"] == of_socket {
        // Both are on one: it may be the only one.
        space.scaled("hello", spec(1)).await;
        space.until_replicas("hello", 1).await;
        socket.send(Message::text("and there")).await.unwrap();
        let echoed = timeout(DEADLINE, socket.next()).await.unwrap().unwrap();
        assert_eq!(echoed.unwrap().into_text().unwrap(), "and there");
    }
    drop(socket);
    space.end().await;
}
