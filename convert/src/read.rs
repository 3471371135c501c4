//! YAML text to documents: each as it is written, and as a value.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::Number;

use crate::node::Node;

/// Deeper than any object of Kubernetes goes.
const DEEPEST: usize = 64;
/// What aliases may add to a document, in values.
const LARGEST_EXPANSION: usize = 100_000;

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Where it begins, from 1.
    pub line: usize,
    /// As it is written, without the lines that divide documents.
    pub text: String,
    /// What it says.
    pub node: Node,
}

/// Why a text can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unread {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// All documents that are not empty.
///
/// # Errors
/// With the first thing that is not YAML.
pub fn documents(text: &str) -> Result<Vec<Document>, Unread> {
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() + 1;
        let message = "has a NUL character: it is not a text file".to_owned();
        return Err(Unread { line, message });
    }
    let mut documents = Vec::new();
    for (line, text) in divided(text) {
        let node = Reader::default()
            .read(&text)
            .map_err(|(at, message)| Unread {
                line: line + at.saturating_sub(1),
                message,
            })?;
        if node != Node::Null {
            let text = text.trim_matches('\n').to_owned() + "\n";
            documents.push(Document { line, text, node });
        }
    }
    Ok(documents)
}

/// At lines with `---` or `...` alone or before a space, which can't stand inside a document, whatever is open in it.
fn divided(text: &str) -> Vec<(usize, String)> {
    let mut all = vec![(1, String::new())];
    for (number, line) in (1..).zip(text.lines()) {
        let marker = ["---", "..."]
            .iter()
            .find_map(|marker| line.strip_prefix(marker));
        let rest = marker.filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        match (rest, all.last_mut()) {
            (Some(rest), _) => all.push((number, rest.trim_start().to_owned() + "\n")),
            (None, Some((_, document))) => {
                // Of what a directive says nothing is used here.
                if !line.starts_with('%') {
                    document.push_str(line);
                }
                document.push('\n');
            }
            (None, None) => {}
        }
    }
    all
}

#[derive(Default)]
struct Reader {
    root: Node,
    /// Collections that are open, outermost first.
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    expanded: usize,
    line: usize,
}

struct Open {
    node: Node,
    anchor: usize,
    /// Of a mapping: the key whose value comes next, and whether that says to merge the value.
    key: Option<(String, bool)>,
}

type Stop = (usize, String);

impl Reader {
    fn read(mut self, text: &str) -> Result<Node, Stop> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let message = format!("is not YAML: {}", error.info());
                (error.marker().line(), message)
            })?;
            self.line = span.start.line();
            self.event(event)?;
        }
        Ok(self.root)
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(open) = self.open.last_mut().filter(|open| open.wants_key()) {
                    let merges = text == "<<" && style == ScalarStyle::Plain;
                    open.key = Some((text.into_owned(), merges));
                    return Ok(());
                }
                let node = scalar(&text, style, tag.as_deref());
                self.add(node, anchor)
            }
            Event::SequenceStart(anchor, _) => self.start(Node::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.start(Node::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.add(open.node, open.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => self.alias(anchor),
            _ => Ok(()),
        }
    }

    fn start(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        if self.open.last().is_some_and(Open::wants_key) {
            return self.stop("a mapping's key must be text");
        }
        self.not_too_deep(0)?;
        self.open.push(Open {
            node,
            anchor,
            key: None,
        });
        Ok(())
    }

    fn alias(&mut self, anchor: usize) -> Result<(), Stop> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return self.stop("an alias may not stand inside of what it refers to");
        };
        if let Some(open) = self.open.last_mut().filter(|open| open.wants_key()) {
            let Node::Text(text) = node else {
                return self.stop("a mapping's key must be text");
            };
            open.key = Some((text, false));
            return Ok(());
        }
        self.not_too_deep(node.depth())?;
        self.expand(&node)?;
        self.add(node, 0)
    }

    /// Counts values that a document holds beyond its text.
    fn expand(&mut self, node: &Node) -> Result<(), Stop> {
        self.expanded = self.expanded.saturating_add(node.size());
        match self.expanded > LARGEST_EXPANSION {
            true => self.stop("anchors and aliases stand for too many values"),
            false => Ok(()),
        }
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            self.expand(&node)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = node;
            return Ok(());
        };
        match &mut open.node {
            Node::List(nodes) => nodes.push(node),
            Node::Map(fields) => {
                let (key, merges) = open.key.take().unwrap_or_default();
                if merges {
                    merge(fields, node);
                    return Ok(());
                }
                match fields.iter().any(|(name, _)| *name == key) {
                    true => return self.stop(&format!("has {key:?} twice; keep one")),
                    false => fields.push((key, node)),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn not_too_deep(&self, more: usize) -> Result<(), Stop> {
        match self.open.len() + more >= DEEPEST {
            true => self.stop(&format!("is nested more than {DEEPEST} deep")),
            false => Ok(()),
        }
    }

    fn stop(&self, message: &str) -> Result<(), Stop> {
        Err((self.line, message.to_owned()))
    }
}

impl Open {
    fn wants_key(&self) -> bool {
        matches!(self.node, Node::Map(_)) && self.key.is_none()
    }
}

/// YAML 1.1's merge: fields of others, unless they are there.
fn merge(fields: &mut Vec<(String, Node)>, from: Node) {
    match from {
        Node::Map(others) => {
            for (key, node) in others {
                if !fields.iter().any(|(name, _)| *name == key) {
                    fields.push((key, node));
                }
            }
        }
        Node::List(all) => all.into_iter().for_each(|one| merge(fields, one)),
        _ => {}
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Node {
    let is_text = tag.is_some_and(|tag| tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return Node::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" => Node::Bool(true),
        "false" | "False" | "FALSE" => Node::Bool(false),
        _ => number(text).map_or_else(|| Node::Text(text.to_owned()), Node::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let positive = text.strip_prefix('+').unwrap_or(text);
    if let Ok(number) = positive.parse::<i64>() {
        return Some(number.into());
    }
    let number: f64 = positive.parse().ok()?;
    Number::from_f64(number)
}
