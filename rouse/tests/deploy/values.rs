//! Values: every one is documented and in the schema, and what is wrong is refused with its name.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::helm::{deploy, documents, helm, text};

fn values() -> Value {
    let text = fs::read_to_string(deploy().join("chart/values.yaml")).unwrap();
    documents(&text).remove(0)
}

fn schema() -> Value {
    let text = fs::read_to_string(deploy().join("chart/values.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Paths of all fields that the schema names, and of all that values have where the schema names fields.
fn paths(
    schema: &Value,
    values: &Value,
    at: &str,
    known: &mut BTreeSet<String>,
    set: &mut BTreeSet<String>,
) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    assert_eq!(
        schema["additionalProperties"], false,
        "{at}: takes anything"
    );
    for (name, inner) in properties {
        known.insert(format!("{at}{name}"));
        paths(inner, &values[name], &format!("{at}{name}."), known, set);
    }
    for name in values
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
    {
        set.insert(format!("{at}{name}"));
    }
}

#[test]
fn the_schema_has_exactly_the_values_that_are_documented() {
    let (mut known, mut set) = (BTreeSet::new(), BTreeSet::new());
    paths(&schema(), &values(), "", &mut known, &mut set);
    // Helm's own.
    known.remove("global");
    assert_eq!(known, set);
}

#[test]
fn the_chart_passes_its_lint() {
    let chart = deploy().join("chart").display().to_string();
    let linted = helm(&["lint", "--strict", &chart]);
    assert!(linted.is_ok(), "{linted:?}");
}

#[test]
fn what_is_wrong_is_refused_with_its_name() {
    for (value, named) in [
        ("proxy.replica=3", "replica"),
        ("proxy.replicas=0", "replicas"),
        ("proxy.drain.timeoutSeconds=soon", "timeoutSeconds"),
        ("scaler.kinds={pods}", "kinds"),
        ("image.digest=latest", "digest"),
        ("name=Rouse", "name"),
        ("proxy.trusted={everybody}", "trusted"),
        ("log.format=xml", "format"),
        ("link.certificates=bought", "certificates"),
        ("link.proxySecret=mine", "set link.certificates to own"),
        ("proxy.workloadHeader.enabled=true", "workloadHeader.peers"),
    ] {
        let refused = text(None, &[value]).expect_err(value);
        assert!(refused.contains(named), "{value}: {refused}");
    }
    let unguarded = [
        "proxy.workloadHeader.enabled=true",
        "proxy.workloadHeader.peers={10.0.0.0/8}",
    ];
    let refused = text(None, &unguarded).expect_err("nobody is named who may reach the port");
    assert!(refused.contains("networkPolicy.choosers"), "{refused}");
}
