//! What becomes of one object.

use rouse_api::load::FieldPath;
use rouse_api::resource::KIND;

use super::Item;
use crate::knative::{self, Manifests};
use crate::node::Node;
use crate::note::{Note, NoteKind};
use crate::outcome::Converted;
use crate::write;

/// What becomes of one object.
pub(super) struct Fate {
    /// In words, for the report.
    pub(super) what: String,
    pub(super) notes: Vec<Note>,
    pub(super) written: Vec<Written>,
    pub(super) kind: FateKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FateKind {
    /// Something else stands in its place.
    Converted,
    /// It stays as it is, and that is right.
    Passed,
    /// It stays as it is, though it should not.
    Kept,
    /// It is in what refers to it, or nobody needs it.
    Gone,
}

/// A document of the output.
pub(super) enum Written {
    Made(Node, Vec<write::Comment>),
    AsItWas { comment: Option<String> },
}

impl Fate {
    pub(super) fn passed() -> Self {
        Self {
            what: "passed through".to_owned(),
            notes: Vec::new(),
            written: vec![Written::AsItWas {
                comment: Some("Passed through.".to_owned()),
            }],
            kind: FateKind::Passed,
        }
    }

    pub(super) fn gone(what: &str, notes: Vec<Note>) -> Self {
        Self {
            what: what.to_owned(),
            notes,
            written: Vec::new(),
            kind: FateKind::Gone,
        }
    }

    pub(super) fn of(item: &Item, converted: Converted) -> Self {
        let made = converted
            .resource
            .as_ref()
            .and_then(|resource| Node::of(resource).ok());
        let Some(made) = made else {
            return Self::kept(converted.notes);
        };
        let what = format!("-> {}", described(&made));
        let comments = comments(item, &converted.notes);
        Self {
            what,
            notes: converted.notes,
            written: vec![Written::Made(made, comments)],
            kind: FateKind::Converted,
        }
    }

    pub(super) fn of_several(item: &Item, manifests: Manifests) -> Self {
        if manifests.documents.is_empty() {
            return Self::kept(manifests.notes);
        }
        let documents = manifests.documents.iter();
        let names: Vec<String> = documents.map(|(node, _)| described(node)).collect();
        let written = manifests.documents.iter();
        let written = written
            .map(|(node, notes)| Written::Made(node.clone(), comments(item, notes)))
            .collect();
        let notes = manifests.documents.into_iter();
        Self {
            what: format!("-> {}", names.join(", ")),
            notes: notes.flat_map(|(_, notes)| notes).collect(),
            written,
            kind: FateKind::Converted,
        }
    }

    pub(super) fn kept(notes: Vec<Note>) -> Self {
        let comment = "Not converted, and left as it was: see the report.".to_owned();
        Self {
            what: "not converted, and left as it was".to_owned(),
            notes,
            written: vec![Written::AsItWas {
                comment: Some(comment),
            }],
            kind: FateKind::Kept,
        }
    }

    /// Workloads that only observe.
    pub(super) fn observe(&mut self) {
        for written in &mut self.written {
            if let Written::Made(node, _) = written
                && node.text("kind") == Some(KIND)
                && let Node::Map(fields) = node
                && let Some((_, Node::Map(spec))) = fields.iter_mut().find(|(key, _)| key == "spec")
            {
                spec.insert(0, ("mode".to_owned(), Node::from("observe")));
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        let well = |note: &Note| note.kind == NoteKind::Changed;
        self.kind != FateKind::Kept && self.notes.iter().all(well)
    }
}

/// Where it comes from, and what is to be said about its lines.
fn comments(item: &Item, notes: &[Note]) -> Vec<write::Comment> {
    let head = (FieldPath::default(), format!("Of {}.", origin(item)));
    let said = notes
        .iter()
        .filter_map(|note| Some((note.to.clone()?, note.message.clone())));
    std::iter::once(head).chain(said).collect()
}

/// `ScaledObject blue/orders`.
pub(super) fn described(node: &Node) -> String {
    let mut kind = node.text("kind").unwrap_or("a document").to_owned();
    if knative::kind_of(node) == Some(knative::Kind::Service) {
        kind.insert_str(0, "Knative ");
    }
    let name = node.text("metadata.name").unwrap_or("without a name");
    match node.text("metadata.namespace") {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

pub(super) fn origin(item: &Item) -> String {
    format!("{} ({}:{})", described(&item.node), item.file, item.line)
}
