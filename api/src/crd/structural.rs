//! From JSON Schema as schemars makes it to what Kubernetes calls structural: one type per node, no references, no unions.

use serde_json::{Map, Value, json};

/// What has no meaning to Kubernetes, or another one: a default would be written into each object.
const DROPPED: [&str; 4] = ["$schema", "title", "default", "examples"];

/// Makes a schema structural, in place.
pub(super) fn make(schema: &mut Value) {
    let Value::Object(node) = schema else {
        return;
    };
    for key in DROPPED {
        node.remove(key);
    }
    // Kubernetes prunes unknown fields, or refuses them when the client asks for it.
    if node.get("additionalProperties") == Some(&Value::Bool(false)) {
        node.remove("additionalProperties");
    }
    keys(node);
    without_null(node);
    words(node);
    number(node);
    description(node);
    for key in ["properties", "items", "additionalProperties"] {
        match node.get_mut(key) {
            Some(Value::Object(fields)) if key == "properties" => {
                fields.values_mut().for_each(make);
            }
            Some(inner) => make(inner),
            None => {}
        }
    }
}

/// Kubernetes has no patterns for a mapping's keys.
fn keys(node: &mut Map<String, Value>) {
    if let Some(Value::Object(patterns)) = node.remove("patternProperties")
        && let Some((_, value)) = patterns.into_iter().next()
    {
        node.insert("additionalProperties".to_owned(), value);
    }
}

/// An optional value: Kubernetes leaves it out and never sends null.
fn without_null(node: &mut Map<String, Value>) {
    let null = json!({"type": "null"});
    if let Some(Value::Array(choices)) = node.get_mut("anyOf") {
        choices.retain(|choice| *choice != null);
        if choices.len() == 1
            && let Some(Value::Object(only)) = choices.pop()
        {
            node.remove("anyOf");
            for (key, value) in only {
                // The field's own description says more than its type's.
                node.entry(key).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(types)) = node.get_mut("type") {
        types.retain(|kind| kind != "null");
        if types.len() == 1
            && let Some(only) = types.pop()
        {
            node.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(words)) = node.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
}

/// A choice of words, each with its description: `oneOf` of constants.
fn words(node: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = node.get("oneOf") else {
        return;
    };
    let word = |choice: &Value| choice.get("const")?.as_str().map(str::to_owned);
    let Some(words) = choices.iter().map(word).collect::<Option<Vec<_>>>() else {
        return;
    };
    let mut description = text(node.get("description"));
    for (word, choice) in words.iter().zip(choices) {
        let meaning = text(choice.get("description"));
        description.push_str(&format!("\n- {word}: {meaning}"));
    }
    node.remove("oneOf");
    node.insert("type".to_owned(), json!("string"));
    node.insert("enum".to_owned(), json!(words));
    node.insert("description".to_owned(), json!(description));
}

/// Kubernetes knows signed formats only.
fn number(node: &mut Map<String, Value>) {
    let (format, maximum) = match node.get("format").and_then(Value::as_str) {
        Some("uint8" | "uint16") => ("int32", None),
        Some("uint32") => ("int64", Some(u32::MAX)),
        Some("uint64") => ("int64", None),
        _ => return,
    };
    node.insert("format".to_owned(), json!(format));
    if let Some(maximum) = maximum {
        node.entry("maximum").or_insert(json!(maximum));
    }
}

/// Lines as the source wraps them become one.
fn description(node: &mut Map<String, Value>) {
    let whole = text(node.get("description"));
    if !whole.is_empty() {
        let joined = whole.replace("\n- ", "\u{0}").replace('\n', " ");
        let joined = joined.replace('\u{0}', "\n- ");
        node.insert("description".to_owned(), json!(joined));
    }
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}
