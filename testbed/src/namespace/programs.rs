//! The system's programs that open and fill the namespace.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::Error;

/// Programs, and Debian's packages that have them.
const NEEDED: [(&str, &str); 5] = [
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("mount", "mount"),
    ("ip", "iproute2"),
];

/// # Errors
/// One of them is not on PATH.
pub(crate) fn require() -> Result<(), Error> {
    for (program, package) in NEEDED {
        find(program).ok_or(Error::Missing { program, package })?;
    }
    Ok(())
}

/// Where `program` is: on PATH, or where only root's PATH looks.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// A command of `program`, wherever it is.
pub(crate) fn command(program: &str) -> Command {
    Command::new(find(program).unwrap_or_else(|| PathBuf::from(program)))
}

/// Runs to the end.
///
/// # Errors
/// With what the program said, if it fails.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<(), Error> {
    let line = format!("{program} {}", arguments.join(" "));
    let output = command(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io(line.clone()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Namespace(format!(
        "`{line}` failed: {}",
        said.trim()
    )))
}
