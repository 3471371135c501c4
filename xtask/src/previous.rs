//! The program of the commit before this one.

use std::path::PathBuf;

use crate::command::{Failed, cargo, output, program, run, target_folder};

/// Builds it in a checkout of its own below `target/previous`, whose build folder stays, so that most of it is there the next time.
pub(crate) fn build() -> Result<PathBuf, Failed> {
    let commit = output(program("git").args(["rev-parse", "HEAD~1"]));
    let commit = commit.ok_or_else(|| {
        Failed(
            "there is no commit before this one; fetch the history (git fetch --unshallow)"
                .to_owned(),
        )
    })?;
    let folder = target_folder().join("previous");
    let (checkout, target) = (folder.join("checkout"), folder.join("target"));
    if checkout.is_dir() {
        run(program("git")
            .arg("-C")
            .arg(&checkout)
            .args(["checkout", "--quiet", "--detach", &commit]))?;
    } else {
        run(program("git")
            .args(["worktree", "add", "--quiet", "--force", "--detach"])
            .arg(&checkout)
            .arg(&commit))?;
    }
    let mut build = cargo(["build", "--locked", "--package", "rouse"]);
    run(build
        .current_dir(&checkout)
        .env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("debug").join("rouse"))
}
