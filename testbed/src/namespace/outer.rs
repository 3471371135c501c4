//! The process outside: opens the namespace, waits, carries signals in and the relay out.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{FOLDER, RELAY, STAGE, programs, running};
use crate::error::Error;
use crate::{assets, relay};

/// Until init is there. It takes some milliseconds.
const INIT: Duration = Duration::from_secs(10);

/// The code to exit with: that of the program inside.
pub(super) fn run() -> Result<i32, Error> {
    programs::require()?;
    let assets = assets::ensure()?;
    // One thread: the kernel ends the child with the thread that started it, so it has to be this one.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::io("runtime"))?
        .block_on(open(&assets))
}

async fn open(assets: &Path) -> Result<i32, Error> {
    running::sweep();
    let folder = running::create()?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .map_err(Error::io("relay: 127.0.0.1"))?;
    let address = listener.local_addr().map_err(Error::io("relay"))?;
    let _relay = AbortOnDropHandle::new(tokio::spawn(relay::outside(
        listener,
        folder.path().to_owned(),
    )));
    let child = command(folder.path(), address, assets)?
        .spawn()
        .map_err(Error::io("unshare"))?;
    let code = wait(child, folder.path()).await;
    close(folder);
    code
}

fn close(folder: TempDir) {
    if super::kept() {
        eprintln!("rouse-testbed: kept {}", folder.keep().display());
    }
}

fn command(folder: &Path, relay: SocketAddr, assets: &Path) -> Result<Command, Error> {
    let program = std::env::current_exe().map_err(Error::io("the path of this program"))?;
    let mut command = Command::from(programs::command("setpriv"));
    // When this process ends, however it does, unshare gets SIGKILL, and with it init, and with init everything inside.
    command.args(["--pdeathsig", "KILL", "unshare"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--",
        ])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(STAGE, "init")
        .env(FOLDER, folder)
        .env(RELAY, relay.to_string())
        .env(assets::VARIABLE, assets)
        .env("PATH", path(assets))
        .kill_on_drop(true);
    Ok(command)
}

/// kubectl first, and the folders that only root's PATH has last.
fn path(assets: &Path) -> std::ffi::OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let mut path = assets.as_os_str().to_owned();
    for part in [old.as_os_str(), OsStr::new("/usr/sbin:/sbin")] {
        path.push(":");
        path.push(part);
    }
    path
}

async fn wait(mut child: Child, folder: &Path) -> Result<i32, Error> {
    let told = || Error::io("signals");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(told())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(told())?;
    let mut hangup = signal(SignalKind::hangup()).map_err(told())?;
    let init = tokio::select! {
        init = find_init(child.id()) => init?,
        ended = child.wait() => return ended.map(code).map_err(Error::io("unshare")),
    };
    running::record(folder, init)?;
    loop {
        let passed = tokio::select! {
            ended = child.wait() => return ended.map(code).map_err(Error::io("unshare")),
            _ = interrupt.recv() => Signal::INT,
            _ = terminate.recv() => Signal::TERM,
            _ = hangup.recv() => Signal::HUP,
        };
        let _ = kill_process(init, passed);
    }
}

/// unshare's only child.
async fn find_init(unshare: Option<u32>) -> Result<Pid, Error> {
    let gone = || Error::Namespace("unshare started nothing".to_owned());
    let unshare = unshare.ok_or_else(gone)?;
    let children = format!("/proc/{unshare}/task/{unshare}/children");
    let look = async {
        loop {
            let found = fs::read_to_string(&children).unwrap_or_default();
            let first = found.split_whitespace().next();
            if let Some(pid) = first
                .and_then(|first| first.parse().ok())
                .and_then(Pid::from_raw)
            {
                return pid;
            }
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(INIT, look).await.map_err(|_| gone())
}

fn code(status: ExitStatus) -> i32 {
    // As shells have it.
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
