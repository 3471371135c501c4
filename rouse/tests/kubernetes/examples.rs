//! Everything in `deploy/examples` is taken by an API server, and what it promises happens.

use std::fs;
use std::path::{Path, PathBuf};

use kube::api::{Api, DynamicObject, Patch, PatchParams, ValidationDirective};
use rouse_testbed::apply::documents;
use serde_json::{Value, json};

use crate::apply::{api, apply};
use crate::cluster::{Cluster, deploy};
use crate::support::{get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    every_example_is_taken,
    the_service_of_the_example_sleeps_and_wakes,
    alerts_dashboard_and_allow_lists_name_metrics_that_are_exported,
];

/// Definitions of others, reduced to what the examples use.
pub(crate) async fn definitions(cluster: &Cluster) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubernetes/definitions");
    for file in fs::read_dir(folder).unwrap() {
        for object in read(&file.unwrap().path()) {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            apply(&cluster.client, &object).await;
            let all = api(&cluster.client, &object).await;
            until(&format!("{name} is established"), async || {
                let found = serde_json::to_value(all.get(&name).await.unwrap()).unwrap();
                let conditions = found["status"]["conditions"].as_array().cloned();
                conditions.is_some_and(|all| {
                    all.iter()
                        .any(|one| one["type"] == "Established" && one["status"] == "True")
                })
            })
            .await;
        }
    }
}

fn read(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    documents(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Every file below the examples that is for a cluster: not those for `rouse serve`, nor values of the chart.
fn files() -> Vec<PathBuf> {
    let examples = deploy().join("examples");
    let mut files = Vec::new();
    for folder in fs::read_dir(&examples).unwrap() {
        let folder = folder.unwrap().path();
        if folder.ends_with("standalone") {
            continue;
        }
        for file in fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            assert_eq!(file.extension().unwrap(), "yaml", "{}", file.display());
            if !file.to_str().unwrap().ends_with("-values.yaml") {
                files.push(file);
            }
        }
    }
    files.sort();
    files
}

/// As `kubectl apply --server-side --validate=strict --dry-run=server`.
pub(crate) async fn dry_run(api: &Api<DynamicObject>, object: &Value) -> Result<(), kube::Error> {
    let parameters = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("kubectl").dry_run().force()
    };
    let name = object["metadata"]["name"].as_str().unwrap();
    let sent = api.patch(name, &parameters, &Patch::Apply(object)).await;
    sent.map(drop)
}

async fn every_example_is_taken(cluster: &Cluster) {
    definitions(cluster).await;
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}});
    apply(&cluster.client, &namespace).await;
    let files = files();
    assert!(files.len() >= 8, "{files:?}");
    let mut refused = Vec::new();
    for file in &files {
        for object in read(file) {
            let api = api(&cluster.client, &object).await;
            if let Err(error) = dry_run(&api, &object).await {
                refused.push(format!("{}: {error}", file.display()));
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    // The reduced definitions are no rubber stamp.
    let mut wrong = read(&deploy().join("examples/istio/by-host.yaml")).remove(0);
    wrong["spec"]["http"][0]["routes"] = json!([]);
    let istio = api(&cluster.client, &wrong).await;
    let error = dry_run(&istio, &wrong).await.expect_err("an unknown field");
    assert!(error.to_string().contains("routes"), "{error}");
}

async fn the_service_of_the_example_sleeps_and_wakes(cluster: &Cluster) {
    for object in read(&deploy().join("examples/kubernetes/hello.yaml")) {
        apply(&cluster.client, &object).await;
    }
    let object = json!({"apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"namespace": "default"}});
    let workloads = api(&cluster.client, &object).await;
    let state = async |wanted: &str| {
        until(&format!("hello is {wanted}"), async || {
            let found = workloads.get("hello").await.unwrap();
            found.data["status"]["state"] == wanted
        })
        .await;
    };
    state("Asleep").await;
    // The host is the VirtualService's, and so is what it leads to.
    let route = read(&deploy().join("examples/istio/by-host.yaml")).remove(0);
    let host = route["spec"]["hosts"][0].as_str().unwrap();
    let destination = &route["spec"]["http"][0]["route"][0]["destination"];
    assert_eq!(destination["host"], "rouse-proxy.rouse.svc.cluster.local");
    let answer = once(cluster.proxy(0).await, get(host, "/")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text().contains("hello"), "{}", answer.text());
    state("Awake").await;
    state("Asleep").await;
    let deleted = kube::api::DeleteParams::default();
    workloads.delete("hello", &deleted).await.unwrap();
    for object in read(&deploy().join("examples/kubernetes/hello.yaml")) {
        let name = object["metadata"]["name"].as_str().unwrap();
        let api = api(&cluster.client, &object).await;
        let _ = api.delete(name, &deleted).await;
    }
}

/// Names of families in a query: what begins with `rouse_`, without what Prometheus adds to a family's name.
fn families(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        if word.starts_with("rouse_") {
            let family = ["_total", "_bucket", "_count", "_sum"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix))
                .unwrap_or(word);
            found.push(family.to_owned());
        }
    }
    found.sort();
    found.dedup();
    found
}

async fn alerts_dashboard_and_allow_lists_name_metrics_that_are_exported(cluster: &Cluster) {
    // A family without a series is not shown: one wake, one sleep, one problem.
    let space = crate::space::Space::new(cluster, "examples-metrics").await;
    let app = crate::space::App::new("hello");
    space.workload(&app, json!({"idleAfter": "1s"})).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    assert_eq!(space.get(0, "nobody", "/").await.status, 404);
    let sleeps = r#"rouse_scaler_sleeps_total{workload="examples-metrics/hello"} 1"#;
    let mut exported = String::new();
    until("it has slept, and that was counted", async || {
        exported.clear();
        for member in [cluster.proxies().await, cluster.scalers().await].concat() {
            exported.push_str(member.metrics().await.text());
        }
        exported.contains(sleeps)
    })
    .await;
    let is_exported = |family: &str| exported.contains(&format!("# TYPE {family} "));
    let chart = deploy().join("chart");
    let mut missing = Vec::new();
    for file in ["files/alerts.yaml", "files/dashboard.json", "values.yaml"] {
        let text = fs::read_to_string(chart.join(file)).unwrap();
        let named = families(&text);
        assert!(named.len() > 3, "{file}: {named:?}");
        missing.extend(named.into_iter().filter(|name| !is_exported(name)));
    }
    assert!(missing.is_empty(), "nobody exports {missing:?}");
    // Values of labels that alerts and dashboard ask for.
    for labels in [
        r#"rouse_scaler_wakes_total{workload="examples-metrics/hello",outcome="ready"}"#,
        r#"rouse_scaler_replicas{workload="examples-metrics/hello",state="ready"}"#,
        r#"rouse_scaler_replicas{workload="examples-metrics/hello",state="min"} 0"#,
        r#"rouse_scaler_members{state="silent"}"#,
        r#"rouse_scaler_members{state="disconnected"}"#,
        r#"rouse_link_certificate_expiry_seconds{certificate="own"}"#,
        r#"rouse_link_certificate_expiry_seconds{certificate="authority"}"#,
        r#"rouse_proxy_problems_total{problem="no-route"}"#,
        r#"rouse_proxy_requests_held_limit{workload="examples-metrics/hello"} 200"#,
    ] {
        assert!(exported.contains(labels), "{labels}");
    }
    space.end().await;
}
