use serde::de::DeserializeOwned;
use serde_path_to_error::Segment as Step;

use super::document::Document;
use super::explain::{Complaint, explain};
use super::path::{FieldPath, Segment};
use super::tree::Value;
use crate::resource::{API_VERSION, KIND, ScaledWorkload};

/// Problems of one document's fields that are told; further ones wait until these are mended.
const MOST_PROBLEMS: usize = 100;

/// The typed resource, without the parts that were refused; `None` when there is nothing to go on with.
pub(super) fn decode(document: &mut Document) -> Option<ScaledWorkload> {
    // Of what is empty here, the cause has been told.
    if matches!(document.tree.value, Value::Null) || !is_ours(document) {
        return None;
    }
    decode_as(document)
}

/// As [`decode`], of anything that says so itself.
pub(super) fn decode_as<T: DeserializeOwned>(document: &mut Document) -> Option<T> {
    for _ in 0..MOST_PROBLEMS {
        let error = match serde_path_to_error::deserialize(&document.tree) {
            Ok(resource) => return Some(resource),
            Err(error) => error,
        };
        let path: FieldPath = error.path().iter().filter_map(segment).collect();
        if !note(document, &path, &error.inner().to_string()) {
            return None;
        }
    }
    let message = format!("has more than {MOST_PROBLEMS} problems; the others are not shown");
    document.refuse(&FieldPath::default(), message);
    None
}

fn segment(step: &Step) -> Option<Segment> {
    match step {
        Step::Seq { index } => Some(Segment::Index(*index)),
        Step::Map { key } | Step::Enum { variant: key } => Some(Segment::Key(key.clone())),
        Step::Unknown => None,
    }
}

/// Notes what serde said about a path and prunes the cause; `false` when nothing is left to look at.
fn note(document: &mut Document, path: &FieldPath, said: &str) -> bool {
    let found = document.tree.find(path);
    // An enum's variant is a step of serde's that the tree may not have.
    let reached = if found.complete {
        path.clone()
    } else {
        existing(document, path)
    };
    let found = document.tree.find(&reached);
    let (at, key_at, written) = (found.at, found.key_at, found.written);
    match explain(said, &found.node.value) {
        Complaint::Field(message) => document.note(key_at.unwrap_or(at), &written, message),
        Complaint::Missing(field) => document.refuse(&reached.key(&field), "is missing"),
        // A choice of which nothing is left: what was there has been told.
        Complaint::Value(_) if found.node.has_pruned() => {}
        Complaint::Value(message) => document.note(at, &written, message),
    }
    !reached.segments().is_empty() && document.tree.prune(&reached)
}

/// The longest beginning of a path that the tree has.
fn existing(document: &Document, path: &FieldPath) -> FieldPath {
    let segments = path.segments();
    (0..segments.len())
        .rev()
        .map(|length| segments[..length].iter().cloned().collect())
        .find(|path| document.tree.find(path).complete)
        .unwrap_or_default()
}

/// Another kind of resource is told so, once, and not looked at further.
fn is_ours(document: &mut Document) -> bool {
    let mut ours = true;
    for (field, wanted) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        let written = document.tree.text(field).map(str::to_owned);
        if let Some(written) = written.filter(|written| written != wanted) {
            let message = format!("is {written:?}; this version reads {wanted:?} only");
            document.refuse(&FieldPath::of(field), message);
            ours = false;
        }
    }
    ours
}
