//! Calling Helm.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The folder of the repository.
pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// What Helm prints, or what it complains of.
pub(crate) fn helm(arguments: &[&str]) -> Result<String, String> {
    let program = std::env::var_os("ROUSE_HELM").unwrap_or_else(|| "helm".into());
    let output = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; run the tests by `cargo xtask test`, which brings Helm",
                program.display()
            )
        });
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The text of one template with these values (`a.b=c`; lists as JSON: `a.b=json:[1]`).
pub(crate) fn text(template: Option<&str>, values: &[&str]) -> Result<String, String> {
    let chart = deploy().join("chart").display().to_string();
    let mut arguments = vec!["template".to_owned(), "rouse".to_owned(), chart];
    arguments.extend(["--namespace".to_owned(), "rouse".to_owned()]);
    if let Some(template) = template {
        arguments.extend(["--show-only".to_owned(), format!("templates/{template}")]);
    }
    for value in values {
        let (flag, value) = match value.split_once("=json:") {
            Some((name, json)) => ("--set-json", format!("{name}={json}")),
            None => ("--set", (*value).to_owned()),
        };
        arguments.extend([flag.to_owned(), value]);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    helm(&arguments)
}

/// All objects of the chart with these values.
pub(crate) fn objects(values: &[&str]) -> Vec<Value> {
    let text = text(None, values).unwrap_or_else(|error| panic!("{values:?}: {error}"));
    documents(&text)
}

/// Every document that is not empty.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    rouse_testbed::apply::documents(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// The one object of this kind and name.
pub(crate) fn one<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects
        .iter()
        .find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}
