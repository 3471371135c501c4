use std::collections::HashMap;
use std::path::Path;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::document::Document;
use super::path::{FieldPath, Segment};
use super::problem::Problem;
use super::scalar::plain;
use super::tree::{Entry, Node, Position, Value};

/// Deeper than any resource goes.
const DEEPEST: usize = 64;
/// What aliases may add to a document, in values.
const LARGEST_EXPANSION: usize = 100_000;
/// Fields of one mapping.
const MOST_FIELDS: usize = 2000;
/// Problems of one document while it is read; past these reading ends.
const MOST_PROBLEMS: usize = 100;
/// Of a file, in bytes: room for some 20,000 workloads.
const LARGEST_FILE: usize = 16 << 20;

/// All documents of a file that are not empty, and the problems that stand for no document: with those, reading ended early.
pub(super) fn read(file: &Path, text: &str) -> (Vec<Document>, Vec<Problem>) {
    let mut reader = Reader::new(file);
    let mut unread = Vec::new();
    let outcome = readable(text).and_then(|()| reader.read(text));
    if let Err((at, message)) = outcome {
        unread.append(&mut reader.document.problems);
        unread.push(Problem {
            file: file.to_owned(),
            line: at.line,
            column: at.column,
            document: reader.document.number,
            resource: None,
            path: String::new(),
            message,
        });
    }
    (reader.documents, unread)
}

fn readable(text: &str) -> Result<(), Stop> {
    if text.len() > LARGEST_FILE {
        let message = format!("has {} bytes; {LARGEST_FILE} are the most", text.len());
        return Err((Position { line: 1, column: 1 }, message));
    }
    // To the parser this ends the text: what follows would be passed over in silence.
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() + 1;
        let message = "has a NUL character: it is not a text file".to_owned();
        return Err((Position { line, column: 1 }, message));
    }
    Ok(())
}

/// Why a file can't be read on.
type Stop = (Position, String);

struct Reader {
    documents: Vec<Document>,
    /// The one that is being read.
    document: Document,
    /// Collections that are open, outermost first.
    open: Vec<Open>,
    /// What anchors of this document stand for, with its size in values.
    anchors: HashMap<usize, (Node, usize)>,
    /// Values that aliases added to this document.
    expanded: usize,
}

struct Open {
    node: Node,
    anchor: usize,
    /// In values, itself counted.
    size: usize,
    /// Of a mapping: the key whose value comes next.
    key: Option<(String, Position)>,
}

impl Reader {
    fn new(file: &Path) -> Self {
        Self {
            documents: Vec::new(),
            document: empty(file, 0),
            open: Vec::new(),
            anchors: HashMap::new(),
            expanded: 0,
        }
    }

