//! prometheus, metrics-api, external, external-push.

use serde_json::{Value, json};

use super::{become_of, table, trigger};

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
