//! Alerts, dashboard, allow-list: they fit together. That their metrics are exported is looked at in a cluster (`tests/kubernetes`).

use std::fs;

use serde_json::{Value, json};

use crate::helm::{deploy, objects, one};

fn dashboard() -> Value {
    let text = fs::read_to_string(deploy().join("chart/files/dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn alerts_have_a_cause_a_severity_and_a_section_in_the_runbook() {
    let all = objects(&[
        "monitoring.rules.enabled=true",
        "monitoring.labels.release=stack",
    ]);
    let rule = one(&all, "PrometheusRule", "rouse");
    assert_eq!(rule["metadata"]["labels"]["release"], "stack");
    let readme = fs::read_to_string(deploy().join("README.md")).unwrap();
    let alerts = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    assert!(alerts.len() >= 5);
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}"
        );
        for field in ["summary", "description"] {
            let text = alert["annotations"][field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name}: no {field}");
            assert!(!text.contains("{{ .Values"), "{name}: {text}");
        }
        let wanted = format!("deploy/README.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook"], wanted);
        assert!(
            readme.contains(&format!("### {name}\n")),
            "{name} is not in the runbook"
        );
    }
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids: Vec<_> = panels
        .iter()
        .map(|panel| panel["id"].as_u64().unwrap())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), panels.len());
    for panel in panels {
        for target in panel["targets"].as_array().unwrap() {
            assert!(
                target["expr"].as_str().unwrap().contains("rouse_"),
                "{panel}"
            );
        }
    }
    let all = objects(&["monitoring.dashboard.enabled=true"]);
    let map = one(&all, "ConfigMap", "rouse-dashboard");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    let rendered: Value =
        serde_json::from_str(map["data"]["rouse.json"].as_str().unwrap()).unwrap();
    assert_eq!(rendered, dashboard);
}

#[test]
fn datadog_takes_the_allow_list_and_nothing_else() {
    let annotations = |values: &[&str], part: &str| {
        let all = objects(values);
        let pod = one(&all, "Deployment", &format!("rouse-{part}"))["spec"]["template"].clone();
        pod["metadata"]["annotations"].clone()
    };
    let plain = annotations(&[], "proxy");
    assert_eq!(plain["prometheus.io/port"], "9090");
    assert!(plain["ad.datadoghq.com/proxy.checks"].is_null());
    let values = [
        "monitoring.datadog.enabled=true",
        "monitoring.prometheusAnnotations=false",
        "monitoring.datadog.scalerMetrics={rouse_scaler_leader}",
        "proxy.podAnnotations.team=edge",
    ];
    let proxy = annotations(&values, "proxy");
    assert_eq!(proxy["team"], "edge");
    assert!(proxy["prometheus.io/scrape"].is_null());
    let check = |annotations: &Value, part: &str| -> Value {
        let text = annotations[format!("ad.datadoghq.com/{part}.checks")]
            .as_str()
            .unwrap();
        let check: Value = serde_json::from_str(text).unwrap();
        check["openmetrics"]["instances"][0].clone()
    };
    let instance = check(&proxy, "proxy");
    assert_eq!(
        instance["openmetrics_endpoint"],
        "http://%%host%%:9090/metrics"
    );
    let metrics = instance["metrics"].as_array().unwrap();
    assert!(
        metrics.contains(&json!("rouse_proxy_requests")),
        "{metrics:?}"
    );
    let scaler = check(&annotations(&values, "scaler"), "scaler");
    assert_eq!(scaler["metrics"], json!(["rouse_scaler_leader"]));
}
