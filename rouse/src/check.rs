//! `rouse check`: everything that is wrong in files, and what will be slow.

mod hints;

use std::fmt::Write as _;
use std::io::Write;

use rouse_api::load::Mode;

use crate::cli::CheckArgs;
use crate::error::Error;
use crate::files;

/// Says how many workloads there are, with hints; or everything that is wrong.
pub(crate) fn run(args: &CheckArgs) -> Result<(), Error> {
    let mode = if args.cluster {
        Mode::Cluster
    } else {
        Mode::Standalone
    };
    let mut contents = files::read(&args.paths);
    // In a cluster manifests are often in one file with what they are about.
    let others = match (mode, &mut contents) {
        (Mode::Cluster, Ok(files)) => hints::take_others(files),
        _ => Vec::new(),
    };
    let workloads = files::load_for(&contents, mode)?;
    let hints = hints::hints(&workloads, &others);
    let mut text = String::new();
    for hint in &hints {
        // Writing into a text can't fail.
        _ = writeln!(text, "{hint}");
    }
    _ = write!(
        text,
        "all is well: {}",
        counted(workloads.len(), "workload")
    );
    if !others.is_empty() {
        _ = write!(text, ", {}", counted(others.len(), "other document"));
    }
    if !hints.is_empty() {
        _ = write!(text, ", {}", counted(hints.len(), "hint"));
    }
    // A closed standard output is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
