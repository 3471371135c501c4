//! KEDA's tables of what a trigger's metadata may be, as ours.

mod asked;
mod aws;

use serde_json::{Value, json};

use super::{Known, convert};
use crate::node::Node;
use crate::note::NoteKind;

/// What one trigger becomes, or what is mistaken or missing.
fn become_of(trigger: &Value, others: &[Value]) -> Result<Value, Vec<String>> {
    let object = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "a"},
        "spec": {"scaleTargetRef": {"name": "a"}, "minReplicaCount": 1, "triggers": [trigger]},
    });
    let mut known = Known::default();
    for other in others {
        known.add(&Node::from(other));
    }
    let converted = convert(&Node::from(&object), &known);
    let bad = converted.notes.iter();
    let bad = bad.filter(|note| note.kind != NoteKind::Changed);
    let bad: Vec<String> = bad.map(ToString::to_string).collect();
    match converted.resource {
        Some(resource) if bad.is_empty() => {
            Ok(serde_json::to_value(resource).unwrap()["spec"]["triggers"][0].clone())
        }
        _ => Err(bad),
    }
}

/// A trigger of a type with metadata of `all`, changed by `change`: a null takes one out.
fn trigger(kind: &str, all: &Value, change: &Value) -> Value {
    let mut metadata = all.as_object().unwrap().clone();
    for (key, value) in change.as_object().unwrap() {
        match value {
            Value::Null => _ = metadata.remove(key),
            value => _ = metadata.insert(key.clone(), value.clone()),
        }
    }
    json!({"type": kind, "metadata": metadata})
}

/// Each change with a part of what it becomes, or of what is told.
fn table(kind: &str, all: &Value, rows: &[(Value, Result<Value, &str>)]) {
    for (change, wanted) in rows {
        let trigger = trigger(kind, all, change);
        match (become_of(&trigger, &[]), wanted) {
            (Ok(made), Ok(wanted)) => {
                for (key, value) in wanted.as_object().unwrap() {
                    let made = made.as_object().unwrap().values();
                    let found: Vec<_> = made.filter_map(|source| source.get(key)).collect();
                    assert_eq!(found, [value], "{key} of {change}");
                }
            }
            (Err(told), Err(wanted)) => {
                let found = told.iter().any(|line| line.contains(wanted));
                assert!(found, "{change}: {told:?} says nothing of {wanted:?}");
            }
            (made, _) => panic!("{change}: {made:?}"),
        }
    }
}

#[test]
fn usage_in_both_forms() {
    for kind in ["cpu", "memory"] {
        let all = json!({"value": "50"});
        let rows = [
            (
                json!({"type": "Utilization"}),
                Ok(json!({"utilization": 50.0})),
            ),
            (
                json!({"type": "Utilization", "containerName": "app"}),
                Ok(json!({"container": "app"})),
            ),
            (
                json!({"type": "AverageValue", "value": "500Mi"}),
                Ok(json!({"average": "500Mi"})),
            ),
            (
                json!({"type": "AverageValue", "value": "10m"}),
                Ok(json!({"average": "10m"})),
            ),
            (json!({"type": "Value"}), Err("Utilization or AverageValue")),
            (json!({}), Err("is missing; write Utilization")),
            (
                json!({"type": "Utilization", "value": null}),
                Err("metadata.value: is missing"),
            ),
            (
                json!({"type": "Utilization", "value": "lots"}),
                Err("metadata.value"),
            ),
            (
                json!({"type": "AverageValue", "value": "5x"}),
                Err("metadata.value"),
            ),
        ];
        table(kind, &all, &rows);
        let mut new = trigger(kind, &all, &json!({}));
        new["metricType"] = json!("Utilization");
        assert_eq!(become_of(&new, &[]).unwrap()[kind]["utilization"], 50.0);
    }
}

#[test]
fn cron() {
    let all = json!({"timezone": "Etc/UTC", "start": "0 0 * * Thu", "end": "59 23 * * Thu", "desiredReplicas": "10"});
    let rows = [
        (
            json!({}),
            Ok(json!({"replicas": 10, "timezone": "Etc/UTC"})),
        ),
        (
            json!({"desiredReplicas": "400"}),
            Ok(json!({"replicas": 100})),
        ),
        (
            json!({"timezone": "Asia/Kolkata", "start": "30 * * * *", "end": "45 * * * *"}),
            Ok(json!({"replicas": 10})),
        ),
        (
            json!({"timezone": null}),
            Err("metadata.timezone: is missing"),
        ),
        (json!({"timezone": "Earth/Sea"}), Err("metadata.timezone")),
        (json!({"start": null}), Err("metadata.start: is missing")),
        (json!({"start": "30 * * *"}), Err("metadata.start")),
        (json!({"end": "0 0 * * * *"}), Err("metadata.end")),
        (json!({"end": "0 0 * * Thu"}), Err("is the same as start")),
        (
            json!({"desiredReplicas": null}),
            Err("metadata.desiredReplicas: is missing"),
        ),
        (
            json!({"desiredReplicas": "x"}),
            Err("metadata.desiredReplicas"),
        ),
        (json!({"desiredReplicas": "0"}), Err("asks for nothing")),
    ];
    table("cron", &all, &rows);
}

#[test]
fn pods() {
    let all = json!({"podSelector": "app=demo", "value": "1"});
    let rows = [
        (
            json!({}),
            Ok(json!({"matchLabels": {"app": "demo"}, "perReplica": 1.0, "activation": 0.0})),
        ),
        (
            json!({"podSelector": "app=demo,tier == front"}),
            Ok(json!({"matchLabels": {"app": "demo", "tier": "front"}})),
        ),
        (
            json!({"activationValue": "3"}),
            Ok(json!({"activation": 3.0})),
        ),
        (
            json!({"podSelector": "app in (demo1, demo2)"}),
            Err("app in (demo1, demo2)"),
        ),
        (json!({"podSelector": "a=b,!c"}), Err("\"!c\"")),
        (
            json!({"podSelector": null}),
            Err("metadata.podSelector: is missing"),
        ),
        (json!({"value": null}), Err("metadata.value: is missing")),
        (json!({"value": "0"}), Err("above 0")),
        (json!({"value": "aa"}), Err("metadata.value")),
        (
            json!({"activationValue": "aa"}),
            Err("metadata.activationValue"),
        ),
    ];
    table("kubernetes-workload", &all, &rows);
}
