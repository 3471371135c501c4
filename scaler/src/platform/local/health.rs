use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use rouse_api::link::EndpointId;
use rouse_api::workload::{Probe, ProbeAction, Process};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::replica::Note;

/// Between tries while a replica starts.
const STARTING: Duration = Duration::from_millis(4);

/// The same for a connection: a refused one costs some microseconds, and the process nothing.
const STARTING_TCP: Duration = Duration::from_millis(2);

/// The same for a command: each try is a process.
const STARTING_EXEC: Duration = Duration::from_millis(20);

/// A worker that has run for so long has started: a command that fails mostly fails at once.
const SETTLED: Duration = Duration::from_millis(250);

/// What has been starting for long is tried less often: this part of its age.
const OF_AGE: u32 = 250;

/// One replica's readiness, told as it changes.
pub(super) struct Health<'a> {
    pub(super) id: EndpointId,
    pub(super) process: &'a Process,
    pub(super) address: SocketAddr,
    /// The replica's own, with PORT.
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) notes: &'a mpsc::Sender<Note>,
}

impl Health<'_> {
    /// Probes until dropped. Without a probe of the process's own it is ready once its port accepts, and stays so; a worker, to which no
    /// request comes, once it has run for a moment.
    pub(super) async fn watch(&self) {
        let default = Probe {
            action: ProbeAction::TcpSocket { port: None },
            timeout: Duration::from_secs(1),
            period: Duration::from_secs(10),
            success_threshold: 1,
            failure_threshold: 1,
        };
        let probe = self.process.readiness.as_ref();
        loop {
            match probe {
                None if !self.process.listens => sleep(SETTLED).await,
                _ => self.until_ready(probe.unwrap_or(&default)).await,
            }
            let _ = self.notes.send(Note::Ready(self.id.clone())).await;
            match probe {
                Some(probe) => self.until_unready(probe).await,
                None => pending().await,
            }
            let _ = self.notes.send(Note::Unready(self.id.clone())).await;
        }
    }

    async fn until_ready(&self, probe: &Probe) {
        let since = Instant::now();
        let least = match probe.action {
            ProbeAction::Exec { .. } => STARTING_EXEC,
            ProbeAction::TcpSocket { .. } => STARTING_TCP,
            _ => STARTING,
        };
        let mut successes = 0;
        loop {
            let began = Instant::now();
            successes = if self.attempt(probe).await {
                successes + 1
            } else {
                0
            };
            if successes >= probe.success_threshold {
                return;
            }
            let pause = (since.elapsed() / OF_AGE).min(probe.period).max(least);
            sleep_until(began + pause).await;
        }
    }

    async fn until_unready(&self, probe: &Probe) {
        let mut failures = 0;
        while failures < probe.failure_threshold.max(1) {
            sleep(probe.period.max(STARTING)).await;
            failures = if self.attempt(probe).await {
                0
            } else {
                failures + 1
            };
        }
    }

    async fn attempt(&self, probe: &Probe) -> bool {
        let dir = self.process.working_dir.as_deref();
        rouse_probe::attempt(&probe.action, self.address, self.env, dir, probe.timeout)
            .await
            .is_ok()
    }
}
