//! KEDA's tables of what a trigger's metadata may be, as ours.

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
fn sqs() {
    let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/DeleteArtifactQ";
    let all = json!({"queueURL": queue, "queueLength": "1", "awsRegion": "eu-west-1", "identityOwner": "operator"});
    let rows = [
        (
            json!({}),
            Ok(
                json!({"queueURL": queue, "perReplica": 1.0, "activation": 0.0, "inFlight": true, "delayed": false}),
            ),
        ),
        (json!({"queueLength": null}), Ok(json!({"perReplica": 5.0}))),
        (json!({"queueLength": ""}), Ok(json!({"perReplica": 5.0}))),
        (
            json!({"activationQueueLength": "1"}),
            Ok(json!({"activation": 1.0})),
        ),
        (
            json!({"awsEndpoint": "http://localhost:4566"}),
            Ok(json!({"endpoint": "http://localhost:4566"})),
        ),
        (
            json!({"scaleOnInFlight": "false"}),
            Ok(json!({"inFlight": false})),
        ),
        (
            json!({"scaleOnDelayed": "true"}),
            Ok(json!({"delayed": true})),
        ),
        (
            json!({"scaleOnInFlight": "no"}),
            Err("metadata.scaleOnInFlight"),
        ),
        (
            json!({"scaleOnDelayed": "sometimes"}),
            Err("metadata.scaleOnDelayed"),
        ),
        (
            json!({"queueURL": "https://sqs.eu-west-1.amazonaws.com/123456789012"}),
            Err("cannot get queueName from queueURL"),
        ),
        (
            json!({"queueURL": "https://sqs.eu-west-1.amazonaws.com"}),
            Err("cannot get queueName from queueURL"),
        ),
        (json!({"queueURL": "my-queue"}), Err("a name alone")),
        (
            json!({"queueURL": ""}),
            Err("metadata.queueURL: is missing"),
        ),
        (
            json!({"queueURL": null, "queueURLFromEnv": "QUEUE_URL"}),
            Err("QUEUE_URL"),
        ),
        (
            json!({"queueLength": "a"}),
            Err("metadata.queueLength: is \"a\""),
        ),
        (json!({"queueLength": "0"}), Err("above 0")),
        (
            json!({"activationQueueLength": "a"}),
            Err("metadata.activationQueueLength"),
        ),
        (
            json!({"awsRegion": ""}),
            Err("metadata.awsRegion: is missing"),
        ),
        (
            json!({"identityOwner": null}),
            Err("metadata.identityOwner: is pod"),
        ),
        (
            json!({"identityOwner": "somebody"}),
            Err("pod, workload or operator"),
        ),
        (
            json!({"queueName": "x"}),
            Err("metadata.queueName: is not a parameter"),
        ),
    ];
    table("aws-sqs-queue", &all, &rows);
}

#[test]
fn sqs_with_credentials() {
    let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders";
    let mut trigger = json!({
        "type": "aws-sqs-queue", "authenticationRef": {"name": "aws"},
        "metadata": {"queueURL": queue, "awsRegion": "eu-west-1"},
    });
    let keys = |all: &[&str]| {
        let secrets: Vec<Value> = all
            .iter()
            .map(|key| json!({"parameter": key, "name": "aws", "key": key}))
            .collect();
        json!({"apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": {"name": "aws"}, "spec": {"secretTargetRef": secrets}})
    };
    let (id, secret, session) = ("awsAccessKeyID", "awsSecretAccessKey", "awsSessionToken");
    let made = become_of(&trigger, &[keys(&[id, secret])]).unwrap();
    assert_eq!(made["sqs"]["keys"]["id"]["secret"]["key"], id);
    let made = become_of(&trigger, &[keys(&[id, secret, session])]).unwrap();
    assert_eq!(made["sqs"]["keys"]["session"]["secret"]["key"], session);
    for part in [&[id][..], &[secret], &[]] {
        let told = become_of(&trigger, &[keys(part)]).unwrap_err();
        assert!(
            told.iter().any(|line| line.contains("identityOwner")),
            "{told:?}"
        );
    }
    let told = become_of(&trigger, &[]).unwrap_err();
    assert!(
        told[0].contains("names the TriggerAuthentication aws"),
        "{told:?}"
    );
    // KEDA's own identity passes over what the authentication says.
    trigger["metadata"]["identityOwner"] = json!("operator");
    let made = become_of(&trigger, &[keys(&[id, secret])]).unwrap();
    assert_eq!(made["sqs"].get("keys"), None);
}

