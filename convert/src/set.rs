//! Whole files: what stands in them becomes ScaledWorkloads, goes through as it is, or is told.

mod fate;
mod report;
mod together;

use std::path::PathBuf;

use rouse_api::load::{self, Mode};
use rouse_api::resource::KIND;

use crate::keda::Known;
use crate::node::Node;
use crate::note::Note;
use crate::read::documents;
use crate::{knative, write};

use fate::{Fate, Written};
use together::Together;

/// What all files become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Documents in the order of what they come from.
    pub yaml: String,
    /// A part for each document.
    pub report: String,
    /// Nothing is left to do.
    pub is_complete: bool,
}

/// A file that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct Problem {
    /// As it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// One object of a file.
struct Item {
    file: String,
    line: usize,
    node: Node,
    /// As it is written, unless it stood in a list.
    text: Option<String>,
}

/// What is wished of the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wishes {
    /// Every workload only observes: it says what it would have done, and scales nothing.
    pub observe: bool,
}

/// Converts files: pairs of a file's name, for messages, and its text.
///
/// # Errors
/// With every file that is not YAML; nothing is converted then.
pub fn convert(files: &[(String, String)], wishes: Wishes) -> Result<Output, Vec<Problem>> {
    let items = items(files)?;
    let mut known = Known::default();
    let mut beside = knative::Known::default();
    let mut notes_of: Vec<Vec<Note>> = items.iter().map(|item| known.add(&item.node)).collect();
    items.iter().for_each(|item| beside.add(&item.node));
    let mut together = Together::new(&items);
    let mut fates: Vec<Fate> = Vec::new();
    for (item, notes) in items.iter().zip(&mut notes_of) {
        let mut fate = together.fate(item, (&known, &beside), std::mem::take(notes));
        if wishes.observe {
            fate.observe();
        }
        fates.push(fate);
    }
    together.keep_what_is_needed(&items, &mut fates);
    let conflicts = conflicts(&fates);
    let is_complete = conflicts.is_empty() && fates.iter().all(Fate::is_complete);
    Ok(Output {
        yaml: yaml(&items, &fates),
        report: report::report(&items, &fates, &conflicts),
        is_complete,
    })
}

fn items(files: &[(String, String)]) -> Result<Vec<Item>, Vec<Problem>> {
    let (mut items, mut problems) = (Vec::new(), Vec::new());
    for (file, text) in files {
        match documents(text) {
            Err(unread) => problems.push(Problem {
                file: file.clone(),
                line: unread.line,
                message: unread.message,
            }),
            Ok(documents) => {
                for document in documents {
                    let list = document
                        .node
                        .text("kind")
                        .is_some_and(|kind| kind.ends_with("List"));
                    let Some(Node::List(all)) = document.node.get("items").filter(|_| list) else {
                        items.push(Item {
                            file: file.clone(),
                            line: document.line,
                            text: Some(document.text),
                            node: document.node,
                        });
                        continue;
                    };
                    items.extend(all.iter().map(|node| Item {
                        file: file.clone(),
                        line: document.line,
                        node: node.clone(),
                        text: None,
                    }));
                }
            }
        }
    }
    match problems.is_empty() {
        true => Ok(items),
        false => Err(problems),
    }
}

fn yaml(items: &[Item], fates: &[Fate]) -> String {
    let mut out = String::new();
    for (item, fate) in items.iter().zip(fates) {
        for written in &fate.written {
            if !out.is_empty() {
                out.push_str("---\n");
            }
            match written {
                Written::Made(node, comments) => out.push_str(&write::yaml(node, comments)),
                Written::AsItWas { comment } => {
                    if let Some(comment) = comment {
                        write::comment(&mut out, 0, comment);
                    }
                    match &item.text {
                        Some(text) => out.push_str(text),
                        None => out.push_str(&write::yaml(&item.node, &[])),
                    }
                }
            }
        }
    }
    out
}

/// What is wrong with the workloads together, of which each alone is right: two claim one host.
fn conflicts(fates: &[Fate]) -> Vec<String> {
    let mut files = Vec::new();
    for written in fates.iter().flat_map(|fate| &fate.written) {
        if let Written::Made(node, _) = written
            && node.text("kind") == Some(KIND)
        {
            files.push((PathBuf::from(fate::described(node)), write::yaml(node, &[])));
        }
    }
    let problems = load::load(&files, Mode::Cluster).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}
