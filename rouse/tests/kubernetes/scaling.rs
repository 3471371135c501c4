//! Between one replica and many, and back to none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::pods::traffic;
use crate::space::{App, Space};
use crate::support::{get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    up_down_and_up_again,
    the_rate_of_requests_scales_it,
    a_wake_begins_with_as_many_as_it_says,
    the_least_stays_when_nobody_asks,
    pods_deleted_again_and_again_lose_nothing,
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
    assert!(answered > 50, "{answered}");
    space.end().await;
}
