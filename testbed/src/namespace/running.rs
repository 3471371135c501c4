//! The folders of testbeds that run on this machine: one each, in the folder for temporary files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use tempfile::TempDir;

use crate::error::Error;

const PREFIX: &str = "rouse-testbed-";
const INIT: &str = "init.pid";
const OUTER: &str = "outer.pid";

/// A testbed that runs.
#[derive(Debug)]
pub struct Running {
    /// Its folder.
    pub folder: PathBuf,
    /// The first process of its namespace, as seen from outside.
    pub init: Pid,
}

/// The testbeds of this user that are up, in no order.
#[must_use]
pub fn all() -> Vec<Running> {
    folders()
        .into_iter()
        .filter_map(|folder| {
            let init = read(&folder.join(INIT)).filter(|pid| alive(*pid))?;
            crate::testbed::kubeconfig_in(&folder)
                .is_file()
                .then_some(Running { folder, init })
        })
        .collect()
}

/// A fresh folder, which only this user may look into.
pub(super) fn create() -> Result<TempDir, Error> {
    let base = base();
    let folder = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(&base)
        .map_err(Error::io(base.display().to_string()))?;
    write(&folder.path().join(OUTER), rustix::process::getpid())?;
    Ok(folder)
}

/// Says that the namespace is there.
pub(super) fn record(folder: &Path, init: Pid) -> Result<(), Error> {
    write(&folder.join(INIT), init)
}

/// Removes what testbeds that were killed have left.
pub(super) fn sweep() {
    for folder in folders() {
        if read(&folder.join(OUTER)).is_some_and(|outer| !alive(outer)) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Inside the namespace `/run` is another one, so the folder can't be there.
fn base() -> PathBuf {
    let base = std::env::temp_dir();
    if base.starts_with("/run") || base.starts_with("/var/run") {
        return PathBuf::from("/tmp");
    }
    base
}

/// Those of this user: nobody else's word is taken for where an API server is.
fn folders() -> Vec<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let Ok(entries) = fs::read_dir(base()) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .filter(|path| {
            fs::symlink_metadata(path).is_ok_and(|folder| folder.is_dir() && folder.uid() == user)
        })
        .collect()
}

fn read(file: &Path) -> Option<Pid> {
    Pid::from_raw(fs::read_to_string(file).ok()?.trim().parse().ok()?)
}

fn write(file: &Path, pid: Pid) -> Result<(), Error> {
    fs::write(file, pid.as_raw_nonzero().to_string()).map_err(Error::io(file.display().to_string()))
}

/// Not so for one that has ended and that nobody has waited for yet.
fn alive(pid: Pid) -> bool {
    fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).is_ok()
}
