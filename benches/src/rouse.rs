//! `rouse serve`, as a process of its own.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::child::Running;
use crate::error::{Error, Result};
use crate::http;
use crate::setup::{Folder, free_ports, sibling};

/// From its start to ready.
const START: Duration = Duration::from_secs(30);

/// Rouse, ready.
pub(crate) struct Rouse {
    pub(crate) process: Running,
    pub(crate) port: u16,
    pub(crate) admin: u16,
}

/// How it is started.
#[derive(Debug, Default)]
pub(crate) struct Start {
    /// The core it is pinned to, with one thread.
    pub(crate) core: Option<usize>,
    /// More flags.
    pub(crate) flags: Vec<String>,
}

impl Rouse {
    /// Starts it with these resources (JSON is YAML).
    pub(crate) async fn start(folder: &Folder, resources: &[Value], start: Start) -> Result<Self> {
        let mut yaml = String::new();
        for resource in resources {
            let _ = writeln!(yaml, "---\n{resource}");
        }
        let file = folder.write("rouse.yaml", &yaml)?;
        let [port, admin] = free_ports()?;
        let program = sibling("rouse")?;
        let mut command = match start.core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("serve").arg("--file").arg(file);
        command.args([
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--admin",
            &format!("127.0.0.1:{admin}"),
        ]);
        if start.core.is_some() {
            command.args(["--threads", "1"]);
        }
        command
            .args([
                "--log",
                "warn",
                "--drain-delay",
                "0s",
                "--drain-timeout",
                "1s",
            ])
            .args(start.flags);
        let process = Running::start(command, &folder.path("rouse.log"))?;
        match http::until_ok(admin, "localhost", "/readyz", START).await {
            Ok(()) => Ok(Self {
                process,
                port,
                admin,
            }),
            Err(error) => {
                let said = process.last_lines();
                process.stop().await;
                Err(Error(format!("Rouse does not get ready: {error}\n{said}")))
            }
        }
    }
}

/// A resource with one host and one process.
pub(crate) fn resource(name: &str, host: &str, spec: Value) -> Value {
    let mut resource = serde_json::json!({
        "apiVersion": "rouse.dev/v1alpha1",
        "kind": "ScaledWorkload",
        "metadata": {"name": name},
        "spec": spec,
    });
    resource["spec"]["http"]["hosts"] = serde_json::json!([host]);
    resource
}
