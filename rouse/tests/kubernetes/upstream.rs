//! How pods are reached: ports, protocols, Services, deadlines.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::grpc::{self, Raw, method};
use crate::support::{DEADLINE, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    through_the_service_it_wakes_and_sleeps,
    a_port_by_name_is_followed,
    the_services_protocol_is_spoken,
    grpc_both_ways_from_zero,
    an_answer_that_does_not_begin_is_given_up,
    a_pod_that_never_gets_ready_is_given_up,
    what_happens_is_counted,
];

async fn through_the_service_it_wakes_and_sleeps(cluster: &Cluster) {
    let space = Space::new(cluster, "up-service").await;
    let app = App {
        flags: &["--ready-after", "500ms"],
        ..App::new("hello")
    };
    let spec = json!({"idleAfter": "1s", "http": {"upstream": {"dial": "service"}}});
    space.workload(&app, spec).await;
    for round in 0..2 {
        let answer = space.get(round, "hello", "/").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let id = format!("{}/hello", space.name);
        let status = cluster.proxies().await[round % 2].status().await;
        let all = status["proxy"]["workloads"].as_array().unwrap();
        let ours = all.iter().find(|one| one["workload"] == *id).unwrap();
        assert!(ours.to_string().contains("10.96."), "{ours}");
        space.until_replicas("hello", 0).await;
        space.until_state("hello", "Asleep").await;
    }
    assert_eq!(space.ledger().starts(), 2);
    space.end().await;
}

/// A Service's only port.
fn port(port: Value) -> Value {
    json!({"spec": {"ports": [port]}})
}

async fn a_port_by_name_is_followed(cluster: &Cluster) {
    let space = Space::new(cluster, "up-port").await;
    let spec = json!({"replicas": {"min": 1}, "http": {"service": {"port": "web"}}});
    space.workload(&App::new("hello"), spec).await;
    // The Service has none of this name yet: that is told at once.
    let answer = space.get(0, "hello", "/").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("no port \"web\""),
        "{}",
        answer.text()
    );
    let renamed = port(json!({"name": "web", "port": 80, "targetPort": "http"}));
    space.patch("v1", "Service", "hello", renamed).await;
    until("the new name is found", async || {
        space.get(0, "hello", "/").await.status == 200
    })
    .await;
    // Another number of the same name changes nothing for those who ask by name.
    let moved = port(json!({"name": "web", "port": 8000, "targetPort": 8080}));
    space.patch("v1", "Service", "hello", moved).await;
    crate::cluster::a_while().await;
    assert_eq!(space.get(1, "hello", "/").await.status, 200);
    space.end().await;
}

async fn the_services_protocol_is_spoken(cluster: &Cluster) {
    let space = Space::new(cluster, "up-protocol").await;
    space.workload(&App::new("hello"), json!({})).await;
    let version = async || {
        let answer = space.get(0, "hello", "/headers").await;
        answer.json()["version"].as_str().unwrap().to_owned()
    };
    assert_eq!(version().await, "HTTP/1.1");
    let h2c = json!({"name": "http", "port": 80, "targetPort": "http", "appProtocol": "kubernetes.io/h2c"});
    space.patch("v1", "Service", "hello", port(h2c)).await;
    until("HTTP/2 is spoken to it", async || {
        version().await == "HTTP/2.0"
    })
    .await;
    space.end().await;
}

async fn grpc_both_ways_from_zero(cluster: &Cluster) {
    let space = Space::new(cluster, "up-grpc").await;
    let spec = json!({"http": {"protocol": "h2c"}});
    space.workload(&App::new("hello"), spec).await;
    let proxy = cluster.proxy(0).await;
    let mut client = grpc::connect(proxy, &space.host("hello")).await;
    let messages = ["a", "b", "c"].map(Bytes::from);
    let messages = tonic::Request::new(futures_util::stream::iter(messages));
    let call = client.streaming(messages, method("Bidi"), Raw);
    let answer = timeout(DEADLINE, call).await.unwrap();
    let mut answer = answer.unwrap().into_inner();
    for wanted in ["a", "b", "c"] {
        assert_eq!(answer.message().await.unwrap().unwrap(), wanted);
    }
    assert!(answer.message().await.unwrap().is_none());
    space.end().await;
}

async fn an_answer_that_does_not_begin_is_given_up(cluster: &Cluster) {
    let space = Space::new(cluster, "up-late").await;
    let spec = json!({"http": {"timeouts": {"responseHeader": "300ms"}}});
    space.workload(&App::new("hello"), spec).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    let late = space.get(0, "hello", "/?latency=20s").await;
    assert_eq!(late.status, 504, "{late:?}");
    space.end().await;
}

async fn a_pod_that_never_gets_ready_is_given_up(cluster: &Cluster) {
    let space = Space::new(cluster, "up-never").await;
    let app = App {
        flags: &["--ready-after", "1h"],
        ..App::new("hello")
    };
    let spec = json!({"http": {"hold": {"timeout": "1500ms"}}});
    space.workload(&app, spec).await;
    let answer = space.get(0, "hello", "/").await;
    assert_eq!(answer.status, 504, "{answer:?}");
    assert!(answer.text().contains("1.5s"), "{}", answer.text());
    space.end().await;
}

async fn what_happens_is_counted(cluster: &Cluster) {
    let space = Space::new(cluster, "up-metrics").await;
    space.workload(&App::new("hello"), json!({})).await;
    for _ in 0..3 {
        assert_eq!(space.get(1, "hello", "/").await.status, 200);
    }
    let metrics = cluster.proxies().await[1].metrics().await;
    let ours = |name: &str| {
        let mut lines = metrics.text().lines();
        lines.any(|line| {
            line.starts_with(name) && line.contains("up-metrics") && line.ends_with(" 3")
        })
    };
    assert!(ours("rouse_proxy_requests_total"), "{}", metrics.text());
    assert!(
        ours("rouse_proxy_request_duration_seconds_count"),
        "{}",
        metrics.text()
    );
    space.end().await;
}
