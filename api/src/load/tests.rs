//! What is read, what is refused and where, and that nothing panics.

mod bad;
mod cluster;
mod conflict;
mod good;
mod robust;
mod triggers;
mod wakes;

use serde_json::{Value as Json, json};

use super::tree::{Node, Value};
use super::*;

fn load_one(text: &str) -> Result<Vec<Workload>, Vec<String>> {
    load_files(&[("a.yaml", text)])
}

fn load_files(files: &[(&str, &str)]) -> Result<Vec<Workload>, Vec<String>> {
    let files: Vec<_> = files
        .iter()
        .map(|(file, text)| (PathBuf::from(file), (*text).to_owned()))
        .collect();
    load(&files, Mode::Standalone)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// A resource named `a` with the given lines in its spec (after a process, from line 6 on).
fn with_spec(spec: &str) -> String {
    let mut text = "apiVersion: rouse.dev/v1alpha1\nkind: ScaledWorkload\nmetadata: {name: a}\nspec:\n  target: {process: {command: [serve]}}\n".to_owned();
    for line in spec.lines() {
        text.push_str("  ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Like `with_spec`, with the lines in `spec.http` (from line 8 on, after a host).
fn with_http(http: &str) -> String {
    let indented: String = http.lines().map(|line| format!("  {line}\n")).collect();
    with_spec(&format!("http:\n  hosts: [a.example.com]\n{indented}"))
}

/// Like `with_spec`, with the lines in `spec.target.process` (from line 7 on).
fn with_process(process: &str) -> String {
    let mut text = "apiVersion: rouse.dev/v1alpha1\nkind: ScaledWorkload\nmetadata: {name: a}\nspec:\n  http: {hosts: [a]}\n  target: {process: {\n".to_owned();
    for line in process.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text + "  }}\n"
}

fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Number(number) => Json::Number(number.clone()),
        Value::Text(text) => json!(text),
        Value::Sequence(nodes) => nodes.iter().map(to_json).collect(),
        Value::Mapping(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), to_json(&entry.node)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// The only document of a text.
pub(crate) fn json_of_yaml(text: &str) -> Json {
    let (documents, problems) = read::read(std::path::Path::new("a.yaml"), text);
    assert!(problems.is_empty() && documents.len() == 1, "{text}");
    to_json(&documents[0].tree)
}
