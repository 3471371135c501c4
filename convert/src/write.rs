//! Values to YAML in block style, with comments.

use rouse_api::load::{FieldPath, Segment};
use serde_json::Value;

use crate::node::Node;

/// In characters: a comment that makes its line longer stands above it.
const WIDEST: usize = 120;

/// A comment and the line that it is about; the empty path is the document's head, and a path that is not there means what it would stand in.
pub type Comment = (FieldPath, String);

/// A document that ends with a line break.
#[must_use]
pub fn yaml(node: &Node, comments: &[Comment]) -> String {
    let mut comments: Vec<Comment> = comments.to_vec();
    for (path, text) in &mut comments {
        *path = existing(node, path);
        *text = tame(text);
    }
    let mut lines = Vec::new();
    push(&mut lines, node, &FieldPath::default(), 0, &comments);
    let mut out = String::new();
    for (path, text) in &comments {
        if path.segments().is_empty() {
            comment(&mut out, 0, text);
        }
    }
    for line in &lines {
        line.write(&mut out);
    }
    out
}

/// Without what would end a line or is no text to a reader of YAML.
fn tame(text: &str) -> String {
    let ends = |c: char| {
        c.is_control() && c != '\n' || "\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}".contains(c)
    };
    text.replace(ends, " ")
}

/// A text as comment lines.
pub(crate) fn comment(out: &mut String, depth: usize, text: &str) {
    let room = WIDEST.saturating_sub(2 * depth + 2);
    for line in text.lines() {
        let mut row = String::new();
        for word in line.split(' ') {
            if !row.is_empty() && row.chars().count() + 1 + word.chars().count() > room {
                comment_line(out, depth, &row);
                row.clear();
            }
            if !row.is_empty() {
                row.push(' ');
            }
            row.push_str(word);
        }
        comment_line(out, depth, &row);
    }
}

fn comment_line(out: &mut String, depth: usize, row: &str) {
    indent(out, depth);
    out.push_str(format!("# {row}").trim_end());
    out.push('\n');
}

/// The longest beginning of a path that is there.
fn existing(node: &Node, path: &FieldPath) -> FieldPath {
    let mut node = node;
    let mut found = Vec::new();
    for segment in path.segments() {
        let next = match (segment, node) {
            (Segment::Key(key), node) => node.get(key),
            (Segment::Index(place), Node::List(nodes)) => nodes.get(*place),
            _ => None,
        };
        let Some(next) = next else {
            break;
        };
        node = next;
        found.push(segment.clone());
    }
    found.into_iter().collect()
}

struct Line {
    depth: usize,
    /// With further lines of a block, which are indented already.
    text: String,
    comments: Vec<String>,
}

impl Line {
    fn write(&self, out: &mut String) {
        let beside = match &self.comments[..] {
            [one] if !self.text.contains('\n') && !one.contains('\n') => Some(one).filter(|one| {
                2 * self.depth + self.text.chars().count() + 3 + one.chars().count() <= WIDEST
            }),
            _ => None,
        };
        if beside.is_none() {
            for text in &self.comments {
                comment(out, self.depth, text);
            }
        }
        indent(out, self.depth);
        out.push_str(&self.text);
        if let Some(beside) = beside {
            out.push_str(" # ");
            out.push_str(beside);
        }
        out.push('\n');
    }
}

/// The lines of a value that begins one.
fn push(lines: &mut Vec<Line>, node: &Node, path: &FieldPath, depth: usize, all: &[Comment]) {
    match node {
        Node::Map(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                field(lines, (key.as_str(), value), &path.key(key), depth, all);
            }
        }
        Node::List(nodes) if !nodes.is_empty() => {
            for (place, value) in nodes.iter().enumerate() {
                let path = path.index(place);
                let first = lines.len();
                push(lines, value, &path, depth + 1, all);
                if let Some(line) = lines.get_mut(first) {
                    // Of a list in a list the dash of the inner one is indented already.
                    line.text = format!("- {}", line.text);
                    line.depth = depth;
                    let mut about = about(&path, all);
                    about.append(&mut line.comments);
                    line.comments = about;
                }
            }
        }
        scalar => lines.push(Line {
            depth,
            text: written(scalar, depth),
            comments: Vec::new(),
        }),
    }
}

fn field(
    lines: &mut Vec<Line>,
    (key, value): (&str, &Node),
    path: &FieldPath,
    depth: usize,
    all: &[Comment],
) {
    let key = plain(key);
    let comments = about(path, all);
    let nested = match value {
        Node::Map(fields) if !fields.is_empty() => Some(depth + 1),
        // A list's dashes stand below its key.
        Node::List(nodes) if !nodes.is_empty() => Some(depth),
        _ => None,
    };
    let text = match nested {
        Some(_) => format!("{key}:"),
        None => format!("{key}: {}", written(value, depth + 1)),
    };
    lines.push(Line {
        depth,
        text,
        comments,
    });
    if let Some(depth) = nested {
        push(lines, value, path, depth, all);
    }
}

fn about(path: &FieldPath, all: &[Comment]) -> Vec<String> {
    let here = all.iter().filter(|(at, _)| at == path);
    here.map(|(_, text)| text.clone()).collect()
}

/// A scalar or something empty; a block's lines are indented by `depth`.
fn written(node: &Node, depth: usize) -> String {
    match node {
        Node::Null => "null".to_owned(),
        Node::Bool(value) => value.to_string(),
        Node::Number(number) => number.to_string(),
        Node::List(_) => "[]".to_owned(),
        Node::Map(_) => "{}".to_owned(),
        Node::Text(text) => block(text, depth).unwrap_or_else(|| plain(text)),
    }
}

/// Text of several lines; `None` when it can't stand as a block unchanged.
fn block(text: &str, depth: usize) -> Option<String> {
    let body = text.trim_end_matches('\n');
    let ends = text.len() - body.len();
    let printable = |c: char| c == '\n' || c == ' ' || (!c.is_control() && !c.is_whitespace());
    let fits = body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && ends <= 1
        && body.chars().all(printable);
    if !fits {
        return None;
    }
    let mut out = if ends == 1 { "|" } else { "|-" }.to_owned();
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(&mut out, depth);
            out.push_str(line);
        }
    }
    Some(out)
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Plain where no reader could take it for anything but this text, otherwise in double quotes: JSON's are YAML's, too.
fn plain(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || " -_./(),=+@".contains(c);
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    // A duration and the like: a digit first, and letters that no number has.
    let amount = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|c| c.is_ascii_alphanumeric())
        && text.ends_with(['s', 'i', 'h', 'm'])
        && !text.starts_with("0x");
    let is_plain = (text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') || amount)
        && text.chars().all(inner)
        && !text.ends_with(' ')
        && !is_word;
    if is_plain || is_url(text) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

/// Its colons stand before no space.
fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("http://")
        .or(text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let known = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        !rest.is_empty() && rest.chars().all(known) && !rest.ends_with(':')
    })
}
