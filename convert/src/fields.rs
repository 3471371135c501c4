//! Lenient reading: each field is taken once, in whatever form people write it; what is left over is told.

use rouse_api::load::FieldPath;
use serde_json::Number;

use crate::node::Node;
use crate::note::Notes;

/// The fields of a mapping that have not been taken yet.
pub(crate) struct Fields<'a> {
    /// Where it stands.
    pub(crate) path: FieldPath,
    left: Vec<(&'a str, &'a Node)>,
}

impl<'a> Fields<'a> {
    /// Of a mapping; what is none is a mistake, and has no fields.
    pub(crate) fn of(node: &'a Node, path: FieldPath, notes: &mut Notes) -> Self {
        let mut left = Vec::new();
        match node {
            Node::Map(fields) => {
                // Null means: not there.
                let there = fields.iter().filter(|(_, node)| *node != Node::Null);
                left.extend(there.map(|(key, node)| (key.as_str(), node)));
            }
            Node::Null => {}
            other => notes.mistake(
                &path,
                format!(
                    "is {}; a mapping (field: value) is wanted",
                    other.described()
                ),
            ),
        }
        Self { path, left }
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<&'a Node> {
        let place = self.left.iter().position(|(name, _)| *name == key)?;
        Some(self.left.remove(place).1)
    }

    /// A mapping; `None` when it isn't there.
    pub(crate) fn map(&mut self, key: &str, notes: &mut Notes) -> Option<Self> {
        let node = self.take(key)?;
        Some(Self::of(node, self.path.key(key), notes))
    }

    pub(crate) fn text(&mut self, key: &str, notes: &mut Notes) -> Option<String> {
        let node = self.take(key)?;
        text(node, &self.path.key(key), notes)
    }

    pub(crate) fn whole<T: TryFrom<i64>>(&mut self, key: &str, notes: &mut Notes) -> Option<T> {
        let node = self.take(key)?;
        let number = match node {
            Node::Number(number) => number.as_i64(),
            Node::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            let message = format!(
                "is {}; a whole number is wanted, not below 0",
                node.described()
            );
            notes.mistake(&self.path.key(key), message);
        }
        number
    }

    pub(crate) fn flag(&mut self, key: &str, notes: &mut Notes) -> Option<bool> {
        let node = self.take(key)?;
        let value = match node {
            Node::Bool(value) => Some(*value),
            Node::Text(text) => text.parse().ok(),
            _ => None,
        };
        if value.is_none() {
            let message = format!("is {}; true or false is wanted", node.described());
            notes.mistake(&self.path.key(key), message);
        }
        value
    }

    /// The elements of a list with their places; what is none is a mistake.
    pub(crate) fn list(&mut self, key: &str, notes: &mut Notes) -> Vec<(&'a Node, FieldPath)> {
        let path = self.path.key(key);
        match self.take(key) {
            None => Vec::new(),
            Some(Node::List(nodes)) => {
                let places = (0..).map(|place| path.index(place));
                nodes.iter().zip(places).collect()
            }
            Some(other) => {
                notes.mistake(&path, format!("is {}; a list is wanted", other.described()));
                Vec::new()
            }
        }
    }

    /// The elements of a list of mappings.
    pub(crate) fn maps(&mut self, key: &str, notes: &mut Notes) -> Vec<Self> {
        let all = self.list(key, notes);
        all.into_iter()
            .map(|(node, path)| Self::of(node, path, notes))
            .collect()
    }

    /// The elements of a list of texts.
    pub(crate) fn texts(&mut self, key: &str, notes: &mut Notes) -> Vec<(String, FieldPath)> {
        let all = self.list(key, notes);
        all.into_iter()
            .filter_map(|(node, path)| Some((text(node, &path, notes)?, path)))
            .collect()
    }

    /// Names with texts, as in labels. Numbers and the like, which Kubernetes refuses, are mistakes and are taken for what they show.
    pub(crate) fn pairs(&mut self, key: &str, notes: &mut Notes) -> Vec<(String, String)> {
        let Some(fields) = self.map(key, notes) else {
            return Vec::new();
        };
        let path = fields.path;
        let left = fields.left.into_iter();
        left.filter_map(|(key, node)| Some((key.to_owned(), text(node, &path.key(key), notes)?)))
            .collect()
    }

    /// Those that are left.
    pub(crate) fn left(&self) -> impl Iterator<Item = &'a str> {
        self.left.iter().map(|(key, _)| *key)
    }

    /// Those that are left, with their values.
    pub(crate) fn into_left(self) -> Vec<(&'a str, &'a Node)> {
        self.left
    }

    /// Tells each field that nobody has taken.
    pub(crate) fn rest(self, notes: &mut Notes) {
        for (key, _) in self.left {
            let message = "is not known here, and not carried over";
            notes.lost(&self.path.key(key), message);
        }
    }

    /// Tells, of fields that are known to have no counterpart, those that are there.
    pub(crate) fn lost(&mut self, all: &[(&str, &str)], notes: &mut Notes) {
        for (key, why) in all {
            if self.take(key).is_some() {
                notes.lost(&self.path.key(key), *why);
            }
        }
    }
}

fn text(node: &Node, path: &FieldPath, notes: &mut Notes) -> Option<String> {
    let unquoted = |shown: String, notes: &mut Notes| {
        let message =
            format!("is {shown}, which Kubernetes refuses; write it in quotes: \"{shown}\"");
        notes.mistake(path, message);
        Some(shown)
    };
    match node {
        Node::Text(text) => Some(text.clone()),
        Node::Number(number) => unquoted(Number::to_string(number), notes),
        Node::Bool(value) => unquoted(value.to_string(), notes),
        other => {
            notes.mistake(path, format!("is {}; text is wanted", other.described()));
            None
        }
    }
}
