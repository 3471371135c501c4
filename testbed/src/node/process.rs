//! A container's process: a process group, with its volumes mounted in a mount namespace of its own.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::env::Env;

/// Mounts each (source, target, options), then becomes the program. Sources may be relative to the first folder and stay
/// reachable although a mount covers them; `-c` keeps `mount` from looking them up again.
const SCRIPT: &str = r#"set -e
count=$1 path=$PATH dir=$2 && shift 2
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
while [ "$count" -gt 0 ]; do
  [ -e "$2" ] || mkdir -p "$2"
  mount -c -o "$3" "$1" "$2"
  shift 3 && count=$((count - 1))
done
cd "$dir"
PATH=$path
exec "$@""#;

/// A folder or file as the container sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Relative to the launch's `root`, or absolute.
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) read_only: bool,
}

/// All that a process needs to start.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// The program and its arguments.
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Env,
    pub(crate) dir: PathBuf,
    pub(crate) mounts: Vec<Mount>,
    /// What relative sources of mounts start from.
    pub(crate) root: PathBuf,
    /// Where its output is appended to.
    pub(crate) log: PathBuf,
}

/// A running process; dropping it kills its group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Pid,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// The system's: no such program, no such folder.
    pub(crate) fn start(launch: &Launch) -> io::Result<Self> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&launch.log)?;
        let mut command = command(launch)?;
        let child = output(&mut command, log)?
            .env_clear()
            .envs(&launch.env)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = id
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("no process id"))?;
        Ok(Self { child, group })
    }

    /// The process' id, which is its group's, too.
    pub(crate) fn pid(&self) -> Pid {
        self.group
    }

    /// Sends a signal to the whole group.
    pub(crate) fn signal(&self, signal: Signal) {
        // An error means that it is gone already.
        let _ = kill_process_group(self.group, signal);
    }

    /// Waits for the process; what it leaves of its group is killed.
    ///
    /// # Errors
    /// The system's.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.signal(Signal::KILL);
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Once waited for, the number may be another's; `wait` has killed the group then.
        if self.child.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}

fn output(command: &mut Command, log: File) -> io::Result<&mut Command> {
    let errors = log.try_clone()?;
    Ok(command.stdin(Stdio::null()).stdout(log).stderr(errors))
}

fn command(launch: &Launch) -> io::Result<Command> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "the command is empty");
    let (program, arguments) = launch.argv.split_first().ok_or_else(invalid)?;
    if launch.mounts.is_empty() {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&launch.dir);
        return Ok(command);
    }
    let mut command = Command::new("/usr/bin/unshare");
    command
        .args([
            "--mount",
            "--propagation",
            "private",
            "/bin/sh",
            "-c",
            SCRIPT,
            "container",
        ])
        .arg(launch.mounts.len().to_string())
        .arg(&launch.dir);
    for mount in &launch.mounts {
        let options = if mount.read_only { "bind,ro" } else { "bind" };
        command.arg(&mount.source).arg(&mount.target).arg(options);
    }
    command.args(&launch.argv).current_dir(&launch.root);
    Ok(command)
}

/// A shell's convention: 128 and the signal's number.
pub(crate) fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}
