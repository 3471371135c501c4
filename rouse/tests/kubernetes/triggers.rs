//! Workloads that something else than a request wakes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::until;
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    a_schedule_keeps_as_many_as_it_says_and_lets_them_go,
    one_request_wakes_all_that_is_needed,
    what_wakes_cannot_do_is_in_a_condition,
    a_new_workload_begins_with_its_initial_count_once,
    others_pods_are_counted,
    a_query_with_a_secret_says_what_is_missing_until_nothing_is,
];

/// Cases in which scalers end.
pub(crate) const ALONE: Cases = cases![a_restart_of_scalers_does_not_begin_anew];

/// A cron trigger with a window from so many minutes from now to so many.
fn window(from: i64, to: i64, replicas: u32) -> Value {
    let at = |minutes| {
        let at = Timestamp::now()
            .checked_add(SignedDuration::from_mins(minutes))
            .unwrap();
        at.strftime("%-M %-H * * *").to_string()
    };
    json!({"cron": {"timezone": "UTC", "start": at(from), "end": at(to), "replicas": replicas}})
}

/// A worker: no request reaches it.
async fn worker(space: &Space<'_>, name: &str, spec: Value) {
    space.deploy(&App::new(name)).await;
    space
        .apply(json!({
            "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"name": name}, "spec": spec,
        }))
        .await;
}

async fn a_schedule_keeps_as_many_as_it_says_and_lets_them_go(cluster: &Cluster) {
    let space = Space::new(cluster, "trigger-cron").await;
    let spec = |window: Value| json!({"idleAfter": "2s", "triggers": [window]});
    worker(&space, "job", spec(window(-10, 60, 2))).await;
    space.until_replicas("job", 2).await;
    space.until_state("job", "Awake").await;
    until("why is told", async || {
        let status = space.object("job").await["status"].clone();
        status["why"]
            .as_str()
            .is_some_and(|why| why.contains("2 by triggers[0] (cron)"))
    })
    .await;
    // Its window is over.
    worker(&space, "job", spec(window(-60, -10, 2))).await;
    space.until_replicas("job", 0).await;
    space.until_state("job", "Asleep").await;
    let status = space.object("job").await["status"].clone();
    assert_eq!(status["lastWake"]["cause"], "schedule", "{status}");
    space.end().await;
}

async fn one_request_wakes_all_that_is_needed(cluster: &Cluster) {
    let space = Space::new(cluster, "trigger-wakes").await;
    worker(&space, "disk", json!({"idleAfter": "1s"})).await;
    worker(&space, "db", json!({"idleAfter": "1s", "wakes": ["disk"]})).await;
    let spec = json!({"idleAfter": "3s", "wakes": ["db"]});
    space.workload(&App::new("web"), spec).await;
    until("nobody is missed", async || {
        space.condition("web", "Degraded").await.0 == "False"
    })
    .await;
    assert_eq!(space.get(0, "web", "/").await.status, 200);
    // They were asked for together, so they are there as soon as web's answer is.
    assert_eq!(space.replicas("db").await, 1);
    assert_eq!(space.replicas("disk").await, 1);
    for _ in 0..5 {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(space.get(0, "web", "/").await.status, 200);
        assert_eq!(space.replicas("disk").await, 1);
    }
    for name in ["web", "db", "disk"] {
        space.until_replicas(name, 0).await;
    }
    space.end().await;
}

async fn what_wakes_cannot_do_is_in_a_condition(cluster: &Cluster) {
    let space = Space::new(cluster, "trigger-undone").await;
    let told = async |name: &str, words: &str| {
        until(&format!("{name} says {words}"), async || {
            let (status, message) = space.condition(name, "Degraded").await;
            status == "True" && message.contains(words)
        })
        .await;
    };
    worker(&space, "never", json!({"idleAfter": "1s"})).await;
    told("never", "it never runs").await;
    let alone = json!({"idleAfter": "1s", "wakes": ["gone", "a", "b"]});
    space.workload(&App::new("web"), alone).await;
    told("web", "gone, which is not there").await;
    worker(&space, "a", json!({"idleAfter": "1s", "wakes": ["b"]})).await;
    worker(&space, "b", json!({"idleAfter": "1s", "wakes": ["a"]})).await;
    until(
        "one of the two says that they wake each other",
        async || {
            let a = space.condition("a", "Degraded").await.1;
            let b = space.condition("b", "Degraded").await.1;
            format!("{a}{b}").contains("in turn")
        },
    )
    .await;
    // The rest works, and a circle keeps nobody awake.
    assert_eq!(space.get(0, "web", "/").await.status, 200);
    assert_eq!(space.replicas("a").await, 1);
    for name in ["web", "a", "b"] {
        space.until_replicas(name, 0).await;
    }
    let itself = json!({"apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"name": "self"},
        "spec": {"wakes": ["self"]}});
    space.apply(itself).await;
    until("the one that wakes itself is invalid", async || {
        let (status, message) = space.condition("self", "Ready").await;
        status == "False" && message.contains("is the workload itself")
    })
    .await;
    space.end().await;
}

