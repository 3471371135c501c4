//! JSON as YAML in block style, with sorted keys.

use std::collections::BTreeMap;

use serde_json::Value;

/// The value as a YAML document that ends with a line break.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    node(&mut out, value, 0);
    out
}

/// A value from the start of a line on, or (of a list's element) from after its dash.
fn node(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            // Sorted whatever features serde_json was built with.
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            for (i, (key, value)) in sorted.into_iter().enumerate() {
                if i > 0 || !out.ends_with("- ") {
                    indent(out, depth);
                }
                out.push_str(&scalar(key));
                out.push(':');
                nested(out, value, depth);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            for (i, value) in values.iter().enumerate() {
                if i > 0 || !out.ends_with("- ") {
                    indent(out, depth);
                }
                out.push_str("- ");
                node(out, value, depth + 1);
            }
        }
        Value::String(text) => line(out, &scalar(text)),
        other => line(out, &other.to_string()),
    }
}

/// A field's value, after its colon.
fn nested(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            node(out, value, depth + 1);
        }
        Value::Array(values) if !values.is_empty() => {
            out.push('\n');
            node(out, value, depth);
        }
        scalar => {
            out.push(' ');
            node(out, scalar, depth);
        }
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Plain where no reader could take it for anything but this text, otherwise in double quotes: JSON's are YAML's, too.
fn scalar(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || " -_./(),=+".contains(c);
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(inner)
        && !text.ends_with(' ')
        && !is_word;
    if plain {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}
