use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use crate::cluster::*;

pub(crate) async fn readiness_follows_the_probe(cluster: &Cluster) {
    let pods = cluster.namespace("readiness").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fail");
    let probe = json!({
        "args": ["$(POD_IP):8080", "0", file],
        "ports": [{"name": "web", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"port": "web", "path": "/ready"}, "periodSeconds": 1, "failureThreshold": 1},
    });
    create(&pods, pod("p", probe, json!({}))).await;
    until(&pods, "p", is_ready).await;
    std::fs::write(&file, "").unwrap();
    let unready = until(&pods, "p", |pod| !is_ready(pod)).await;
    assert_eq!(restarts(&unready), 0);
    std::fs::remove_file(&file).unwrap();
    until(&pods, "p", is_ready).await;
}

pub(crate) async fn late_listeners_wait_for_the_period(cluster: &Cluster) {
    let pods = cluster.namespace("late").await;
    let probe = json!({
        "args": ["$(POD_IP):8080", "200"],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 2},
    });
    create(&pods, pod("p", probe, json!({}))).await;
    until(&pods, "p", is_running).await;
    let start = Instant::now();
    until(&pods, "p", is_ready).await;
    assert!(
        start.elapsed() > Duration::from_secs(1),
        "it is looked at each period only"
    );
}

pub(crate) async fn liveness_restarts(cluster: &Cluster) {
    let pods = cluster.namespace("liveness").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fail");
    let probe = json!({
        "args": ["$(POD_IP):8080", "0", file],
        "startupProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1},
        "livenessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 2},
    });
    create(&pods, pod("p", probe, json!({}))).await;
    until(&pods, "p", is_ready).await;
    std::fs::write(&file, "").unwrap();
    until(&pods, "p", |pod| restarts(pod) == 1).await;
    std::fs::remove_file(&file).unwrap();
    until(&pods, "p", is_ready).await;
}

pub(crate) async fn commands_run_inside(cluster: &Cluster) {
    let pods = cluster.namespace("commands").await;
    let probe = json!({
        "image": "sh", "args": ["echo up; exec sleep 1000"], "workingDir": "/run/inside",
        "volumeMounts": [{"name": "v", "mountPath": "/run/inside"}],
        "env": [{"name": "FILE", "value": "here"}],
        "readinessProbe": {"exec": {"command": ["/bin/sh", "-c", "cat $FILE"]}, "periodSeconds": 1},
    });
    create(
        &pods,
        pod(
            "p",
            probe,
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
        ),
    )
    .await;
    let pod = until(&pods, "p", is_running).await;
    assert!(!is_ready(&pod));
    // Its mounts are there once its own program runs.
    logged(cluster, "commands", "up\n").await;
    let pid = cluster.node().pid("commands", "p", "main").unwrap();
    std::fs::write(format!("/proc/{pid}/root/run/inside/here"), "x").unwrap();
    assert!(
        !std::path::Path::new("/run/inside/here").exists(),
        "it is the container's alone"
    );
    until(&pods, "p", is_ready).await;
}

pub(crate) async fn gates_hold_readiness(cluster: &Cluster) {
    let pods = cluster.namespace("gates").await;
    let gate = json!({"readinessGates": [{"conditionType": "example.com/open"}]});
    create(&pods, pod("p", json!({}), gate)).await;
    let closed = |pod: &Pod| condition(pod, "ContainersReady").as_deref() == Some("True");
    assert!(!is_ready(&until(&pods, "p", closed).await));
    let open = json!({"status": {"conditions": [{"type": "example.com/open", "status": "True"}]}});
    pods.patch_status("p", &PatchParams::default(), &Patch::Strategic(open))
        .await
        .unwrap();
    let pod = until(&pods, "p", is_ready).await;
    assert_eq!(condition(&pod, "example.com/open").as_deref(), Some("True"));
}
