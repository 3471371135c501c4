use serde_json::Number;

use super::path::{FieldPath, Segment};

/// A place in a file: line and column from 1; both 0 in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A YAML value that knows where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
    /// Refused already, and no longer there for whoever reads the tree.
    pub(super) pruned: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Position,
    pub(super) node: Node,
}

/// Where a path leads.
pub(super) struct Found<'a> {
    /// The node, or the last one on the way to it.
    pub(super) node: &'a Node,
    /// Where it is written: a scalar itself, a collection at its key.
    pub(super) at: Position,
    /// Where its key is written, when it has one.
    pub(super) key_at: Option<Position>,
    /// The path with indices that count pruned elements too.
    pub(super) written: FieldPath,
    /// Whether it, or what it stands in, was refused already.
    pub(super) pruned: bool,
    /// Whether the whole path is there.
    pub(super) complete: bool,
}

impl Node {
    pub(super) fn new(at: Position, value: Value) -> Self {
        Self {
            at,
            value,
            pruned: false,
        }
    }

    /// Follows a path whose indices count only what is not pruned.
    pub(super) fn find(&self, path: &FieldPath) -> Found<'_> {
        let mut found = Found {
            node: self,
            at: self.at,
            key_at: None,
            written: FieldPath::default(),
            pruned: self.pruned,
            complete: true,
        };
        for segment in path.segments() {
            if found.complete && !found.pruned {
                found.step(segment);
            } else {
                found.written = found.written.with(segment.clone());
            }
        }
        found
    }

    /// Takes the node at the end of a path out; says whether there was one.
    pub(super) fn prune(&mut self, path: &FieldPath) -> bool {
        let mut node = self;
        for segment in path.segments() {
            let next = match (segment, &mut node.value) {
                (Segment::Key(key), Value::Mapping(entries)) => entries
                    .iter_mut()
                    .find(|entry| entry.key == *key)
                    .map(|entry| &mut entry.node),
                (Segment::Index(index), Value::Sequence(nodes)) => {
                    nodes.iter_mut().filter(|node| !node.pruned).nth(*index)
                }
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return false,
            }
        }
        !std::mem::replace(&mut node.pruned, true)
    }

    /// Whether anything in it was refused.
    pub(super) fn has_pruned(&self) -> bool {
        self.pruned
            || match &self.value {
                Value::Sequence(nodes) => nodes.iter().any(Self::has_pruned),
                Value::Mapping(entries) => entries.iter().any(|entry| entry.node.has_pruned()),
                _ => false,
            }
    }

    /// The text of a field of a mapping.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let Value::Mapping(entries) = &self.value else {
            return None;
        };
        let entry = entries.iter().find(|e| e.key == key && !e.node.pruned)?;
        match &entry.node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> Found<'a> {
    fn step(&mut self, segment: &Segment) {
        match (segment, &self.node.value) {
            (Segment::Key(key), Value::Mapping(entries)) => {
                self.written = self.written.key(key);
                match entries.iter().find(|entry| entry.key == *key) {
                    Some(entry) => self.enter(&entry.node, Some(entry.key_at)),
                    None => self.complete = false,
                }
            }
            (Segment::Index(index), Value::Sequence(nodes)) => {
                let mut left = nodes.iter().enumerate().filter(|(_, node)| !node.pruned);
                match left.nth(*index) {
                    Some((written, node)) => {
                        self.written = self.written.index(written);
                        self.enter(node, None);
                    }
                    None => {
                        self.written = self.written.index(*index);
                        self.complete = false;
                    }
                }
            }
            _ => {
                self.written = self.written.with(segment.clone());
                self.complete = false;
            }
        }
    }

    fn enter(&mut self, node: &'a Node, key_at: Option<Position>) {
        self.pruned = node.pruned;
        self.key_at = key_at;
        self.at = match (&node.value, key_at) {
            (Value::Sequence(_) | Value::Mapping(_), Some(key_at)) => key_at,
            _ => node.at,
        };
        self.node = node;
    }
}
