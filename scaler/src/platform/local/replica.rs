use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rouse_api::link::EndpointId;
use rouse_api::workload::{Process, WorkloadId};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::guard::CANNOT_START;
use super::health::Health;
use super::output::{Tail, log};
use super::port::Port;

/// For a guard to end after it was told to kill.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// For the rest of a dead replica's output: a process that has left its group may hold the pipe open.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(200);

/// What a replica's task tells its supervisor.
#[derive(Debug)]
pub(super) enum Note {
    Ready(EndpointId),
    Unready(EndpointId),
    Exited(EndpointId, Exit),
}

/// How a replica ended.
#[derive(Debug)]
pub(super) struct Exit {
    pub(super) cause: Cause,
    /// Its last lines of output.
    pub(super) tail: Vec<String>,
}

/// Why a replica ended.
#[derive(Debug)]
pub(super) enum Cause {
    /// Its command can't be started at all.
    CannotStart(String),
    /// It exited; with what the guard exited with.
    Exited(Option<i32>),
    /// It could not be started now.
    NotNow(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotStart(why) | Self::NotNow(why) => f.write_str(why),
            Self::Exited(Some(code)) if *code > 128 => {
                write!(f, "it exited with status {code} (signal {})", code - 128)
            }
            Self::Exited(Some(code)) => write!(f, "it exited with status {code}"),
            Self::Exited(None) => f.write_str("its guard was killed"),
        }
    }
}

/// One replica to run.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) id: EndpointId,
    pub(super) workload: WorkloadId,
    pub(super) process: Arc<Process>,
    pub(super) guard: Vec<OsString>,
    pub(super) port: Port,
}

/// The replica's guard, running.
struct Running {
    guard: Child,
    commands: Option<ChildStdin>,
    output: JoinSet<()>,
    tail: Tail,
}

impl Replica {
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number()))
    }

    /// Runs it until it exits, or until `stop` and then as long as its grace period lasts. Dropped, it is killed.
    pub(super) async fn run(self, stop: CancellationToken, notes: mpsc::Sender<Note>) {
        let mut env = self.process.env.clone();
        env.insert("PORT".to_owned(), self.port.number().to_string());
        let exit = match self.start(&env) {
            Ok(running) => self.watch(running, &env, &stop, &notes).await,
            Err(cause) => Exit {
                cause,
                tail: Vec::new(),
            },
        };
        // Fails only when the supervisor is gone.
        let _ = notes.send(Note::Exited(self.id.clone(), exit)).await;
    }

    fn start(&self, env: &BTreeMap<String, String>) -> Result<Running, Cause> {
        let Some((program, first)) = self.guard.split_first() else {
            return Err(Cause::CannotStart(
                "no guard command is configured".to_owned(),
            ));
        };
        let mut command = Command::new(program);
        command
            .args(first)
            .args(&self.process.command)
            .envs(env)
            .process_group(0);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(dir) = &self.process.working_dir {
            if !dir.is_dir() {
                return Err(Cause::CannotStart(format!(
                    "its working folder {} is not there",
                    dir.display()
                )));
            }
            command.current_dir(dir);
        }
        let mut guard = command.spawn().map_err(|error| {
            Cause::NotNow(format!(
                "the guard {} can't be started: {error}",
                program.display()
            ))
        })?;
        let tail = Tail::default();
        let mut output = JoinSet::new();
        if let Some(stdout) = guard.stdout.take() {
            output.spawn(log(stdout, self.workload.clone(), tail.clone()));
        }
        if let Some(stderr) = guard.stderr.take() {
            output.spawn(log(stderr, self.workload.clone(), tail.clone()));
        }
        Ok(Running {
            commands: guard.stdin.take(),
            guard,
            output,
            tail,
        })
    }

    async fn watch(
        &self,
        mut running: Running,
        env: &BTreeMap<String, String>,
        stop: &CancellationToken,
        notes: &mpsc::Sender<Note>,
    ) -> Exit {
        let health = Health {
            id: self.id.clone(),
            process: &self.process,
            address: self.address(),
            env,
            notes,
        };
        let status = tokio::select! {
            status = running.guard.wait() => status.ok(),
            () = stop.cancelled() => running.stop(self.process.termination_grace_period).await,
            () = health.watch() => None,
        };
        running.exit(status).await
    }
}

impl Running {
    /// TERM to the whole group, and KILL to who is left after the grace period.
    async fn stop(&mut self, grace: Duration) -> Option<ExitStatus> {
        self.command("TERM\n").await;
        if let Ok(status) = timeout(grace, self.guard.wait()).await {
            return status.ok();
        }
        self.command("KILL\n").await;
        if let Ok(status) = timeout(KILL_TIMEOUT, self.guard.wait()).await {
            return status.ok();
        }
        tracing::warn!("a replica's guard does not end although told to kill it");
        None
    }

    async fn command(&mut self, command: &str) {
        if let Some(commands) = &mut self.commands {
            // Fails when the guard has exited; a few bytes always fit into its pipe.
            let _ = commands.write_all(command.as_bytes()).await;
        }
    }

    async fn exit(mut self, status: Option<ExitStatus>) -> Exit {
        drop(self.commands.take());
        let rest = async { while self.output.join_next().await.is_some() {} };
        let _ = timeout(OUTPUT_TIMEOUT, rest).await;
        let tail = self.tail.lines();
        let complaint = tail.last().and_then(|line| line.strip_prefix(CANNOT_START));
        let code = status.and_then(|status| status.code());
        let cause = match (code, complaint) {
            (Some(126 | 127), Some(why)) => Cause::CannotStart(format!("cannot start {why}")),
            (Some(125), Some(why)) => Cause::NotNow(format!("cannot start {why}")),
            _ => Cause::Exited(code),
        };
        let tail = if matches!(cause, Cause::Exited(_)) {
            tail
        } else {
            Vec::new()
        };
        Exit { cause, tail }
    }
}
