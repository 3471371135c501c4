use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong in a file or an object. Reads `hello.yaml:12: spec.replicas.min: is 5 but max is 3: …`; of an object
/// without file and line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The file, as it was given; empty for an object.
    pub file: PathBuf,
    /// From 1; 0 for an object.
    pub line: usize,
    /// In characters, from 1; 0 for an object.
    pub column: usize,
    /// Which document of the file, from 1; 0 for an object.
    pub document: usize,
    /// `namespace/name`, as far as it is known.
    pub resource: Option<String>,
    /// The field, e.g. `spec.http.routes[0].hosts[1]`; empty for the document as a whole.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    pub(super) fn order(&self) -> (&Path, usize, usize, &str, &str) {
        let Self { line, column, .. } = *self;
        (&self.file, line, column, &self.path, &self.message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.file.display(), self.line)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}
