use serde_json::{Value, json};

use super::{Known, convert};
use crate::node::Node;
use crate::note::NoteKind;

/// The ScaledWorkload's spec of a Service with this template, and mistakes and what is missing.
fn become_of(annotations: &Value, spec: &Value) -> (Value, Vec<String>) {
    let mut spec = spec.clone();
    spec["containers"] = json!([{"image": "a"}]);
    let object = json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "a"},
        "spec": {"template": {"metadata": {"annotations": annotations}, "spec": spec}},
        "status": {"url": "http://a.example.com"},
    });
    let made = convert(&Node::from(&object), &Known::default()).unwrap();
    let find = |kind: &str| {
        let found = made
            .documents
            .iter()
            .find(|(node, _)| node.text("kind") == Some(kind));
        found.unwrap_or_else(|| panic!("{kind}: {:?}", made.notes))
    };
    let notes = find("Deployment").1.iter().chain(&find("ScaledWorkload").1);
    let told = notes.filter(|note| note.kind != NoteKind::Changed);
    // Of every Service.
    let told = told.filter(|note| !note.message.starts_with("callers inside"));
    let told = told.map(ToString::to_string).collect();
    (Value::from(&find("ScaledWorkload").0)["spec"].clone(), told)
}

#[test]
fn annotations() {
    for (name, value, pointer, wanted) in [
        ("min-scale", "2", "/replicas/min", json!(2)),
        ("minScale", "2", "/replicas/min", json!(2)),
        ("max-scale", "7", "/replicas/max", json!(7)),
        ("max-scale", "0", "/replicas/max", json!(1000)),
        ("initial-scale", "3", "/replicas/initial", json!(3)),
        ("initial-scale", "0", "/verifyChanges", json!(false)),
        ("activation-scale", "4", "/replicas/onWake", json!(4)),
        ("target", "0.5", "/http/concurrency/perReplica", json!(0.5)),
        ("metric", "rps", "/http/requestRate/perReplica", json!(200)),
        (
            "target-utilization-percentage",
            "70",
            "/behavior/utilization",
            json!(70),
        ),
        ("window", "6s", "/behavior/stableWindow", json!("6s")),
        ("window", "6s", "/behavior/panicWindow", json!("1s")),
        ("window", "1h", "/idleAfter", json!("1h")),
        (
            "panic-window-percentage",
            "50",
            "/behavior/panicWindow",
            json!("30s"),
        ),
        (
            "panicThresholdPercentage",
            "110.0",
            "/behavior/panicThreshold",
            json!(110),
        ),
        (
            "scale-down-delay",
            "1h",
            "/behavior/scaleDownDelay",
            json!("1h"),
        ),
        (
            "scaleToZeroPodRetentionPeriod",
            "1m",
            "/idleAfter",
            json!("2m"),
        ),
    ] {
        let key = format!("autoscaling.knative.dev/{name}");
        let (spec, told) = become_of(&json!({key: value}), &json!({}));
        assert_eq!(spec.pointer(pointer), Some(&wanted), "{name}: {value}");
        assert_eq!(told, Vec::<String>::new(), "{name}: {value}");
    }
}

#[test]
fn annotations_that_are_told() {
    for (name, value, wanted) in [
        ("min-scale", "-1", "a whole number"),
        ("target", "0", "at least 0.01"),
        ("target-utilization-percentage", "101", "from 1 to 100"),
        ("window", "5s", "from 6s to 3600s"),
        ("window", "1d", "from 6s to 3600s"),
        ("panic-threshold-percentage", "100", "from 110 to 1000"),
        ("scale-down-delay", "2h", "from 0s to 3600s"),
        ("target-burst-capacity", "211", "always in the path"),
        ("metric", "my-metric", "prometheus trigger"),
        ("class", "mine.example.com", "is unknown here"),
        ("new", "1", "not known here"),
    ] {
        let key = format!("autoscaling.knative.dev/{name}");
        let (_, told) = become_of(&json!({&key: value}), &json!({}));
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert!(
            told[0].contains(&key) && told[0].contains(wanted),
            "{told:?}"
        );
    }
    let (_, told) = become_of(
        &json!({"autoscaling.knative.dev/target-burst-capacity": "-1"}),
        &json!({}),
    );
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn limits() {
    let (spec, _) = become_of(&json!({}), &json!({"containerConcurrency": 10}));
    assert_eq!(
        spec["http"]["concurrency"],
        json!({"perReplica": 10, "limit": 10})
    );
    let (spec, _) = become_of(&json!({}), &json!({"containerConcurrency": 0}));
    assert_eq!(spec["http"]["concurrency"], json!({"perReplica": 100}));
    let (spec, told) = become_of(
        &json!({}),
        &json!({"timeoutSeconds": 600, "responseStartTimeoutSeconds": 60, "idleTimeoutSeconds": 30}),
    );
    assert_eq!(spec["http"]["hold"], json!({"timeout": "10m"}));
    assert_eq!(
        spec["http"]["timeouts"],
        json!({"responseHeader": "1m", "idle": "30s"})
    );
    assert!(told[0].contains("after 600 s in all"), "{told:?}");
}

#[test]
fn what_cannot_be_a_workload_is_told() {
    let object = json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "a"},
        "spec": {"template": {
            "metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "5", "autoscaling.knative.dev/max-scale": "2"}},
            "spec": {"containers": [{"image": "a"}]},
        }},
    });
    let made = convert(&Node::from(&object), &Known::default()).unwrap();
    assert!(made.documents.is_empty() && !made.is_complete());
    let told = made
        .notes
        .iter()
        .any(|note| note.message.contains("min may not be above max"));
    assert!(told, "{:?}", made.notes);
}
