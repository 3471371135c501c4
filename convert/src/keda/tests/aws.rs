//! aws-sqs-queue.

use serde_json::{Value, json};

use super::{become_of, table};

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
