//! Objects come, change and go; nothing restarts and nobody else notices.

use serde_json::{Value, json};

use crate::cluster::{Cluster, a_while};
use crate::space::{App, Space};
use crate::support::{get, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    routes_come_change_and_go_live,
    a_target_that_comes_later_is_found,
    a_changed_service_port_is_followed,
    a_changed_selector_is_followed,
    the_definition_refuses_contradictions,
    a_bad_object_says_so_and_stops_nobody,
    the_older_of_two_claims_keeps_the_route,
    deleting_one_that_sleeps_wakes_its_target,
    keeping_what_is_there_on_delete,
];

async fn routes_come_change_and_go_live(cluster: &Cluster) {
    let space = Space::new(cluster, "objects-routes").await;
    space
        .workload(&App::new("sibling"), json!({"replicas": {"min": 1}}))
        .await;
    space.workload(&App::new("hello"), json!({})).await;
    assert_eq!(space.get(0, "sibling", "/").await.status, 200);
    let before = space.ledger().starts();

    space
        .scaled(
            "hello",
            json!({"http": {"hosts": ["other.objects-routes.test"]}}),
        )
        .await;
    until("the new host leads to it", async || {
        space.get(0, "other", "/").await.status == 200
    })
    .await;
    until("the old host leads nowhere", async || {
        space.get(1, "hello", "/").await.status == 404
    })
    .await;

    space
        .delete("rouse.dev/v1alpha1", "ScaledWorkload", "hello")
        .await;
    until("it is gone", async || {
        space.get(0, "other", "/").await.status == 404
    })
    .await;
    assert_eq!(space.get(1, "sibling", "/").await.status, 200);
    assert_eq!(
        space.ledger().starts(),
        before + 1,
        "the sibling was left alone"
    );
    space.end().await;
}

async fn a_target_that_comes_later_is_found(cluster: &Cluster) {
    let space = Space::new(cluster, "objects-later").await;
    space.service("hello").await;
    space.scaled("hello", json!({})).await;
    space.routed("hello").await;
    space.until_state("hello", "TargetNotFound").await;
    let answer = space.get(0, "hello", "/").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.text().contains("hello"), "{}", answer.text());
    space.deploy(&App::new("hello")).await;
    until("it wakes", async || {
        space.get(0, "hello", "/").await.status == 200
    })
    .await;
    space.end().await;
}

async fn a_changed_service_port_is_followed(cluster: &Cluster) {
    let space = Space::new(cluster, "objects-port").await;
    let app = App {
        container: json!({"ports": [{"name": "http", "containerPort": 8080}, {"name": "dead", "containerPort": 8099}]}),
        replicas: 1,
        ..App::new("hello")
    };
    space
        .workload(
            &app,
            json!({"replicas": {"min": 1}, "http": {"hold": {"timeout": "300ms"}}}),
        )
        .await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    let port = |target: &str| json!({"spec": {"ports": [{"name": "http", "port": 80, "targetPort": target}]}});
    space.patch("v1", "Service", "hello", port("dead")).await;
    until(
        "requests go to the other port, where nobody is",
        async || space.get(0, "hello", "/").await.status != 200,
    )
    .await;
    space.patch("v1", "Service", "hello", port("http")).await;
    until("and back", async || {
        space.get(0, "hello", "/").await.status == 200
    })
    .await;
    space.end().await;
}

async fn a_changed_selector_is_followed(cluster: &Cluster) {
    let space = Space::new(cluster, "objects-selector").await;
    let pod = App {
        replicas: 1,
        ..App::new("hello")
    };
    space
        .workload(
            &pod,
            json!({"replicas": {"min": 1}, "http": {"hold": {"timeout": "300ms"}}}),
        )
        .await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    let selector = |value: &str| json!({"spec": {"selector": {"app": value}}});
    space
        .patch("v1", "Service", "hello", selector("nobody"))
        .await;
    until("no pod is selected", async || {
        space.get(0, "hello", "/").await.status == 504
    })
    .await;
    space
        .patch("v1", "Service", "hello", selector("hello"))
        .await;
    until("and back", async || {
        space.get(0, "hello", "/").await.status == 200
    })
    .await;
    space.end().await;
}

