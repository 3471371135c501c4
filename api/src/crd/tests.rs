use std::path::Path;

use proptest::prelude::*;
use proptest::string::string_regex;
use serde::de::DeserializeOwned;

use super::*;
use crate::resource::{ApiVersion, Duration, HeaderValue, Host, Kind, Name, ObjectName, PortRef};

/// `kubectl apply` keeps the whole in an annotation of at most 256 KiB.
const LARGEST: usize = 60 << 10;

#[test]
fn the_file_is_what_the_types_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy/crds")
        .join(format!("{NAME_OF_DEFINITION}.yaml"));
    if std::env::var_os("ROUSE_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&file, yaml()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == yaml(),
        "{} is not what api/src/resource says; to write it anew: ROUSE_BLESS=1 cargo test -p rouse-api crd",
        file.display()
    );
}

#[test]
fn it_is_small() {
    let size = definition().to_string().len();
    assert!(size < LARGEST, "{size} bytes");
}

#[test]
fn every_rule_and_bound_finds_its_field() {
    let mut spec = of::<Spec>();
    assert_eq!(rules::add(&mut spec), [""; 0]);
}

/// What https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ asks for.
#[test]
fn it_is_structural() {
    fn check(node: &Value, path: &str) {
        let fields = node.as_object().unwrap();
        let flag = |name: &str| fields.get(name) == Some(&Value::Bool(true));
        let untyped =
            flag("x-kubernetes-int-or-string") || flag("x-kubernetes-preserve-unknown-fields");
        assert!(
            fields.get("type").is_some_and(Value::is_string) || untyped,
            "{path}: no type"
        );
        for forbidden in [
            "$ref",
            "$defs",
            "title",
            "oneOf",
            "anyOf",
            "allOf",
            "not",
            "const",
            "patternProperties",
            "nullable",
        ] {
            assert!(!fields.contains_key(forbidden), "{path}: {forbidden}");
        }
        for rule in fields
            .get("x-kubernetes-validations")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let message = rule["message"].as_str().unwrap();
            assert!(
                !message.is_empty() && message.len() <= 2048,
                "{path}: {message}"
            );
        }
        if let Some(properties) = fields.get("properties") {
            for (name, inner) in properties.as_object().unwrap() {
                check(inner, &format!("{path}.{name}"));
            }
        }
        for inner in ["items", "additionalProperties"] {
            if let Some(inner) = fields.get(inner) {
                check(inner, &format!("{path}[]"));
            }
        }
    }
    check(&schema(), "");
}

#[test]
fn defaults_are_those_of_the_loader() {
    let schema = schema();
    let of = |path: &str| {
        schema["properties"]["spec"]["properties"]["replicas"]
            .pointer(path)
            .cloned()
    };
    let scale = crate::workload::Scale::default();
    assert_eq!(of("/properties/min/default"), Some(json!(scale.min)));
    assert_eq!(of("/properties/max/default"), Some(json!(scale.max)));
}

#[test]
fn bounds_in_rules_and_messages_are_those_of_the_loader() {
    let rules = schema().to_string();
    let pairs = crate::load::resolve::LARGEST_ROUTE;
    assert!(rules.contains(&format!("<= {pairs}")));
    assert!(rules.contains(&format!("more than {pairs} pairs")));
    assert!(rules.contains(&format!(
        "is {} unless said",
        crate::workload::Scale::default().max
    )));
}

#[test]
fn yaml_is_read_back_as_what_was_written() {
    let tricky = json!({
        "empty": {}, "none": [], "yes": "no", "number": 1.5, "text": "1", "colon": "a: b", "dash": "- a",
        "lines": "a\nb", "quote": "\"'", "hash": "a #b", "list": [{"b": [1, {"c": true}], "a": "x"}, "y", [["z"]]],
        "back": "\\.\u{e9}", "space": "a ", "": "", "~": "~",
    });
    let text = yaml::write(&tricky);
    let document = crate::load::tests::json_of_yaml(&text);
    assert_eq!(document, tricky, "{text}");
}

/// Texts that a type's pattern in the definition lets through.
fn texts<T: JsonSchema>() -> BoxedStrategy<String> {
    let schema = of::<T>();
    let pattern = schema["pattern"].as_str().unwrap();
    let pattern = pattern
        .strip_prefix('^')
        .unwrap()
        .strip_suffix('$')
        .unwrap();
    let longest = schema["maxLength"]
        .as_u64()
        .map_or(usize::MAX, |longest| usize::try_from(longest).unwrap());
    let shortest = schema["minLength"]
        .as_u64()
        .map_or(0, |shortest| usize::try_from(shortest).unwrap());
    string_regex(pattern)
        .unwrap()
        .prop_filter("length", move |text| {
            (shortest..=longest).contains(&text.chars().count())
        })
        .boxed()
}

fn taken<T: DeserializeOwned>(text: &str) -> Result<(), TestCaseError> {
    match serde_json::from_value::<T>(json!(text)) {
        Ok(_) => Ok(()),
        Err(error) => Err(TestCaseError::fail(format!("{text:?}: {error}"))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_loader_takes_what_the_definition_takes(
        name in texts::<Name>(),
        object in texts::<ObjectName>(),
        version in texts::<ApiVersion>(),
        kind in texts::<Kind>(),
        host in texts::<Host>(),
        path in texts::<crate::resource::Path>(),
        value in texts::<HeaderValue>(),
        port in texts::<PortRef>(),
        (hours, minutes, milliseconds) in (0..=8759_u32, 0..60_u32, 0..=9999_u32),
    ) {
        taken::<Name>(&name)?;
        taken::<ObjectName>(&object)?;
        taken::<ApiVersion>(&version)?;
        taken::<Kind>(&kind)?;
        // What is in brackets only the loader knows.
        if !host.contains('[') {
            taken::<Host>(&host)?;
        }
        taken::<crate::resource::Path>(&path)?;
        taken::<HeaderValue>(&value)?;
        taken::<PortRef>(&port)?;
        taken::<Duration>(&format!("{hours}h{minutes}m{milliseconds}ms"))?;
    }
}
