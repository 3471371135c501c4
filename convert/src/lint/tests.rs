use serde_json::{Value, json};

use super::slow_wakes;
use crate::node::Node;

/// Fields with hints, of a template's spec.
fn fields(spec: &Value, serves: bool) -> Vec<String> {
    let object = json!({"kind": "Deployment", "spec": {"template": {"spec": spec}}});
    let hints = slow_wakes(&Node::from(&object), serves);
    hints
        .iter()
        .map(|hint| {
            let path = hint.path.to_string();
            let path = path.strip_prefix("spec.template.spec.").unwrap_or(&path);
            path.replace("containers[0].", "")
        })
        .collect()
}

/// With a container to which nothing can be said.
fn fast(change: &Value) -> Vec<String> {
    let mut container = json!({
        "image": "app:1", "ports": [{"containerPort": 80}], "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 1},
    });
    for (key, value) in change.as_object().unwrap() {
        container[key] = value.clone();
    }
    fields(
        &json!({"enableServiceLinks": false, "containers": [container]}),
        true,
    )
}

#[test]
fn what_is_fast_gets_no_hint() {
    assert_eq!(fast(&json!({})), Vec::<String>::new());
    for change in [
        json!({"readinessProbe": {"tcpSocket": {"port": 80}}}),
        json!({"image": "registry:5000/team/app@sha256:abc"}),
        json!({"image": "app:latest", "imagePullPolicy": "IfNotPresent"}),
        json!({"livenessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 30}}),
    ] {
        assert_eq!(fast(&change), Vec::<String>::new(), "{change}");
    }
}

#[test]
fn each_slow_thing_is_told_at_its_field() {
    for (change, wanted) in [
        (json!({"readinessProbe": null}), vec!["readinessProbe"]),
        (
            json!({"imagePullPolicy": "Always"}),
            vec!["imagePullPolicy"],
        ),
        (
            json!({"image": "registry:5000/app"}),
            vec!["imagePullPolicy"],
        ),
        (json!({"image": "app:latest"}), vec!["imagePullPolicy"]),
        (
            json!({"readinessProbe": {"httpGet": {"port": 80}, "initialDelaySeconds": 5}}),
            vec!["readinessProbe.initialDelaySeconds"],
        ),
        (
            json!({"readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 5}}),
            vec![
                "readinessProbe.exec",
                "readinessProbe.initialDelaySeconds",
                "readinessProbe.periodSeconds",
            ],
        ),
        (
            json!({"readinessProbe": {"httpGet": {"port": 80, "scheme": "HTTPS"}, "periodSeconds": 1}}),
            vec!["readinessProbe.httpGet.scheme"],
        ),
        (
            json!({"startupProbe": {"httpGet": {"port": 80}, "periodSeconds": 5}}),
            vec!["startupProbe", "startupProbe.periodSeconds"],
        ),
    ] {
        assert_eq!(fast(&change), wanted, "{change}");
    }
}

#[test]
fn a_worker_needs_no_probe() {
    let spec = json!({"containers": [{"image": "worker:1"}]});
    assert_eq!(fields(&spec, false), ["enableServiceLinks"]);
    assert_eq!(
        fields(&spec, true),
        ["enableServiceLinks", "readinessProbe"]
    );
    assert_eq!(fields(&json!(null), true), Vec::<String>::new());
}

#[test]
fn two_probes_are_left_to_the_kubelet() {
    let container =
        json!({"image": "a:1", "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 1}});
    let spec = json!({"enableServiceLinks": false, "containers": [container, container]});
    assert_eq!(fields(&spec, true), ["containers[1].readinessProbe"]);
    let spec = json!({"enableServiceLinks": false, "readinessGates": [{"conditionType": "a"}], "containers": [container]});
    assert_eq!(fields(&spec, true), ["readinessGates"]);
}
