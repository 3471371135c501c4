//! YAML text to workloads, with every error of every document, each at its line; and objects of an API server to workloads.
//!
//! Text becomes events, events a tree that knows its lines ([`tree`]), the tree a typed resource ([`decode`]), the
//! resource a workload with its defaults ([`resolve`]); then documents are checked against each other ([`cross`]).
//! A part that is refused is pruned from the tree, so that the rest is still looked at, and nothing that merely
//! follows from it is reported.

mod conflict;
mod cross;
mod decode;
mod deserialize;
mod document;
mod explain;
mod grants;
mod json;
mod path;
mod problem;
mod read;
pub(crate) mod resolve;
mod rules;
mod scalar;
#[cfg(test)]
pub(crate) mod tests;
mod tree;
mod wakes;

use std::path::PathBuf;

use crate::resource::ScaledWorkload;
use crate::workload::{Workload, WorkloadId};

pub use conflict::{Claim, Conflict, RouteClaim, conflicts};
use document::Document;
pub use grants::{HostGrant, HostGrants};
pub use path::{FieldPath, Segment};
pub use problem::Problem;
pub use rules::rules;
pub use wakes::{Wakes, WakesProblem, wakes};

/// Where the workloads will run: decides what `target` may be, and what is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// On this machine: a replica is a local process.
    Standalone,
    /// In Kubernetes: what scales is an object with a scale subresource.
    Cluster,
}

/// Reads the documents of all files: pairs of a file's path (for messages and for relative paths within it) and its text.
///
/// Empty documents are skipped; no documents at all make no workloads. A workload's rank is its place among all documents.
///
/// # Errors
/// With all problems of all documents, sorted by file and line; nothing is loaded then.
pub fn load(files: &[(PathBuf, String)], mode: Mode) -> Result<Vec<Workload>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut entries = Vec::new();
    for (file, text) in files {
        let (documents, unread) = read::read(file, text);
        problems.extend(unread);
        entries.extend(documents.into_iter().filter_map(|mut document| {
            match decode::decode(&mut document) {
                Some(resource) => Some(Entry::new(document, resource, mode)),
                None => {
                    problems.append(&mut document.problems);
                    None
                }
            }
        }));
    }
    cross::check(&mut entries, problems.is_empty(), mode);
    for entry in &mut entries {
        problems.append(&mut entry.document.problems);
    }
    if problems.is_empty() {
        let workloads = entries.into_iter().filter_map(|entry| entry.workload);
        return Ok((0..)
            .zip(workloads)
            .map(|(rank, workload)| Workload { rank, ..workload })
            .collect());
    }
    problems.sort_by(|a, b| a.order().cmp(&b.order()));
    problems.dedup();
    Err(problems)
}

/// Reads one object as an API server sends it; the workload's rank is the second in which the object was made.
///
/// Everything that Kubernetes adds to `metadata` is passed over, and so is `status`. What other objects claim is not looked at:
/// see [`conflicts`].
///
/// # Errors
/// With all of its problems, which have no file and no line.
pub fn object(object: &serde_json::Value) -> Result<Workload, Vec<Problem>> {
    let mut document = json::document(object);
    let Some(resource) = decode::decode(&mut document) else {
        if document.problems.is_empty() {
            document.refuse(&path::FieldPath::default(), "is empty");
        }
        return Err(document.problems);
    };
    let mut entry = Entry::new(document, resource, Mode::Cluster);
    cross::check_alone(&mut entry);
    match entry.workload {
        Some(workload) if entry.document.problems.is_empty() => Ok(Workload {
            rank: json::rank(object),
            ..workload
        }),
        _ => Err(entry.document.problems),
    }
}

/// A document whose fields could be read, with what became of it.
struct Entry {
    document: Document,
    resource: ScaledWorkload,
    /// `None` when its name or namespace is not known.
    id: Option<WorkloadId>,
    /// `None` when it has problems.
    workload: Option<Workload>,
}

impl Entry {
    fn new(mut document: Document, resource: ScaledWorkload, mode: Mode) -> Self {
        let id = resolve::id(&mut document, &resource);
        document.resource = id.as_ref().map(ToString::to_string);
        let workload = resolve::workload(&mut document, &resource, id.as_ref(), mode);
        Self {
            document,
            resource,
            id,
            workload,
        }
    }
}
