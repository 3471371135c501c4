//! The guard: a small process between Rouse and one replica, so that the replica never outlives Rouse.
//!
//! It starts the command in a process group of its own and reads `TERM` and `KILL` from its standard input, one a line. That
//! is a pipe whose other end only Rouse holds: when Rouse ends, in whatever way, the kernel closes it, and the guard kills the
//! group. It runs before anything else of the binary does: standard library only, no runtime.

use std::ffi::OsString;
use std::io::{self, BufRead, ErrorKind, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// What the message on standard error begins with when the command can't be started.
pub(super) const CANNOT_START: &str = "rouse guard: cannot start ";

/// As in a shell: no such command.
const NOT_FOUND: u8 = 127;

/// As in a shell: there is something, and it can't be run.
const NOT_EXECUTABLE: u8 = 126;

/// The system could not do it now.
const NOT_NOW: u8 = 125;

/// Runs `args` (program and arguments) until it exits, on `KILL`, or until standard input ends; then kills what is left of its
/// process group. Exits with the command's own code, 128 + n when signal n ended it, 127 or 126 when it can't be started
/// (as in a shell, with a line on standard error), 125 when the system is out of something.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // `pkill rouse` must not end the guards together with what they guard against. Fails where there is no procfs.
    let _ = std::fs::write("/proc/self/comm", "replica-guard");
    let mut args = args.into_iter();
    let Some(program) = args.next() else {
        complain("a command: it is empty");
        return ExitCode::from(NOT_EXECUTABLE);
    };
    match start(&program, args) {
        Ok(child) => ExitCode::from(guard(child)),
        Err(error) => {
            complain(&format!("{}: {error}", program.display()));
            ExitCode::from(match error.kind() {
                ErrorKind::NotFound => NOT_FOUND,
                ErrorKind::WouldBlock | ErrorKind::OutOfMemory | ErrorKind::ResourceBusy => NOT_NOW,
                _ => NOT_EXECUTABLE,
            })
        }
    }
}

fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "{CANNOT_START}{what}");
}

fn start(program: &OsString, args: impl Iterator<Item = OsString>) -> io::Result<Child> {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
}

fn guard(mut child: Child) -> u8 {
    let group = Arc::new(Group::of(&child));
    let commands = Arc::clone(&group);
    let listener = std::thread::Builder::new().spawn(move || obey(&commands));
    if listener.is_err() {
        group.kill();
    } else {
        group.wait_for_leader();
    }
    group.end(|| child.wait()).map_or(NOT_NOW, code)
}

/// Obeys commands until there can be no more; then nobody is there to guard for.
fn obey(group: &Group) {
    for line in io::stdin().lock().lines() {
        match line.as_deref() {
            Ok("TERM") => group.signal(Signal::TERM),
            Ok("KILL") => group.signal(Signal::KILL),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    group.kill();
}

fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}

/// The replica's process group.
struct Group {
    leader: Option<Pid>,
    /// The leader is reaped: its number may belong to others.
    ended: Mutex<bool>,
}

impl Group {
    fn of(child: &Child) -> Self {
        Self {
            leader: i32::try_from(child.id()).ok().and_then(Pid::from_raw),
            ended: Mutex::new(false),
        }
    }

    fn signal(&self, signal: Signal) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if !*ended && let Some(leader) = self.leader {
            // Fails when nobody is left.
            let _ = kill_process_group(leader, signal);
        }
    }

    fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Until the leader has exited, which leaves its number taken.
    fn wait_for_leader(&self) {
        let Some(leader) = self.leader else {
            return;
        };
        let exited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(
            waitid(WaitId::Pid(leader), exited),
            Err(rustix::io::Errno::INTR)
        ) {}
    }

    /// Kills who is left, reaps the leader, and signals nobody from then on.
    fn end<T>(&self, reap: impl FnOnce() -> T) -> T {
        self.kill();
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        *ended = true;
        reap()
    }
}
