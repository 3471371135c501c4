//! What `rouse convert` writes is taken by an API server, and works.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rouse_testbed::apply::documents;
use serde_json::{Value, json};

use crate::apply::{api, apply};
use crate::cluster::Cluster;
use crate::examples::{definitions, dry_run};
use crate::space::Space;
use crate::support::{get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    everything_that_is_made_is_taken,
    a_service_of_knative_sleeps_and_wakes,
];

/// What documents begin with that are made and not passed through.
const MADE: &str = "# Of ";

async fn everything_that_is_made_is_taken(cluster: &Cluster) {
    definitions(cluster).await;
    for name in ["web", "shop"] {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        apply(&cluster.client, &namespace).await;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../convert/tests/golden");
    let (mut refused, mut taken) = (Vec::new(), 0);
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for document in text.split("---\n").filter(|text| text.starts_with(MADE)) {
            let object = documents(document).unwrap().remove(0);
            let api = api(&cluster.client, &object).await;
            match dry_run(&api, &object).await {
                Ok(()) => taken += 1,
                Err(error) => refused.push(format!("{}: {error}", file.display())),
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(taken > 30, "{taken}");
}

fn convert(text: &str) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rouse"))
        .arg("convert")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    // The gateway's name is left to do.
    assert_eq!(output.status.code(), Some(3));
    documents(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

async fn a_service_of_knative_sleeps_and_wakes(cluster: &Cluster) {
    let space = Space::new(cluster, "convert-knative").await;
    let host = space.host("blog");
    let service = json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "blog", "namespace": space.name},
        "spec": {"template": {
            "metadata": {"annotations": {
                "autoscaling.knative.dev/window": "6s",
                "autoscaling.knative.dev/initial-scale": "0",
            }},
            "spec": {
                "containerConcurrency": 5,
                "containers": [{
                    "image": "sample",
                    "env": [
                        {"name": "SAMPLE_NAME", "value": "blog"},
                        {"name": "SAMPLE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    ],
                    "readinessProbe": {"httpGet": {"path": "/healthz"}},
                }],
            },
        }},
        "status": {"url": format!("https://{host}")},
    });
    let made = convert(&service.to_string());
    let kinds: Vec<&str> = made
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["Deployment", "Service", "ScaledWorkload", "VirtualService"]
    );
    assert_eq!(made[3]["spec"]["hosts"], json!([host]));
    for object in &made[..3] {
        apply(&cluster.client, object).await;
    }
    let workloads = api(&cluster.client, &made[2]).await;
    let asleep = async |wanted: bool| {
        until(&format!("blog is asleep: {wanted}"), async || {
            let found = workloads.get("blog").await.unwrap();
            let state = found.data["status"]["state"].as_str();
            state.is_some_and(|state| (state == "Asleep") == wanted)
        })
        .await;
    };
    asleep(true).await;
    let answer = once(cluster.proxy(0).await, get(&host, "/")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text().contains("blog"), "{}", answer.text());
    asleep(false).await;
    asleep(true).await;
    space.end().await;
}
