use std::path::PathBuf;

use super::path::FieldPath;
use super::problem::Problem;
use super::tree::{Node, Position};

/// One YAML document or object, and what was found wrong with it.
pub(super) struct Document {
    pub(super) file: PathBuf,
    /// Within its file, from 1.
    pub(super) number: usize,
    pub(super) tree: Node,
    /// `namespace/name`, once known.
    pub(super) resource: Option<String>,
    pub(super) problems: Vec<Problem>,
}

impl Document {
    /// Notes a problem with a field, unless the field (or what it stands in) was refused already.
    pub(super) fn refuse(&mut self, path: &FieldPath, message: impl Into<String>) {
        let found = self.tree.find(path);
        if found.pruned {
            return;
        }
        let (at, path) = (found.at, found.written);
        self.note(at, &path, message.into());
    }

    /// Notes a problem between fields, unless a part of any of them was refused already: it may only follow from that.
    pub(super) fn refuse_between(
        &mut self,
        path: &FieldPath,
        others: &[FieldPath],
        message: impl Into<String>,
    ) {
        if !others.iter().chain([path]).any(|path| self.touched(path)) {
            self.refuse(path, message);
        }
    }

    /// Whether the field, something in it, or what it stands in was refused already.
    pub(super) fn touched(&self, path: &FieldPath) -> bool {
        let found = self.tree.find(path);
        found.pruned || found.complete && found.node.has_pruned()
    }

    /// Where a field is written, for messages about others: `hello.yaml:12`; its path in an object.
    pub(super) fn place(&self, path: &FieldPath) -> String {
        let found = self.tree.find(path);
        match found.at.line {
            0 => found.written.to_string(),
            line => format!("{}:{line}", self.file.display()),
        }
    }

    pub(super) fn note(&mut self, at: Position, path: &FieldPath, message: String) {
        self.problems.push(Problem {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            document: self.number,
            resource: self.resource.clone(),
            path: path.to_string(),
            message,
        });
    }
}