/// The API server's answer to a ScaledWorkload with this spec.
async fn refusal(space: &Space<'_>, spec: Value) -> String {
    let object = json!({
        "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"name": "bad"}, "spec": spec,
    });
    space
        .try_apply(object)
        .await
        .expect_err("is refused")
        .to_string()
}

async fn the_definition_refuses_contradictions(cluster: &Cluster) {
    let space = Space::new(cluster, "objects-refused").await;
    let http = json!({"hosts": ["bad.test"]});
    for (spec, says) in [
        (
            json!({"http": http, "replicas": {"min": 5, "max": 3}}),
            "min",
        ),
        (json!({"http": http, "idleAfter": "soon"}), "idleAfter"),
        (
            json!({"http": {"hosts": ["bad.test"], "concurrency": {"perReplica": 3, "limit": 2}}}),
            "limit",
        ),
        (json!({"http": http, "mode": "perhaps"}), "mode"),
    ] {
        let text = refusal(&space, spec).await;
        assert!(text.contains(says), "{says}: {text}");
    }
    space.end().await;
}

async fn a_bad_object_says_so_and_stops_nobody(cluster: &Cluster) {
    let space = Space::new(cluster, "objects-bad").await;
    // No schema can know that a host is none.
    space
        .scaled("bad", json!({"http": {"hosts": ["[1:2:3]"]}}))
        .await;
    space.workload(&App::new("good"), json!({})).await;
    assert_eq!(space.get(0, "good", "/").await.status, 200);
    space.until_state("bad", "Invalid").await;
    let (status, message) = space.condition("bad", "Ready").await;
    assert_eq!(status, "False");
    assert!(message.contains("spec.http.hosts[0]"), "{message}");
    space.end().await;
}

async fn the_older_of_two_claims_keeps_the_route(cluster: &Cluster) {
    let space = Space::new(cluster, "objects-conflict").await;
    space.workload(&App::new("older"), json!({})).await;
    // Ages are told in seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    space.deploy(&App::new("younger")).await;
    space
        .scaled(
            "younger",
            json!({"http": {"hosts": [space.host("older"), space.host("younger")]}}),
        )
        .await;
    space.routed("younger").await;
    let answer = space.get(0, "older", "/").await;
    assert_eq!(
        (answer.status, answer.text().contains("older")),
        (200, true),
        "{answer:?}"
    );
    until("the younger says so", async || {
        space.condition("younger", "RouteConflict").await.0 == "True"
    })
    .await;
    let (_, message) = space.condition("younger", "RouteConflict").await;
    assert!(message.contains("objects-conflict/older"), "{message}");
    assert_eq!(
        space.get(0, "younger", "/").await.status,
        200,
        "its other route is its own"
    );
    space.end().await;
}

async fn deleting_one_that_sleeps_wakes_its_target(cluster: &Cluster) {
    let space = Space::new(cluster, "objects-delete").await;
    space.workload(&App::new("hello"), json!({})).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    space.scaled("hello", json!({"idleAfter": "1s"})).await;
    space.until_replicas("hello", 0).await;
    space
        .delete("rouse.dev/v1alpha1", "ScaledWorkload", "hello")
        .await;
    space.until_replicas("hello", 1).await;
    space.end().await;
}

async fn keeping_what_is_there_on_delete(cluster: &Cluster) {
    let space = Space::new(cluster, "objects-keep").await;
    space
        .workload(&App::new("hello"), json!({"onDelete": "keep"}))
        .await;
    space
        .delete("rouse.dev/v1alpha1", "ScaledWorkload", "hello")
        .await;
    until("it is gone", async || {
        space.send(0, get(&space.host("hello"), "/")).await.status == 404
    })
    .await;
    a_while().await;
    assert_eq!(space.replicas("hello").await, 0);
    space.end().await;
}
