//! From zero and back, in every protocol.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::grpc::{self, Raw, method};
use crate::support::{DEADLINE, With, get, http2, once, post, whole};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    a_get_wakes_it_and_it_sleeps_and_wakes_again,
    a_body_waits_with_its_request,
    http2_grpc_and_websockets_wake_it,
    five_hundred_at_once_over_both_proxies,
    many_held_wake_as_many_as_they_need,
    load_on_one_leaves_its_neighbour_asleep,
    a_slow_start_is_waited_for_and_never_hit_early,
];

async fn a_get_wakes_it_and_it_sleeps_and_wakes_again(cluster: &Cluster) {
    let space = Space::new(cluster, "wake-get").await;
    space
        .workload(&App::new("hello"), json!({"idleAfter": "1s"}))
        .await;
    for round in 0..3 {
        let answer = space.get(round, "hello", "/").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(
            answer.header("server-timing").contains("rouse-hold"),
            "{answer:?}"
        );
        assert_eq!(space.replicas("hello").await, 1);
        space.until_replicas("hello", 0).await;
        space.until_state("hello", "Asleep").await;
    }
    assert_eq!(space.ledger().starts(), 3);
    space.end().await;
}

async fn a_body_waits_with_its_request(cluster: &Cluster) {
    let space = Space::new(cluster, "wake-post").await;
    space.workload(&App::new("hello"), json!({})).await;
    let body: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let answer = space
        .send(0, post(&space.host("hello"), "/echo", body.clone()))
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.body == body);
    space.end().await;
}

async fn http2_grpc_and_websockets_wake_it(cluster: &Cluster) {
    let space = Space::new(cluster, "wake-protocols").await;
    for name in ["h2", "grpc", "ws"] {
        let protocol = if name == "ws" { "http1" } else { "h2c" };
        space
            .workload(&App::new(name), json!({"http": {"protocol": protocol}}))
            .await;
    }
    let proxy = cluster.proxy(0).await;
    let mut sender = http2(proxy).await;
    let answer = sender
        .send_request(post(&space.host("h2"), "/echo", "over h2"))
        .await
        .unwrap();
    assert_eq!(whole(answer).await.unwrap().body, "over h2");

    let mut client = grpc::connect(proxy, &space.host("grpc")).await;
    let request = tonic::Request::new(Bytes::from("hello"));
    let call = client.unary(request, method("Unary"), Raw);
    assert_eq!(
        timeout(DEADLINE, call).await.unwrap().unwrap().into_inner(),
        "hello"
    );

    let stream = tokio::net::TcpStream::connect(proxy).await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::client_async(format!("ws://{}/ws", space.host("ws")), stream)
            .await
            .unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    let echoed = timeout(DEADLINE, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(echoed.into_text().unwrap(), "hello");
    space.end().await;
}

/// Each through another proxy than the one before; all must be answered, each executed once.
async fn burst(space: &Space<'_>, name: &str, count: usize, path: &str) {
    let mut tasks = JoinSet::new();
    let proxies = [space.cluster.proxy(0).await, space.cluster.proxy(1).await];
    for n in 0..count {
        let proxy = proxies[n % 2];
        let request = get(&space.host(name), path).with("x-request-id", &format!("{name}-{n}"));
        tasks.spawn(async move { once(proxy, request).await.expect("an answer") });
    }
    for answer in tasks.join_all().await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let ledger = space.ledger();
    for n in 0..count {
        assert_eq!(ledger.executions(&format!("{name}-{n}")), 1, "{n}");
    }
}

async fn five_hundred_at_once_over_both_proxies(cluster: &Cluster) {
    let space = Space::new(cluster, "wake-many").await;
    let app = App {
        flags: &["--start-delay", "300ms"],
        ..App::new("hello")
    };
    let spec =
        json!({"idleAfter": "2s", "replicas": {"max": 1}, "http": {"hold": {"maxRequests": 1000}}});
    space.workload(&app, spec).await;
    burst(&space, "hello", 500, "/").await;
    assert_eq!(space.ledger().starts(), 1);
    space.until_replicas("hello", 0).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    assert_eq!(space.ledger().starts(), 2);
    space.end().await;
}

async fn many_held_wake_as_many_as_they_need(cluster: &Cluster) {
    let space = Space::new(cluster, "wake-sized").await;
    let app = App {
        flags: &["--start-delay", "500ms"],
        ..App::new("hello")
    };
    let spec = json!({"replicas": {"max": 4}, "http": {"concurrency": {"perReplica": 10}}});
    space.workload(&app, spec).await;
    burst(&space, "hello", 60, "/?latency=200ms").await;
    assert_eq!(space.ledger().starts(), 4);
    space.end().await;
}

async fn load_on_one_leaves_its_neighbour_asleep(cluster: &Cluster) {
    let space = Space::new(cluster, "wake-neighbours").await;
    space.workload(&App::new("busy"), json!({})).await;
    space.workload(&App::new("idle"), json!({})).await;
    burst(&space, "busy", 50, "/").await;
    assert_eq!(
        (space.replicas("busy").await, space.replicas("idle").await),
        (1, 0)
    );
    space.end().await;
}

async fn a_slow_start_is_waited_for_and_never_hit_early(cluster: &Cluster) {
    let space = Space::new(cluster, "wake-slow").await;
    // Its port accepts long before it says that it is ready.
    let app = App {
        flags: &["--ready-after", "1500ms"],
        ..App::new("hello")
    };
    space.workload(&app, json!({})).await;
    burst(&space, "hello", 20, "/").await;
    let records = space.ledger();
    let ready = records
        .records()
        .iter()
        .position(|one| matches!(one.event, rouse_sample::ledger::Event::Ready));
    let first = records.records().iter().position(|one| {
        matches!(&one.event, rouse_sample::ledger::Event::Request { id, .. } if id.starts_with("hello-"))
    });
    assert!(ready.unwrap() < first.unwrap(), "{ready:?} {first:?}");
    space.end().await;
}
