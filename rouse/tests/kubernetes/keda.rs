//! KEDA's manifests, word for word, where KEDA runs no more: a second installation takes all of them in one namespace.

use std::time::Duration;

use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::apply::{api, apply};
use crate::cluster::{Cluster, deploy};
use crate::moto::{REGION, Sqs};
use crate::prometheus::Prometheus;
use crate::second::Second;
use crate::space::{App, Space};
use crate::support::{get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![manifests_work_word_for_word];

const OWN: &str = "rouse-keda";
const GIVEN: &str = "keda-given";

async fn manifests_work_word_for_word(cluster: &Cluster) {
    definitions(cluster).await;
    let space = Space::new(cluster, GIVEN).await;
    let second = Second {
        cluster,
        own: OWN,
        given: Some(GIVEN),
        scaler: &["--keda=all"],
        proxy: &[],
        env: &[
            ("AWS_ACCESS_KEY_ID", "AKIATEST"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        ],
    };
    rights(cluster).await;
    second.install().await;
    let proxy = second.member().await;
    tokio::join!(
        memory(&space),
        memory_of_one_container(&space),
        query(&space),
        http(&space, proxy.requests()),
    );
    queue(&space, &second).await;
    space.end().await;
    second.end().await;
}

/// As with the chart's `keda.definitions`.
async fn definitions(cluster: &Cluster) {
    for object in manifests("keda-definitions.yaml") {
        apply(&cluster.client, &object).await;
    }
    for definition in manifests("keda-definitions.yaml") {
        let spec = &definition["spec"];
        let version = spec["versions"][0]["name"].as_str().unwrap();
        let api_version = format!("{}/{version}", spec["group"].as_str().unwrap());
        let object = json!({"apiVersion": api_version, "kind": spec["names"]["kind"], "metadata": {"namespace": "default"}});
        until("the definitions are served", async || {
            let served = rouse_testbed::apply::api(&cluster.client, &object).await;
            match served {
                Ok(api) => api.list(&ListParams::default()).await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
    }
}

fn manifests(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(deploy().join("kubernetes").join(file)).unwrap();
    rouse_testbed::apply::documents(&text).unwrap()
}

/// As with the chart's `keda.adopt`.
async fn rights(cluster: &Cluster) {
    for mut object in manifests("keda.yaml") {
        if object["kind"] == "ClusterRoleBinding" {
            object["subjects"][0]["namespace"] = json!(OWN);
        }
        apply(&cluster.client, &object).await;
    }
}

async fn scaled_object(space: &Space<'_>, yaml: &str) {
    for object in rouse_testbed::apply::documents(yaml).unwrap() {
        space.apply(object).await;
    }
}

async fn keda(space: &Space<'_>, kind: &str, name: &str) -> Value {
    let api_version = match kind {
        "HTTPScaledObject" => "http.keda.sh/v1alpha1",
        _ => "keda.sh/v1alpha1",
    };
    let object =
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"namespace": space.name}});
    let found = api(&space.cluster.client, &object).await.get(name).await;
    serde_json::to_value(found.unwrap()).unwrap()
}

async fn until_condition(
    space: &Space<'_>,
    (kind, name): (&str, &str),
    wanted: &str,
    status: &str,
) {
    until(&format!("{name} is {wanted} {status}"), async || {
        let object = keda(space, kind, name).await;
        let all = object["status"]["conditions"].as_array().cloned();
        let all = all.unwrap_or_default();
        all.iter()
            .any(|one| one["type"] == wanted && one["status"] == status)
    })
    .await;
}

async fn deployment(
    space: &Space<'_>,
    name: &str,
    replicas: u32,
    memory: &str,
    more: Option<Value>,
) {
    let app = App {
        flags: &["--memory", "100MiB"],
        container: json!({"resources": {"requests": {"cpu": "10m", "memory": memory}}}),
        ..App::new(name)
    };
    let mut template = space.template(&app);
    let containers = template["spec"]["containers"].as_array_mut().unwrap();
    containers.extend(more);
    let spec = json!({"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template});
    space
        .apply(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}))
        .await;
}

async fn memory(space: &Space<'_>) {
    deployment(space, "memory", 1, "64Mi", None).await;
    scaled_object(
        space,
        r#"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: memory}
spec:
  scaleTargetRef: {name: memory}
  minReplicaCount: 1
  maxReplicaCount: 3
  triggers: [{type: memory, metadata: {type: Utilization, value: "80"}}]
"#,
    )
    .await;
    space.until_replicas("memory", 3).await;
    until_condition(space, ("ScaledObject", "memory"), "Ready", "True").await;
    let status = keda(space, "ScaledObject", "memory").await["status"].clone();
    assert_eq!(status["triggersTypes"], "memory", "{status}");
    assert_eq!(status["scaleTargetKind"], "apps/v1.Deployment", "{status}");
}

async fn memory_of_one_container(space: &Space<'_>) {
    let sidecar = json!({
        "name": "sidecar", "image": "sample", "args": ["--port", "8081", "--memory", "200MiB"],
        "env": [{"name": "SAMPLE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    });
    deployment(space, "contained", 1, "512Mi", Some(sidecar)).await;
    scaled_object(
        space,
        r#"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: contained}
spec:
  scaleTargetRef: {name: contained}
  minReplicaCount: 1
  maxReplicaCount: 3
  triggers: [{type: memory, metadata: {type: Utilization, value: "80", containerName: app}}]
"#,
    )
    .await;
    until_condition(space, ("ScaledObject", "contained"), "Ready", "True").await;
    // Two polls at least.
    sleep(Duration::from_secs(35)).await;
    assert_eq!(space.replicas("contained").await, 1);
    let status = keda(space, "ScaledObject", "contained").await["status"].clone();
    let words = status["rouse"]["conditions"].to_string();
    assert!(!words.contains("was not read"), "{status}");
}

async fn queue(space: &Space<'_>, second: &Second<'_>) {
    let sqs = Sqs::start().await;
    sqs.create("orders").await;
    sqs.send("orders", 9, 0).await;
    deployment(space, "queue", 0, "64Mi", None).await;
    let yaml = format!(
        r#"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: queue}}
spec:
  scaleTargetRef: {{name: queue}}
  pollingInterval: 10
  cooldownPeriod: 30
  minReplicaCount: 0
  maxReplicaCount: 5
  triggers:
  - type: aws-sqs-queue
    metadata:
      queueURL: {url}
      queueLength: "2"
      awsRegion: {REGION}
      identityOwner: operator
      awsEndpoint: {endpoint}
"#,
        url = sqs.queue_url("orders"),
        endpoint = sqs.url,
    );
    scaled_object(space, &yaml).await;
    // From zero to what the queue asks for, at once.
    until("the queue wakes it", async || {
        space.replicas("queue").await > 0
    })
    .await;
    assert_eq!(space.replicas("queue").await, 5);
    until_condition(space, ("ScaledObject", "queue"), "Active", "True").await;
    second.kill_scaler().await;
    for _ in 0..10 {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(
            space.replicas("queue").await,
            5,
            "a scaler that ends lowers nothing"
        );
    }
    let messages = sqs.receive("orders", 9).await;
    for message in messages {
        sqs.delete("orders", &message).await;
    }
    // Not before it was idle for the cooldown, which is as long as anything is waited for here.
    sleep(Duration::from_secs(25)).await;
    assert_eq!(space.replicas("queue").await, 5);
    space.until_replicas("queue", 0).await;
    until_condition(space, ("ScaledObject", "queue"), "Active", "False").await;
}

async fn query(space: &Space<'_>) {
    let prometheus =
        Prometheus::start("istio_requests_total{destination_app=\"hello-istio\"}").await;
    deployment(space, "hello-istio", 1, "64Mi", None).await;
    let yaml = format!(
        r#"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: hello-istio}}
spec:
  scaleTargetRef: {{name: hello-istio}}
  pollingInterval: 10
  cooldownPeriod: 30
  minReplicaCount: 1
  maxReplicaCount: 5
  triggers:
  - type: prometheus
    metadata:
      serverAddress: {url}
      metricName: istio_requests_total
      threshold: "12"
      query: sum(increase(istio_requests_total{{destination_app="hello-istio"}}[2m]))
"#,
        url = prometheus.url,
    );
    scaled_object(space, &yaml).await;
    until_condition(space, ("ScaledObject", "hello-istio"), "Ready", "True").await;
    assert_eq!(space.replicas("hello-istio").await, 1);
    prometheus.count(200);
    space.until_replicas("hello-istio", 5).await;
}

async fn http(space: &Space<'_>, proxy: std::net::SocketAddr) {
    space.deploy(&App::new("web")).await;
    scaled_object(
        space,
        r#"
apiVersion: http.keda.sh/v1alpha1
kind: HTTPScaledObject
metadata: {name: web}
spec:
  hosts: [web.keda.test]
  scaleTargetRef: {name: web, kind: Deployment, apiVersion: apps/v1, service: web, port: 80}
  replicas: {min: 0, max: 2}
  scaledownPeriod: 2
"#,
    )
    .await;
    until("it is waked and answers", async || {
        let answer = once(proxy, get("web.keda.test", "/")).await;
        answer.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    until_condition(space, ("HTTPScaledObject", "web"), "Ready", "True").await;
    until_condition(space, ("HTTPScaledObject", "web"), "Active", "True").await;
    space.until_replicas("web", 0).await;
    until_condition(space, ("HTTPScaledObject", "web"), "Active", "False").await;
}