async fn a_new_workload_begins_with_its_initial_count_once(cluster: &Cluster) {
    let space = Space::new(cluster, "trigger-initial").await;
    // Long enough to be seen on a busy machine, too.
    let spec = json!({"idleAfter": "10s", "replicas": {"initial": 2}});
    space.workload(&App::new("hello"), spec).await;
    space.until_replicas("hello", 2).await;
    space.until_replicas("hello", 0).await;
    space.until_state("hello", "Asleep").await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    assert_eq!(space.replicas("hello").await, 1);
    // With many replicas from the start it may begin with none.
    let app = App {
        replicas: 3,
        ..App::new("none")
    };
    let spec = json!({"idleAfter": "1h", "replicas": {"initial": 0}});
    space.workload(&app, spec).await;
    space.until_replicas("none", 0).await;
    space.end().await;
}

async fn a_restart_of_scalers_does_not_begin_anew(cluster: &Cluster) {
    let space = Space::new(cluster, "trigger-restart").await;
    let spec = json!({"idleAfter": "2s", "replicas": {"initial": 2}});
    space.workload(&App::new("hello"), spec).await;
    space.until_replicas("hello", 2).await;
    space.until_replicas("hello", 0).await;
    space.until_state("hello", "Asleep").await;
    for victim in cluster.scalers().await {
        cluster.kill(&victim, "scaler");
    }
    cluster.whole().await;
    // The new ones lead, and look at everything.
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    assert_eq!(space.replicas("hello").await, 1);
    space.until_replicas("hello", 0).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(space.replicas("hello").await, 0);
    space.end().await;
}

async fn others_pods_are_counted(cluster: &Cluster) {
    let space = Space::new(cluster, "trigger-pods").await;
    space.deploy(&App::new("others")).await;
    let pods = json!({"matchLabels": {"app": "others"}, "perReplica": 2, "activation": 1});
    let spec = json!({"idleAfter": "2s", "replicas": {"max": 4},
        "triggers": [{"pollInterval": "1s", "pods": pods}]});
    worker(&space, "counter", spec).await;
    space.until_state("counter", "Asleep").await;
    space.scale_by_hand("others", 1).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(space.replicas("counter").await, 0, "one is not above 1");
    // From zero at once as many as they ask for.
    space.scale_by_hand("others", 5).await;
    until("it is awake", async || space.replicas("counter").await > 0).await;
    space.until_replicas("counter", 3).await;
    space.scale_by_hand("others", 0).await;
    space.until_replicas("counter", 0).await;
    space.end().await;
}

/// Nobody listens at the server's address: what is told once the Secret was read.
async fn a_query_with_a_secret_says_what_is_missing_until_nothing_is(cluster: &Cluster) {
    let space = Space::new(cluster, "trigger-secret").await;
    let secret = |key: &str| json!({"secret": {"name": "access", "key": key}});
    let query = json!({
        "serverAddress": "http://127.0.0.1:1", "query": "sum(up)", "perReplica": 1, "bearer": secret("token"),
    });
    let spec =
        json!({"idleAfter": "2s", "triggers": [{"pollInterval": "1s", "prometheus": query}]});
    worker(&space, "asker", spec).await;
    let told = async |words: &str| {
        until(words, async || {
            let status = space.object("asker").await["status"].to_string();
            status.contains(words)
        })
        .await;
    };
    told("the scaler may not read Secret access").await;
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "rouse-triggers"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["access"], "verbs": ["get"]}]});
    space.apply(role).await;
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "rouse-triggers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "rouse-triggers"},
        "subjects": [{"kind": "ServiceAccount", "name": "rouse-scaler", "namespace": crate::cluster::NAMESPACE}]});
    space.apply(binding).await;
    told("there is no Secret access").await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "access"}, "stringData": {"token": "abc"}});
    space.apply(secret).await;
    // The next word is the server's, where none listens.
    told("onnection refused").await;
    assert_eq!(space.replicas("asker").await, 0, "nobody knows");
    space.end().await;
}
