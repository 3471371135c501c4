//! Named points at which a test can kill a process.
//!
//! A test that wants the next process that passes `scaled-up` to die there makes a file of that name in the folder that
//! `$ROUSE_FAILPOINTS` names. The first to pass removes the file and is killed, as by `kill -9`: nothing is flushed, closed or
//! said. Without the feature `armed` (only tests have it) passing a point is nothing at all.

/// Passes a point; when it is armed the process ends here.
#[inline]
pub fn pass(name: &str) {
    #[cfg(feature = "armed")]
    armed::pass(name);
    #[cfg(not(feature = "armed"))]
    let _ = name;
}

#[cfg(feature = "armed")]
mod armed {
    use std::path::PathBuf;
    use std::sync::LazyLock;

    use rustix::process::{Signal, getpid, kill_process};

    static FOLDER: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os("ROUSE_FAILPOINTS").map(PathBuf::from));

    pub(super) fn pass(name: &str) {
        let Some(folder) = FOLDER.as_ref() else {
            return;
        };
        // Removed by one only, also when several pass at once.
        if std::fs::remove_file(folder.join(name)).is_ok() {
            let _ = kill_process(getpid(), Signal::KILL);
            std::process::abort();
        }
    }
}
