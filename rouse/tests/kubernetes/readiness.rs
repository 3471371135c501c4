//! When a starting pod gets its first request: as soon as its own probe passes where that can be tried from outside, else when it is Ready.

use std::fs;
use std::path::PathBuf;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::cluster::{Cluster, a_while};
use crate::space::{App, Space};
use crate::support::{Whole, get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    an_http_probe_is_tried_at_once,
    a_grpc_probe_is_tried_at_once,
    without_a_probe_the_port_is_tried,
    who_asks_for_kubelet_waits_for_ready,
    an_exec_probe_waits_for_ready,
    a_startup_probe_is_waited_for,
    several_probing_containers_are_all_waited_for,
    a_readiness_gate_is_waited_for,
];

/// Far longer than any test: kubelet's Ready can't be what was waited for.
const NEVER: u32 = 3600;

/// Whether the pod's Ready condition is true.
async fn is_ready(space: &Space<'_>) -> bool {
    let pods = space.pods_of("hello").await;
    let conditions = pods[0].status.as_ref().and_then(|s| s.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| one.type_ == "Ready" && one.status == "True")
}

/// A request to what sleeps; its answer comes by and by.
async fn wake(space: &Space<'_>) -> JoinHandle<Whole> {
    let proxy = space.cluster.proxy(0).await;
    let request = get(&space.host("hello"), "/");
    tokio::spawn(async move { once(proxy, request).await.expect("an answer") })
}

/// A file that a probe looks for.
struct Gate(TempDir);

impl Gate {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("open")
    }

    fn probe(&self) -> Value {
        json!({"exec": {"command": ["test", "-e", self.path()]}, "periodSeconds": 1, "failureThreshold": NEVER})
    }

    fn open(&self) {
        fs::write(self.path(), "").unwrap();
    }
}

/// The request is held until this has been done, though the sample's port has long been open.
async fn held_until(space: &Space<'_>, open: impl AsyncFnOnce()) {
    let answer = wake(space).await;
    until("the sample listens", async || {
        let records = space.ledger();
        let mut records = records.records().iter();
        records.any(|one| matches!(one.event, rouse_sample::ledger::Event::Ready))
    })
    .await;
    a_while().await;
    a_while().await;
    assert!(!answer.is_finished(), "it was sent before the pod is ready");
    open().await;
    assert_eq!(answer.await.unwrap().status, 200);
    assert!(is_ready(space).await);
}

/// Is answered though kubelet has not even begun to probe.
async fn answered_before_ready(space: &Space<'_>, probe: Option<Value>, spec: Value) {
    let app = App {
        probe,
        flags: &["--ready-after", "300ms"],
        ..App::new("hello")
    };
    space.workload(&app, spec).await;
    let answer = wake(space).await.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn an_http_probe_is_tried_at_once(cluster: &Cluster) {
    let space = Space::new(cluster, "ready-http").await;
    let probe =
        json!({"httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": NEVER});
    answered_before_ready(&space, Some(probe), json!({})).await;
    assert!(!is_ready(&space).await);
    space.end().await;
}

async fn a_grpc_probe_is_tried_at_once(cluster: &Cluster) {
    let space = Space::new(cluster, "ready-grpc").await;
    let probe = json!({"grpc": {"port": 8080}, "initialDelaySeconds": NEVER});
    answered_before_ready(&space, Some(probe), json!({})).await;
    assert!(!is_ready(&space).await);
    space.end().await;
}

async fn without_a_probe_the_port_is_tried(cluster: &Cluster) {
    let space = Space::new(cluster, "ready-port").await;
    let app = App {
        probe: None,
        // Kubernetes has it Ready as soon as it runs; its port is not open then.
        flags: &["--start-delay", "700ms"],
        ..App::new("hello")
    };
    space.workload(&app, json!({})).await;
    let answer = wake(&space).await.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(is_ready(&space).await);
    space.end().await;
}

async fn who_asks_for_kubelet_waits_for_ready(cluster: &Cluster) {
    let space = Space::new(cluster, "ready-kubelet").await;
    let probe = json!({"httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": 2, "periodSeconds": 1});
    let spec = json!({"http": {"readiness": "kubelet"}});
    answered_before_ready(&space, Some(probe), spec).await;
    assert!(
        is_ready(&space).await,
        "it was sent before the pod is Ready"
    );
    space.end().await;
}

async fn an_exec_probe_waits_for_ready(cluster: &Cluster) {
    let space = Space::new(cluster, "ready-exec").await;
    let gate = Gate::new();
    let app = App {
        probe: Some(gate.probe()),
        ..App::new("hello")
    };
    space.workload(&app, json!({})).await;
    held_until(&space, async || gate.open()).await;
    space.end().await;
}

async fn a_startup_probe_is_waited_for(cluster: &Cluster) {
    let space = Space::new(cluster, "ready-startup").await;
    let gate = Gate::new();
    let app = App {
        container: json!({"startupProbe": gate.probe()}),
        ..App::new("hello")
    };
    space.workload(&app, json!({})).await;
    held_until(&space, async || gate.open()).await;
    space.end().await;
}

async fn several_probing_containers_are_all_waited_for(cluster: &Cluster) {
    let space = Space::new(cluster, "ready-several").await;
    let gate = Gate::new();
    let mut template = space.template(&App::new("hello"));
    let beside = json!({
        "name": "beside", "image": "sample", "args": ["--port", "8081"], "readinessProbe": gate.probe(),
        "env": [{"name": "SAMPLE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    });
    let containers = template["spec"]["containers"].as_array_mut().unwrap();
    containers.push(beside);
    space
        .apply(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "hello"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "hello"}}, "template": template},
        }))
        .await;
    space.service("hello").await;
    space.scaled("hello", json!({})).await;
    space.routed("hello").await;
    held_until(&space, async || gate.open()).await;
    space.end().await;
}

async fn a_readiness_gate_is_waited_for(cluster: &Cluster) {
    const GATE: &str = "tests.rouse.dev/load-balancer";
    let space = Space::new(cluster, "ready-gate").await;
    let app = App {
        pod: json!({"readinessGates": [{"conditionType": GATE}]}),
        ..App::new("hello")
    };
    space.workload(&app, json!({})).await;
    held_until(&space, async || {
        let pod = space.pods_of("hello").await.remove(0).metadata.name;
        let patch = json!({"status": {"conditions": [{"type": GATE, "status": "True"}]}});
        let parameters = PatchParams::default();
        let pods = space.pods();
        pods.patch_status(&pod.unwrap(), &parameters, &Patch::Strategic(patch))
            .await
            .unwrap();
    })
    .await;
    space.end().await;
}
