use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use crate::ProbeFailure;

/// Runs the command in a process group of its own; exit status 0 is success. Dropping the future kills the group.
pub(crate) async fn run(
    command: &[String],
    env: &BTreeMap<String, String>,
    working_dir: Option<&Path>,
) -> Result<(), ProbeFailure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(ProbeFailure::Invalid("its command is empty".to_owned()));
    };
    let start = |error| ProbeFailure::Start {
        program: program.clone(),
        error,
    };
    let mut prepared = Command::new(program);
    prepared
        .args(arguments)
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(dir) = working_dir {
        prepared.current_dir(dir);
    }
    let mut child = prepared.spawn().map_err(start)?;
    let mut group = Group::of(&child);
    let status = child.wait().await.map_err(start)?;
    // Its number may be another's from here on.
    group.0 = None;
    if status.success() {
        return Ok(());
    }
    Err(ProbeFailure::Exit {
        program: program.clone(),
        status,
    })
}

/// The group of a command that has not ended yet: killed on drop, with all that the command started.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error means that it is gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
