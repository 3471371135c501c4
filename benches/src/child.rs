//! Processes that are measured, and what /proc says of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::error::{Result, While};

/// Linux counts CPU time for user space in hundredths of a second (USER_HZ) on every architecture that we build for.
const TICKS_PER_SECOND: f64 = 100.0;
/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// A process that ends with this.
pub(crate) struct Running {
    child: Child,
    pid: u32,
    log: PathBuf,
}

impl Running {
    /// Starts it; what it says goes to a file.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let shown = || format!("starting {:?}", command.as_std().get_program());
        let trying = shown();
        let file = fs::File::create(log).while_(|| trying.clone())?;
        let errors = file.try_clone().while_(|| trying.clone())?;
        command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .kill_on_drop(true);
        let child = command.spawn().while_(|| trying.clone())?;
        let pid = child
            .id()
            .while_(|| format!("{trying}: it ended at once"))?;
        Ok(Self {
            child,
            pid,
            log: log.to_owned(),
        })
    }

    /// CPU time used so far by all of its threads, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        // The second field, the name, may have spaces and parentheses.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let ticks: Option<Vec<u64>> = after
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse().ok())
            .collect();
        let ticks = ticks
            .filter(|ticks| ticks.len() == 2)
            .while_(|| "no CPU times in /proc/PID/stat".to_owned())?;
        Ok(ticks.iter().sum::<u64>() as f64 / TICKS_PER_SECOND)
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kib.while_(|| "no VmRSS in /proc/PID/status".to_owned())
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.pid);
        fs::read_to_string(&path)
            .while_(|| format!("reading {path}; its log is {}", self.log.display()))
    }

    /// The end of what it said.
    pub(crate) fn last_lines(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }

    /// Ends it in good order.
    pub(crate) async fn stop(mut self) {
        let _ = Command::new("kill")
            .args(["-TERM", &self.pid.to_string()])
            .status()
            .await;
        if timeout(GRACE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}