#[test]
fn a_variable_of_the_container() {
    let trigger = json!({
        "type": "aws-sqs-queue",
        "metadata": {"queueURLFromEnv": "QUEUE_URL", "awsRegion": "eu-west-1", "identityOwner": "operator"},
    });
    let deployment = |variable: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
            "spec": {"template": {"spec": {"containers": [{"name": "a", "env": [variable]}]}}},
        })
    };
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders";
    let given = deployment(json!({"name": "QUEUE_URL", "value": url}));
    let made = become_of(&trigger, &[given]).unwrap();
    assert_eq!(made["sqs"]["queueURL"], url);
    for (variable, told) in [
        (
            json!({"name": "OTHER", "value": url}),
            "which the container doesn't have",
        ),
        (
            json!({"name": "QUEUE_URL", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}),
            "neither written out",
        ),
        (
            json!({"name": "QUEUE_URL", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}),
            "is no secret to Rouse",
        ),
    ] {
        let lines = become_of(&trigger, &[deployment(variable)]).unwrap_err();
        assert!(lines[0].contains(told), "{lines:?}");
    }
}

#[test]
fn prometheus() {
    let all = json!({"serverAddress": "http://localhost:9090", "threshold": "100", "query": "up"});
    let rows = [
        (
            json!({}),
            Ok(
                json!({"perReplica": 100.0, "activation": 0.0, "whenEmpty": "zero", "timeout": "3s"}),
            ),
        ),
        (json!({"metricName": "x"}), Ok(json!({"query": "up"}))),
        (
            json!({"threshold": "0.5", "activationThreshold": "50.5"}),
            Ok(json!({"perReplica": 0.5, "activation": 50.5})),
        ),
        (
            json!({"ignoreNullValues": "false"}),
            Ok(json!({"whenEmpty": "unknown"})),
        ),
        (
            json!({"ignoreNullValues": "true"}),
            Ok(json!({"whenEmpty": "zero"})),
        ),
        (json!({"unsafeSsl": "false"}), Ok(json!({}))),
        (
            json!({"customHeaders": "key1=value1,key2=value2"}),
            Ok(json!({"headers": {"key1": "value1", "key2": "value2"}})),
        ),
        (json!({"timeout": "1000"}), Ok(json!({"timeout": "1s"}))),
        (json!({"timeout": "0"}), Ok(json!({"timeout": "3s"}))),
        (json!({"timeout": "10"}), Ok(json!({"timeout": "100ms"}))),
        (
            json!({"serverAddress": null}),
            Err("metadata.serverAddress: is missing"),
        ),
        (
            json!({"serverAddress": "localhost"}),
            Err("is not a server's address"),
        ),
        (json!({"query": ""}), Err("metadata.query: is missing")),
        (
            json!({"threshold": null}),
            Err("metadata.threshold: is missing"),
        ),
        (
            json!({"threshold": "one"}),
            Err("metadata.threshold: is \"one\""),
        ),
        (json!({"threshold": "-1"}), Err("metadata.threshold: is -1")),
        (
            json!({"activationThreshold": "one"}),
            Err("metadata.activationThreshold"),
        ),
        (
            json!({"ignoreNullValues": "xxxx"}),
            Err("metadata.ignoreNullValues"),
        ),
        (json!({"unsafeSsl": "random"}), Err("metadata.unsafeSsl")),
        (json!({"unsafeSsl": "true"}), Err("tls.ca")),
        (
            json!({"customHeaders": "key1=value1,key2"}),
            Err("metadata.customHeaders"),
        ),
        (json!({"cortexOrgID": "my-org"}), Err("X-Scope-OrgID")),
        (
            json!({"queryParameters": "key1=value1"}),
            Err("metadata.queryParameters"),
        ),
        (json!({"namespace": "foo"}), Err("metadata.namespace")),
        (json!({"timeout": "-1"}), Err("metadata.timeout")),
        (json!({"timeout": "a"}), Err("metadata.timeout")),
        (json!({"authModes": "digest"}), Err("metadata.authModes")),
        (
            json!({"authModes": "basic"}),
            Err("basic is not carried over"),
        ),
    ];
    table("prometheus", &all, &rows);
    let mut value = trigger("prometheus", &all, &json!({}));
    value["metricType"] = json!("Value");
    let made = become_of(&value, &[]).unwrap();
    assert_eq!(made["prometheus"]["total"], 100.0);
    assert_eq!(made["prometheus"].get("perReplica"), None);
    value["metricType"] = json!("Utilization");
    assert!(become_of(&value, &[]).is_err());
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

#[test]
fn metrics_api() {
    let all =
        json!({"url": "http://dummy:1230/api/v1/", "valueLocation": "metric", "targetValue": "42"});
    let rows = [
        (
            json!({}),
            Ok(
                json!({"url": "http://dummy:1230/api/v1/", "valueLocation": "metric", "perReplica": 42.0, "activation": 0.0, "format": "json"}),
            ),
        ),
        (
            json!({"format": "prometheus", "valueLocation": "jobs{a=\"b\"}"}),
            Ok(json!({"format": "prometheus"})),
        ),
        (
            json!({"activationTargetValue": "15.5", "targetValue": "1.1"}),
            Ok(json!({"perReplica": 1.1, "activation": 15.5})),
        ),
        (json!({"unsafeSsl": "false"}), Ok(json!({"format": "json"}))),
        (json!({"url": null}), Err("metadata.url: is missing")),
        (json!({"url": "dummy"}), Err("is not a URL")),
        (
            json!({"valueLocation": null}),
            Err("metadata.valueLocation: is missing"),
        ),
        (
            json!({"targetValue": null}),
            Err("metadata.targetValue: is missing"),
        ),
        (json!({"targetValue": "aa"}), Err("metadata.targetValue")),
        (
            json!({"activationTargetValue": "aa"}),
            Err("metadata.activationTargetValue"),
        ),
        (
            json!({"format": "csv"}),
            Err("json, yaml, xml or prometheus"),
        ),
        (json!({"unsafeSsl": "yes"}), Err("metadata.unsafeSsl")),
        (json!({"authMode": "digest"}), Err("metadata.authMode")),
        (json!({"authMode": "tls"}), Err("cert and key")),
        (
            json!({"aggregateFromKubeServiceEndpoints": "true"}),
            Err("asks the one URL"),
        ),
    ];
    table("metrics-api", &all, &rows);
}

#[test]
fn metrics_api_with_credentials() {
    let authentication = |parameters: &[&str]| {
        let secrets: Vec<Value> = parameters
            .iter()
            .map(|key| json!({"parameter": key, "name": "s", "key": key}))
            .collect();
        json!({"apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication", "metadata": {"name": "s"}, "spec": {"secretTargetRef": secrets}})
    };
    let made = |mode: Value, parameters: &[&str]| {
        let all = json!({"url": "http://a/b", "valueLocation": "m", "targetValue": "1"});
        let mut trigger = trigger("metrics-api", &all, &mode);
        trigger["authenticationRef"] = json!({"name": "s"});
        let made = become_of(&trigger, &[authentication(parameters)]);
        made.unwrap_or_else(|told| panic!("{told:?}"))["metricsApi"].clone()
    };
    let of = |key: &str| json!({"secret": {"name": "s", "key": key}});
    let key = made(json!({"authMode": "apiKey"}), &["apiKey"]);
    assert_eq!(
        key["apiKey"],
        json!({"header": "X-API-KEY", "value": of("apiKey")})
    );
    let query = json!({"authMode": "apiKey", "method": "query", "keyParamName": "k"});
    let key = made(query, &["apiKey"]);
    assert_eq!(key["apiKey"], json!({"query": "k", "value": of("apiKey")}));
    let bearer = made(json!({"authMode": "bearer"}), &["token"]);
    assert_eq!(bearer["bearer"], of("token"));
    let tls = made(json!({"authMode": "tls"}), &["ca", "cert", "key"]);
    let wanted = json!({"ca": of("ca"), "certificate": of("cert"), "key": of("key")});
    assert_eq!(tls["tls"], wanted);
}

#[test]
fn external() {
    for (kind, field) in [("external", "external"), ("external-push", "externalPush")] {
        let all = json!({"scalerAddress": "scaler.team:9090", "queue": "orders"});
        let made = become_of(&trigger(kind, &all, &json!({})), &[]).unwrap();
        let wanted = json!({"address": "http://scaler.team:9090", "metadata": all});
        assert_eq!(made[field], wanted);
        let rows = [
            (
                json!({"enableTLS": "true"}),
                Ok(json!({"address": "https://scaler.team:9090"})),
            ),
            (
                json!({"scalerAddress": null}),
                Err("metadata.scalerAddress: is missing"),
            ),
            (
                json!({"scalerAddress": "a b"}),
                Err("is not a server's address"),
            ),
            (json!({"enableTLS": "x"}), Err("metadata.enableTLS")),
            (json!({"unsafeSsl": "true"}), Err("tls.ca")),
            (
                json!({"secretFromEnv": "SECRET"}),
                Err("needs the variable SECRET"),
            ),
        ];
        table(kind, &all, &rows);
    }
}
