//! The files with workloads.
//!
//! What was read is a value ([`Contents`]) that is compared, and turned into workloads as a whole: the same files give the
//! same answer, whether at the start, in `rouse check`, or after a change.

mod read;
mod reload;
mod watch;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use rouse_api::load::{self, Mode};
use rouse_api::workload::Workload;

use crate::error::BadFiles;
pub(crate) use read::{Unreadable, read};
pub(crate) use reload::{Reloads, reload};
pub(crate) use watch::Watcher;

/// Paths and texts of all files, or why some can't be read.
pub(crate) type Contents = Result<Vec<(PathBuf, String)>, Vec<Unreadable>>;

/// All workloads of standalone mode, in the order of files and documents; or everything that is wrong.
pub(crate) fn load(contents: &Contents) -> Result<Vec<Workload>, BadFiles> {
    load_for(contents, Mode::Standalone)
}

/// The same for any mode.
pub(crate) fn load_for(contents: &Contents, mode: Mode) -> Result<Vec<Workload>, BadFiles> {
    match contents {
        Ok(files) => load::load(files, mode).map_err(BadFiles::Problems),
        Err(unreadable) => Err(BadFiles::Unreadable(unreadable.clone())),
    }
}
