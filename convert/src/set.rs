//! Whole files: what stands in them becomes ScaledWorkloads, goes through as it is, or is told.

mod report;

use std::collections::{BTreeMap, BTreeSet};

use rouse_api::load::FieldPath;

use crate::keda::{self, Kind, Known};
use crate::kubernetes::{Key, key};
use crate::node::Node;
use crate::note::{Note, NoteKind};
use crate::outcome::Converted;
use crate::read::documents;
use crate::{hpa, write};

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

/// What becomes of one object.
struct Fate {
    /// In words, for the report.
    what: String,
    notes: Vec<Note>,
    written: Vec<Written>,
    kind: FateKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FateKind {
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
enum Written {
    Made(Node, Vec<write::Comment>),
    AsItWas { comment: Option<String> },
}

/// Converts files: pairs of a file's name, for messages, and its text.
///
/// # Errors
/// With every file that is not YAML; nothing is converted then.
pub fn convert(files: &[(String, String)]) -> Result<Output, Vec<Problem>> {
    let items = items(files)?;
    let mut known = Known::default();
    let mut notes_of: Vec<Vec<Note>> = items.iter().map(|item| known.add(&item.node)).collect();
    let mut set = Set::new(&items);
    let mut fates: Vec<Fate> = Vec::new();
    for (item, notes) in items.iter().zip(&mut notes_of) {
        fates.push(set.fate(item, &known, std::mem::take(notes)));
    }
    set.keep_what_is_needed(&items, &mut fates);
    let is_complete = fates.iter().all(Fate::is_complete);
    Ok(Output {
        yaml: yaml(&items, &fates),
        report: report::report(&items, &fates),
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

/// What documents have to do with each other.
struct Set {
    /// Who refers to what.
    references: Vec<Vec<(Kind, String, String)>>,
    /// ScaledWorkloads, by what they were.
    made: BTreeMap<Key, String>,
    /// What scales (kind, namespace, name), by what scales it.
    targets: BTreeMap<(String, Key), String>,
}

impl Set {
    fn new(items: &[Item]) -> Self {
        Self {
            references: items
                .iter()
                .map(|item| keda::references(&item.node))
                .collect(),
            made: BTreeMap::new(),
            targets: BTreeMap::new(),
        }
    }

    fn is_referred(&self, kind: Kind, node: &Node) -> bool {
        let (namespace, name) = key(node);
        let namespace = match kind {
            Kind::ClusterTriggerAuthentication => String::new(),
            _ => namespace,
        };
        let wanted = (kind, namespace, name);
        self.references.iter().any(|all| all.contains(&wanted))
    }

    fn fate(&mut self, item: &Item, known: &Known, notes: Vec<Note>) -> Fate {
        let node = &item.node;
        match keda::kind_of(node) {
            Some(kind @ (Kind::TriggerAuthentication | Kind::ClusterTriggerAuthentication)) => {
                let what = match self.is_referred(kind, node) {
                    true => "is in the ScaledWorkloads that use it",
                    false => "nothing here refers to it, and it is left out",
                };
                Fate::gone(what, notes)
            }
            Some(kind @ Kind::InterceptorRoute) if self.is_referred(kind, node) => {
                Fate::gone("is in the ScaledWorkload of its ScaledObject", notes)
            }
            Some(_) => self.converted(item, keda::convert(node, known)),
            None if hpa::is_one(node) => match hpa::made_for(node) {
                Some(owner) => {
                    let what = format!("KEDA has made it for {owner}, and takes it away with that");
                    Fate::gone(&what, notes)
                }
                None => self.converted(item, hpa::convert(node)),
            },
            None => Fate::passed(),
        }
    }

    /// Two workloads of one name, or two for one target, can't be.
    fn converted(&mut self, item: &Item, mut converted: Converted) -> Fate {
        let from = described(&item.node);
        if let Some(resource) = &converted.resource {
            let (namespace, _) = key(&item.node);
            let name = resource.metadata.name.as_ref();
            let name = name.map(ToString::to_string).unwrap_or_default();
            let target = resource.spec.as_ref().and_then(|spec| spec.target.clone());
            let target = target.unwrap_or_default();
            let kind = target.kind.map_or("Deployment".to_owned(), Into::into);
            let target = target.name.map_or_else(|| name.clone(), Into::into);
            let target = (kind, (namespace.clone(), target));
            let mut taken = None;
            if let Some(other) = self.targets.get(&target) {
                let (kind, (_, name)) = &target;
                taken = Some(format!(
                    "the workload '{name}' of type '{kind}' is already managed by {other}; keep one"
                ));
            } else if let Some(other) = self.made.get(&(namespace.clone(), name.clone())) {
                taken = Some(format!(
                    "would be the ScaledWorkload {name}, which {other} is already; give it another name"
                ));
            }
            match taken {
                Some(message) => {
                    converted.resource = None;
                    converted.notes.push(Note {
                        kind: NoteKind::Mistake,
                        from: FieldPath::default(),
                        to: None,
                        message,
                    });
                }
                None => {
                    self.made.insert((namespace, name), from.clone());
                    self.targets.insert(target, from);
                }
            }
        }
        Fate::of(item, converted)
    }

    /// What stays refers to credentials and routes that have to stay, too; what scales now should not have a count of its own.
    fn keep_what_is_needed(&self, items: &[Item], fates: &mut [Fate]) {
        let mut needed = BTreeSet::new();
        for (fate, references) in fates.iter().zip(&self.references) {
            if fate.kind == FateKind::Kept {
                needed.extend(references.iter().map(|(kind, namespace, name)| {
                    (format!("{kind:?}"), namespace.clone(), name.clone())
                }));
            }
        }
        for (item, fate) in items.iter().zip(fates) {
            let (namespace, name) = key(&item.node);
            let kind = keda::kind_of(&item.node);
            let namespace = match kind {
                Some(Kind::ClusterTriggerAuthentication) => String::new(),
                _ => namespace,
            };
            if let Some(kind) = kind
                && fate.kind == FateKind::Gone
                && needed.contains(&(format!("{kind:?}"), namespace.clone(), name.clone()))
            {
                fate.what = "stays, for what stays with KEDA refers to it".to_owned();
                let comment = Some("Stays: what stays with KEDA refers to it.".to_owned());
                fate.written = vec![Written::AsItWas { comment }];
            }
            if fate.kind == FateKind::Passed {
                let kind = item.node.text("kind").unwrap_or_default();
                let counted = item.node.find("spec.replicas").is_some();
                let target = (kind.to_owned(), (namespace, name));
                if counted && self.targets.contains_key(&target) {
                    let comment = "Passed through. Take spec.replicas out: Rouse sets the count, and a later apply would set it back.";
                    let comment = Some(comment.to_owned());
                    fate.written = vec![Written::AsItWas { comment }];
                    fate.what = "passed through; take spec.replicas out, for a later apply would set the count back".to_owned();
                }
            }
        }
    }
}

impl Fate {
    fn passed() -> Self {
        Self {
            what: "passed through".to_owned(),
            notes: Vec::new(),
            written: vec![Written::AsItWas {
                comment: Some("Passed through.".to_owned()),
            }],
            kind: FateKind::Passed,
        }
    }

    fn gone(what: &str, notes: Vec<Note>) -> Self {
        Self {
            what: what.to_owned(),
            notes,
            written: Vec::new(),
            kind: FateKind::Gone,
        }
    }

    fn of(item: &Item, converted: Converted) -> Self {
        let made = converted
            .resource
            .as_ref()
            .and_then(|resource| Node::of(resource).ok());
        let Some(made) = made else {
            let comment = "Not converted, and left as it was: see the report.".to_owned();
            return Self {
                what: "not converted, and left as it was".to_owned(),
                notes: converted.notes,
                written: vec![Written::AsItWas {
                    comment: Some(comment),
                }],
                kind: FateKind::Kept,
            };
        };
        let what = format!("-> {}", described(&made));
        let head = (FieldPath::default(), format!("Of {}.", origin(item)));
        let comments = converted
            .notes
            .iter()
            .filter_map(|note| Some((note.to.clone()?, note.message.clone())));
        let comments = std::iter::once(head).chain(comments).collect();
        Self {
            what,
            notes: converted.notes,
            written: vec![Written::Made(made, comments)],
            kind: FateKind::Converted,
        }
    }

    fn is_complete(&self) -> bool {
        let well = |note: &Note| note.kind == NoteKind::Changed;
        self.kind != FateKind::Kept && self.notes.iter().all(well)
    }
}

/// `ScaledObject blue/orders`.
fn described(node: &Node) -> String {
    let kind = node.text("kind").unwrap_or("a document");
    let name = node.text("metadata.name").unwrap_or("without a name");
    match node.text("metadata.namespace") {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

fn origin(item: &Item) -> String {
    format!("{} ({}:{})", described(&item.node), item.file, item.line)
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
