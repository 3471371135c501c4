use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A replica in standalone mode: one process that listens on `$PORT` of 127.0.0.1.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Program and arguments; at least the program. `$(NAME)` is not expanded; the program is looked up in PATH.
    pub command: Vec<String>,
    /// Added to Rouse's own environment. `PORT` is set by Rouse.
    pub env: BTreeMap<String, String>,
    /// Working folder; absent: Rouse's own. A relative one is relative to the resource's file.
    pub working_dir: Option<PathBuf>,
    /// When a replica is ready. Absent: as soon as its port accepts, or, when it `listens` to none, as it runs.
    pub readiness: Option<Probe>,
    /// Requests come to its port.
    pub listens: bool,
    /// From SIGTERM to SIGKILL.
    pub termination_grace_period: Duration,
}

/// One readiness probe, with the meaning of Kubernetes' `readinessProbe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What is tried.
    pub action: ProbeAction,
    /// For one try.
    pub timeout: Duration,
    /// Between tries once a replica has been ready.
    pub period: Duration,
    /// Successes in a row that make a replica ready.
    pub success_threshold: u32,
    /// Failures in a row that make a ready replica unready.
    pub failure_threshold: u32,
}

/// What a probe tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAction {
    /// A GET; 200 to 399 is success.
    HttpGet {
        /// Path and query, starting with a slash.
        path: String,
        /// Added headers, in order.
        headers: Vec<(String, String)>,
        /// Absent: the replica's own port.
        port: Option<u16>,
    },
    /// A TCP connection; accepted is success.
    TcpSocket {
        /// Absent: the replica's own port.
        port: Option<u16>,
    },
    /// `grpc.health.v1.Health/Check`; SERVING is success.
    Grpc {
        /// The service asked about; empty for the server as a whole.
        service: String,
        /// Absent: the replica's own port.
        port: Option<u16>,
    },
    /// A command with the replica's environment; exit status 0 is success.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
    },
}
