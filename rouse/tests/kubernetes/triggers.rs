//! Workloads that something else than a request wakes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::moto::{REGION, Sqs};
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
    a_queue_is_worked_off_and_sleeps_again,
    memory_beyond_its_share_makes_more_and_a_sidecars_does_not_count,
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
    let spec = json!({"idleAfter": "2s", "replicas": {"initial": 2}});
    space.workload(&App::new("hello"), spec).await;
    // Read from what it leaves behind: on a busy machine the count itself may be over before anybody looks.
    until("it has slept after its first count", async || {
        let status = space.object("hello").await["status"].clone();
        let why = status["lastSleep"]["why"].as_str().unwrap_or_default();
        why.ends_with("was 2")
    })
    .await;
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

/// The scaler may read this Secret of the space.
async fn grant_secret(space: &Space<'_>, name: &str) {
    let api = "rbac.authorization.k8s.io/v1";
    space
        .apply(json!({"apiVersion": api, "kind": "Role", "metadata": {"name": "rouse-triggers"},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]}]}))
        .await;
    space
        .apply(json!({"apiVersion": api, "kind": "RoleBinding", "metadata": {"name": "rouse-triggers"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "rouse-triggers"},
            "subjects": [{"kind": "ServiceAccount", "name": "rouse-scaler", "namespace": crate::cluster::NAMESPACE}]}))
        .await;
}

async fn a_queue_is_worked_off_and_sleeps_again(cluster: &Cluster) {
    let space = Space::new(cluster, "trigger-sqs").await;
    let sqs = Sqs::start().await;
    sqs.create("orders").await;
    let secret = |key: &str| json!({"secret": {"name": "aws", "key": key}});
    space
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "aws"}, "stringData": {"id": "AKIATEST", "secret": "s3cret"}}))
        .await;
    grant_secret(&space, "aws").await;
    let queue = json!({
        "queueURL": sqs.queue_url("orders"), "region": REGION, "endpoint": sqs.url, "perReplica": 2, "activation": 3,
        "keys": {"id": secret("id"), "secret": secret("secret")},
    });
    let spec = json!({
        "idleAfter": "2s", "replicas": {"max": 5}, "behavior": {"scaleIn": "whenIdle"},
        "triggers": [{"pollInterval": "1s", "sqs": queue}],
    });
    worker(&space, "job", spec).await;
    // Not above its activation.
    sqs.send("orders", 3, 0).await;
    sleep(Duration::from_secs(4)).await;
    assert_eq!(space.replicas("job").await, 0);
    sqs.send("orders", 5, 0).await;
    space.until_replicas("job", 4).await;
    let status = space.object("job").await["status"].clone();
    assert_eq!(status["lastWake"]["cause"], "trigger", "{status}");
    // One is still in work: nobody goes, for nobody knows who has it.
    let mut work = sqs.receive("orders", 8).await;
    assert_eq!(work.len(), 8);
    let last = work.pop().unwrap();
    for one in work {
        sqs.delete("orders", &one).await;
    }
    sleep(Duration::from_secs(5)).await;
    assert_eq!(space.replicas("job").await, 4);
    sqs.delete("orders", &last).await;
    space.until_replicas("job", 0).await;
    space.end().await;
}

async fn memory_beyond_its_share_makes_more_and_a_sidecars_does_not_count(cluster: &Cluster) {
    let space = Space::new(cluster, "trigger-memory").await;
    let app = App {
        container: json!({"resources": {"requests": {"cpu": "10m", "memory": "128Mi"}}}),
        ..App::new("web")
    };
    // What it takes itself is far from 80% of its request; its sidecar takes more than both request together.
    let mut template = space.template(&app);
    let containers = template["spec"]["containers"].as_array_mut().unwrap();
    containers.push(json!({
        "name": "sidecar", "image": "sample", "args": ["--port", "8081", "--memory", "200MiB"],
        "env": [{"name": "SAMPLE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }));
    space
        .apply(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template},
        }))
        .await;
    space.service("web").await;
    let spec = |memory: Value| {
        json!({
            "idleAfter": "1s", "replicas": {"min": 1, "max": 3},
            "triggers": [{"pollInterval": "1s", "memory": memory}],
        })
    };
    space
        .scaled("web", spec(json!({"utilization": 80, "container": "app"})))
        .await;
    until("it has read the memory", async || {
        let told = space.object("web").await["status"].clone();
        told["readyReplicas"] == 1 && space.condition("web", "Degraded").await.0 == "False"
    })
    .await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(space.replicas("web").await, 1);
    space.scaled("web", spec(json!({"utilization": 80}))).await;
    space.until_replicas("web", 3).await;
    until("why is told", async || {
        let status = space.object("web").await["status"].to_string();
        status.contains("triggers[0] (memory)")
    })
    .await;
    // A container that is not there is said.
    space
        .scaled(
            "web",
            spec(json!({"utilization": 80, "container": "proxy"})),
        )
        .await;
    until("the mistake is told", async || {
        let (degraded, _) = space.condition("web", "Degraded").await;
        let status = space.object("web").await["status"].to_string();
        degraded == "True" && status.contains("has no container proxy")
    })
    .await;
    assert_eq!(space.replicas("web").await, 3, "nothing goes down");
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
    grant_secret(&space, "access").await;
    told("there is no Secret access").await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "access"}, "stringData": {"token": "abc"}});
    space.apply(secret).await;
    // The next word is the server's, where none listens.
    told("onnection refused").await;
    assert_eq!(space.replicas("asker").await, 0, "nobody knows");
    space.end().await;
}