    fn read(&mut self, text: &str) -> Result<(), Stop> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let message = format!("is not YAML: {}", error.info());
                (position(*error.marker()), message)
            })?;
            self.event(event, span)?;
            if self.document.problems.len() > MOST_PROBLEMS {
                let message = format!(
                    "has more than {MOST_PROBLEMS} problems up to here; the rest is not read"
                );
                return Err((position(span.start), message));
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let at = position(span.start);
        match event {
            Event::DocumentStart(_) => {
                self.document = empty(&self.document.file, self.document.number + 1);
                self.anchors.clear();
                self.expanded = 0;
            }
            Event::DocumentEnd => self.end_document(),
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(key_of) = self.open.last_mut().filter(|open| open.wants_key()) {
                    key_of.key = Some((text.into_owned(), at));
                } else {
                    let value = self.scalar(&text, style, tag.as_deref(), at);
                    self.add(Node::new(at, value), 1, anchor)?;
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(Value::Sequence(Vec::new()), anchor, tag.as_deref(), at)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.start(Value::Mapping(Vec::new()), anchor, tag.as_deref(), at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.add(open.node, open.size, open.anchor)?;
                }
            }
            Event::Alias(anchor) => self.alias(anchor, at)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
        Ok(())
    }

    fn end_document(&mut self) {
        let next = empty(&self.document.file, self.document.number);
        let document = std::mem::replace(&mut self.document, next);
        if !matches!(document.tree.value, Value::Null) || !document.problems.is_empty() {
            self.documents.push(document);
        }
    }

    fn start(
        &mut self,
        value: Value,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), Stop> {
        if self.open.last().is_some_and(Open::wants_key) {
            return Err((at, "a mapping's key must be text".to_owned()));
        }
        if self.open.len() >= DEEPEST {
            return Err((at, format!("is nested more than {DEEPEST} deep")));
        }
        let wanted = if matches!(value, Value::Mapping(_)) {
            "map"
        } else {
            "seq"
        };
        if tag.is_some_and(|tag| !(tag.is_yaml_core_schema() && tag.suffix == wanted)) {
            self.refuse(
                at,
                "tags such as !x are not supported; leave it out".to_owned(),
            );
        }
        self.open.push(Open {
            node: Node::new(at, value),
            anchor,
            size: 1,
            key: None,
        });
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> Value {
        let quoted = style != ScalarStyle::Plain;
        match tag {
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
                return Value::Text(text.to_owned());
            }
            Some(_) => {
                self.refuse(
                    at,
                    "tags such as !x are not supported; leave it out".to_owned(),
                );
            }
            None if quoted => return Value::Text(text.to_owned()),
            None => {}
        }
        plain(text).unwrap_or_else(|message| {
            self.refuse(at, message);
            Value::Null
        })
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<(), Stop> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err((
                at,
                "an alias may not stand inside of what it refers to".to_owned(),
            ));
        };
        let (node, size) = (node.clone(), *size);
        if let Some(open) = self.open.last_mut().filter(|open| open.wants_key()) {
            let Value::Text(text) = node.value else {
                return Err((at, "a mapping's key must be text".to_owned()));
            };
            open.key = Some((text, at));
            return Ok(());
        }
        self.expand(size, at)?;
        if self.open.len() + depth(&node) > DEEPEST {
            return Err((at, format!("is nested more than {DEEPEST} deep")));
        }
        self.add(node, size, 0)
    }

    /// Counts values that a document holds beyond its text.
    fn expand(&mut self, size: usize, at: Position) -> Result<(), Stop> {
        self.expanded = self.expanded.saturating_add(size);
        if self.expanded > LARGEST_EXPANSION {
            let message =
                format!("anchors and aliases stand for more than {LARGEST_EXPANSION} values");
            return Err((at, message));
        }
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, mut node: Node, size: usize, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            self.expand(size, node.at)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        if !self.open.is_empty() && matches!(node.value, Value::Null) {
            node.pruned = true;
            // Another cause may have been told already, at this very place.
            let last = self.document.problems.last();
            if last.is_none_or(|p| (p.line, p.column) != (node.at.line, node.at.column)) {
                let message = "is empty; give it a value (\"\" for empty text) or leave it out";
                self.refuse(self.key_position().unwrap_or(node.at), message.to_owned());
            }
        }
        let Some(open) = self.open.last_mut() else {
            self.document.tree = node;
            return Ok(());
        };
        open.size = open.size.saturating_add(size);
        match &mut open.node.value {
            Value::Sequence(nodes) => nodes.push(node),
            Value::Mapping(entries) => {
                let Some((key, key_at)) = open.key.take() else {
                    return Ok(());
                };
                if entries.len() >= MOST_FIELDS {
                    return Err((key_at, format!("has more than {MOST_FIELDS} fields")));
                }
                match entries.iter().find(|entry| entry.key == key) {
                    None => entries.push(Entry { key, key_at, node }),
                    Some(first) => {
                        let message = format!(
                            "is given twice, first on line {}; keep one",
                            first.key_at.line
                        );
                        open.key = Some((key, key_at));
                        self.refuse(key_at, message);
                        if let Some(open) = self.open.last_mut() {
                            open.key = None;
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn key_position(&self) -> Option<Position> {
        let (_, at) = self.open.last()?.key.as_ref()?;
        Some(*at)
    }

    /// Notes a problem with what is being read now.
    fn refuse(&mut self, at: Position, message: String) {
        let path: FieldPath = self.open.iter().filter_map(Open::segment).collect();
        self.document.note(at, &path, message);
    }
}

impl Open {
    fn wants_key(&self) -> bool {
        matches!(self.node.value, Value::Mapping(_)) && self.key.is_none()
    }

    fn segment(&self) -> Option<Segment> {
        match &self.node.value {
            Value::Sequence(nodes) => Some(Segment::Index(nodes.len())),
            _ => self.key.as_ref().map(|(key, _)| Segment::Key(key.clone())),
        }
    }
}

fn depth(node: &Node) -> usize {
    let deepest = match &node.value {
        Value::Sequence(nodes) => nodes.iter().map(depth).max(),
        Value::Mapping(entries) => entries.iter().map(|entry| depth(&entry.node)).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

fn empty(file: &Path, number: usize) -> Document {
    Document {
        file: file.to_owned(),
        number,
        tree: Node::new(Position { line: 1, column: 1 }, Value::Null),
        resource: None,
        problems: Vec::new(),
    }
}

fn position(marker: Marker) -> Position {
    Position {
        line: marker.line(),
        column: marker.col() + 1,
    }
}
