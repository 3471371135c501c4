//! Parts of Rouse and of the control plane die, hang and come back. Alone, one after the other.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::cluster::{Cluster, Member};
use crate::space::{App, Space};
use crate::support::{DEADLINE, With, get, once, once_within, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    a_scaler_killed_in_a_wake_is_not_noticed,
    the_leader_killed_between_wakes_and_sleeps,
    a_killed_proxy_takes_only_its_own_with_it,
    a_clean_restart_of_proxies_loses_nothing,
    all_scalers_gone_warm_traffic_goes_on_and_cold_waits,
    without_the_api_server_warm_traffic_goes_on_and_nothing_is_scaled,
];

/// Requests through one proxy, all held by the time this returns.
async fn held(space: &Space<'_>, proxy: usize, count: usize) -> JoinSet<u16> {
    let address = space.cluster.proxy(proxy).await;
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let request = get(&space.host("hello"), "/").with("x-request-id", &format!("held-{n}"));
        tasks.spawn(async move {
            once(address, request)
                .await
                .map_or(0, |answer| answer.status)
        });
    }
    tasks
}

async fn a_scaler_killed_in_a_wake_is_not_noticed(cluster: &Cluster) {
    let space = Space::new(cluster, "faults-wake").await;
    let app = App {
        flags: &["--start-delay", "400ms"],
        ..App::new("hello")
    };
    space.workload(&app, json!({"idleAfter": "1s"})).await;
    // At other moments of the wake each time, from before the first message to after the answer.
    for (round, pause) in [0, 5, 15, 40, 120, 300, 450].into_iter().enumerate() {
        cluster.whole().await;
        let victims = cluster.scalers().await;
        let leader = cluster.leader().await.expect("a leader");
        let victim = match round % 3 {
            2 => victims.into_iter().find(|one| *one != leader).unwrap(),
            _ => leader,
        };
        let requests = held(&space, round, 20).await;
        sleep(Duration::from_millis(pause)).await;
        cluster.kill(&victim, "scaler");
        for status in timeout(DEADLINE, requests.join_all())
            .await
            .expect("answers")
        {
            assert_eq!(status, 200, "round {round}, {pause} ms");
        }
        space.until_replicas("hello", 0).await;
    }
    cluster.whole().await;
    space.end().await;
}

async fn the_leader_killed_between_wakes_and_sleeps(cluster: &Cluster) {
    let space = Space::new(cluster, "faults-sleep").await;
    space
        .workload(&App::new("hello"), json!({"idleAfter": "1s"}))
        .await;
    for pause in [900, 1000, 1050, 1100, 1200] {
        cluster.whole().await;
        assert_eq!(space.get(0, "hello", "/").await.status, 200);
        sleep(Duration::from_millis(pause)).await;
        let leader = cluster.leader().await.expect("a leader");
        cluster.kill(&leader, "scaler");
        // Whatever became of the attempt to sleep: a request is answered, and it sleeps in the end.
        assert_eq!(space.get(1, "hello", "/").await.status, 200, "{pause} ms");
        space.until_replicas("hello", 0).await;
    }
    cluster.whole().await;
    space.end().await;
}

async fn a_killed_proxy_takes_only_its_own_with_it(cluster: &Cluster) {
    let space = Space::new(cluster, "faults-proxy").await;
    let app = App {
        flags: &["--start-delay", "500ms"],
        ..App::new("hello")
    };
    space.workload(&app, json!({"idleAfter": "1s"})).await;
    for round in 0..3 {
        let victims = cluster.proxies().await;
        let (victim, other) = (&victims[round % 2], (round + 1) % 2);
        let of_the_other = held(&space, other, 20).await;
        let of_the_victim = held(&space, round % 2, 20).await;
        sleep(Duration::from_millis(100 + 200 * round as u64)).await;
        cluster.kill(victim, "proxy");
        for status in timeout(DEADLINE, of_the_other.join_all())
            .await
            .expect("answers")
        {
            assert_eq!(status, 200, "round {round}");
        }
        drop(of_the_victim);
        // Its requests don't count for ever.
        space.until_replicas("hello", 0).await;
        cluster.whole().await;
    }
    space.end().await;
}

async fn a_clean_restart_of_proxies_loses_nothing(cluster: &Cluster) {
    let space = Space::new(cluster, "faults-restart").await;
    space
        .workload(&App::new("hello"), json!({"replicas": {"min": 1}}))
        .await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    let proxy = cluster.proxies().await.remove(0);
    let address = std::net::SocketAddr::new(proxy.address, 8080);
    let long = get(&space.host("hello"), "/?latency=3s").with("x-request-id", "long");
    let long = tokio::spawn(once(address, long));
    until("it is in flight", async || {
        space.ledger().executions("long") == 1
    })
    .await;
    delete(cluster, &proxy).await;
    assert_eq!(long.await.unwrap().expect("an answer").status, 200);
    cluster.whole().await;
    space.end().await;
}

async fn delete(cluster: &Cluster, member: &Member) {
    let pods: kube::Api<k8s_openapi::api::core::v1::Pod> =
        kube::Api::namespaced(cluster.client.clone(), crate::cluster::NAMESPACE);
    pods.delete(&member.name, &kube::api::DeleteParams::default())
        .await
        .unwrap();
}

async fn all_scalers_gone_warm_traffic_goes_on_and_cold_waits(cluster: &Cluster) {
    let space = Space::new(cluster, "faults-alone").await;
    space
        .workload(&App::new("warm"), json!({"replicas": {"min": 1}}))
        .await;
    space.workload(&App::new("hello"), json!({})).await;
    assert_eq!(space.get(0, "warm", "/").await.status, 200);
    for scaler in cluster.scalers().await {
        cluster.kill(&scaler, "scaler");
    }
    let cold = held(&space, 0, 5).await;
    for n in 0..20 {
        assert_eq!(space.get(n, "warm", "/").await.status, 200, "{n}");
    }
    for status in timeout(DEADLINE * 2, cold.join_all())
        .await
        .expect("answers")
    {
        assert_eq!(
            status, 200,
            "cold requests go through when a scaler is back"
        );
    }
    cluster.whole().await;
    space.end().await;
}

async fn without_the_api_server_warm_traffic_goes_on_and_nothing_is_scaled(cluster: &Cluster) {
    let space = Space::new(cluster, "faults-api").await;
    space
        .workload(
            &App::new("warm"),
            json!({"replicas": {"max": 2}, "idleAfter": "2s"}),
        )
        .await;
    space
        .workload(&App::new("hello"), json!({"idleAfter": "2s"}))
        .await;
    assert_eq!(space.get(0, "warm", "/").await.status, 200);
    let proxy = cluster.proxy(0).await;
    cluster.testbed.plane().pause_api(true).await.unwrap();
    let cold = get(&space.host("hello"), "/");
    let cold = tokio::spawn(once_within(DEADLINE * 3, proxy, cold));
    // Longer than every timeout of watches and leases.
    for n in 0..60 {
        let answer = once(proxy, get(&space.host("warm"), "/")).await.unwrap();
        assert_eq!(answer.status, 200, "{n}: {answer:?}");
        sleep(Duration::from_millis(500)).await;
    }
    cluster.testbed.plane().pause_api(false).await.unwrap();
    let answer = cold.await.unwrap().expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    space.until_replicas("hello", 0).await;
    space.until_replicas("warm", 0).await;
    cluster.whole().await;
    space.end().await;
}
