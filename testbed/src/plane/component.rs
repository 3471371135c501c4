//! One component's process.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Component, Setup, arguments};
use crate::error::Error;

/// What is told of a log when its process has ended: lines, and bytes at most.
const LAST_LINES: usize = 15;
const LAST_BYTES: u64 = 16 * 1024;

/// Killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    /// So that its end is no failure.
    expected: Arc<AtomicBool>,
    /// Holds the child, and ends with it.
    waiter: AbortOnDropHandle<()>,
}

impl Process {
    /// Its first failure goes to `failures`.
    pub(super) fn start(
        component: Component,
        setup: &Setup,
        failures: watch::Sender<Option<String>>,
    ) -> Result<Self, Error> {
        let log = setup.log(component);
        let told = || Error::io(log.display().to_string());
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(told())?;
        let err = out.try_clone().map_err(told())?;
        let child = Command::new(setup.assets.join(component.binary()))
            .args(arguments::of(component, setup))
            .current_dir(&setup.folder)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // A Ctrl-C at the terminal is for the testbed, which then ends them in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::io(component.binary()))?;
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw)
            .ok_or_else(|| Error::Ended(format!("{} ended at once", component.binary())))?;
        let expected = Arc::new(AtomicBool::new(false));
        let waiter = watch_over(child, component, log, Arc::clone(&expected), failures);
        Ok(Self {
            pid,
            expected,
            waiter: AbortOnDropHandle::new(tokio::spawn(waiter)),
        })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(super) fn pause(&self, paused: bool) -> Result<(), Error> {
        let signal = if paused { Signal::STOP } else { Signal::CONT };
        if self.waiter.is_finished() {
            return Err(Error::Ended("it has ended".to_owned()));
        }
        kill_process(self.pid, signal).map_err(|error| Error::io("signal")(error.into()))
    }

    pub(super) async fn kill(self) {
        self.expected.store(true, Ordering::Release);
        // Its number is its own as long as nobody has waited for it.
        if !self.waiter.is_finished() {
            let _ = kill_process(self.pid, Signal::KILL);
        }
        let _ = self.waiter.await;
    }
}

async fn watch_over(
    mut child: Child,
    component: Component,
    log: std::path::PathBuf,
    expected: Arc<AtomicBool>,
    failures: watch::Sender<Option<String>>,
) {
    let status = child.wait().await;
    if expected.load(Ordering::Acquire) {
        return;
    }
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let last = last_lines(&log).unwrap_or_default();
    let name = component.binary();
    let told = format!("{name} ended ({how}); its last lines:\n{last}");
    tracing::error!("{told}");
    failures.send_if_modified(|first| {
        let is_first = first.is_none();
        first.get_or_insert(told);
        is_first
    });
}

fn last_lines(log: &Path) -> std::io::Result<String> {
    let length = fs::metadata(log)?.len();
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES)))?;
    let mut tail = Vec::new();
    file.take(LAST_BYTES).read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    let lines: Vec<_> = tail.lines().collect();
    Ok(lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"))
}
