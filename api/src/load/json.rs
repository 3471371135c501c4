use std::path::PathBuf;

use serde_json::Value as Json;

use super::document::Document;
use super::tree::{Entry, Node, Position, Value};
use crate::resource::{API_VERSION, KIND};

/// Fields of `metadata` that mean something here; the others are Kubernetes' own or free.
const METADATA: [&str; 2] = ["name", "namespace"];

/// An object has no lines.
const NOWHERE: Position = Position { line: 0, column: 0 };

/// An object as the API server sends it, as a document: without `status`, and without what is Kubernetes' in `metadata`. Items of a
/// list may come without `apiVersion` and `kind`.
pub(super) fn document(object: &Json) -> Document {
    let mut tree = node(object);
    if let Value::Mapping(entries) = &mut tree.value {
        entries.retain(|entry| entry.key != "status");
        for (key, text) in [("apiVersion", API_VERSION), ("kind", KIND)] {
            if object.get(key).is_none_or(Json::is_null) {
                entries.push(entry(key, Node::new(NOWHERE, Value::Text(text.to_owned()))));
            }
        }
        let metadata = entries.iter_mut().find(|entry| entry.key == "metadata");
        if let Some(Value::Mapping(fields)) = metadata.map(|entry| &mut entry.node.value) {
            fields.retain(|field| METADATA.contains(&field.key.as_str()));
        }
    }
    Document {
        file: PathBuf::new(),
        number: 0,
        tree,
        resource: None,
        problems: Vec::new(),
    }
}

/// The second in which an object was made. An object that does not say is taken for the youngest.
pub(super) fn rank(object: &Json) -> i64 {
    let created = object["metadata"]["creationTimestamp"].as_str();
    let created = created.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    created.map_or(i64::MAX, jiff::Timestamp::as_second)
}

/// Null means: not there. In a list it stays, and is refused.
fn node(json: &Json) -> Node {
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.clone()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(values) => Value::Sequence(values.iter().map(node).collect()),
        Json::Object(fields) => Value::Mapping(
            fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| entry(key, node(value)))
                .collect(),
        ),
    };
    Node::new(NOWHERE, value)
}

fn entry(key: &str, node: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        key_at: NOWHERE,
        node,
    }
}
