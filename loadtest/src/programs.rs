//! Envoy and k6, which end with this process.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::error::{Error, Result, file};

/// For Envoy to listen.
const START: Duration = Duration::from_secs(15);

fn command(program: &Path, log: &Path) -> Result<Command> {
    let out = File::create(log).map_err(file(log))?;
    let error = out.try_clone().map_err(file(log))?;
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(error)
        .kill_on_drop(true);
    Ok(command)
}

/// Done when it takes connections.
pub(crate) async fn envoy(
    program: &Path,
    config: &Path,
    listen: SocketAddr,
    log: &Path,
) -> Result<Child> {
    let mut command = command(program, log)?;
    command.args([
        "--disable-hot-restart",
        "--log-level",
        "warn",
        "--concurrency",
        "2",
    ]);
    command.arg("--config-path").arg(config);
    let mut child = command.spawn().map_err(file(program))?;
    let up = async {
        while TcpStream::connect(listen).await.is_err() {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(Error::Other(format!(
                    "Envoy ended ({status}); see {}",
                    log.display()
                )));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    let up = timeout(START, up).await;
    up.map_err(|_| {
        Error::Other(format!(
            "Envoy does not listen within {START:?}; see {}",
            log.display()
        ))
    })??;
    Ok(child)
}

/// Runs to its end, or is ended after `longest`.
pub(crate) async fn k6(
    program: &Path,
    script: &Path,
    environment: &[(&str, String)],
    longest: Duration,
    log: &Path,
) -> Result<ExitStatus> {
    let mut command = command(program, log)?;
    command.args([
        "run",
        "--no-usage-report",
        "--no-color",
        "--quiet",
        "--address",
        "",
    ]);
    for (name, value) in environment {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    let mut child = command.arg(script).spawn().map_err(file(program))?;
    match timeout(longest, child.wait()).await {
        Ok(status) => status.map_err(file(program)),
        Err(_) => {
            let _ = child.kill().await;
            Err(Error::Other(format!(
                "k6 was not done within {longest:?}; see {}",
                log.display()
            )))
        }
    }
}
