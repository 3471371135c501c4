//! The first process inside: sets the namespace up, starts the program, passes signals on and reaps orphans. When it
//! ends, the kernel ends everything else inside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getrlimit, kill_process, setrlimit,
    wait,
};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::{FOLDER, STAGE, programs};
use crate::error::Error;
use crate::network;

/// The code to exit with: that of the program.
pub(super) fn run() -> Result<i32, Error> {
    let folder = std::env::var_os(FOLDER)
        .map(PathBuf::from)
        .ok_or_else(|| Error::Namespace(format!("{FOLDER} is not set")))?;
    set_up_network()?;
    set_up_files(&folder)?;
    raise_open_files();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::io("runtime"))?
        .block_on(start_and_wait())
}

fn set_up_network() -> Result<(), Error> {
    let machine = format!("{}/32", network::MACHINE);
    programs::run("ip", &["link", "set", "lo", "up"])?;
    programs::run("ip", &["address", "add", &machine, "dev", "lo"])?;
    for range in [network::PODS, network::SERVICES] {
        programs::run("ip", &["route", "add", "local", range, "dev", "lo"])?;
    }
    Ok(())
}

/// Own `/run`: what listens there (a name service cache, say) belongs to the outside. Own `/etc/resolv.conf`.
fn set_up_files(folder: &Path) -> Result<(), Error> {
    let resolver = fs::canonicalize("/etc/resolv.conf").ok();
    let own = folder.join("resolv.conf");
    let told = |path: &Path| Error::io(path.display().to_string());
    fs::write(&own, resolv_conf()).map_err(told(&own))?;
    programs::run("mount", &["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])?;
    match resolver {
        // A link into /run, as systemd-resolved has it: what it points at went with the old /run.
        Some(path) if path.starts_with("/run") => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(told(parent))?;
            }
            fs::copy(&own, &path).map_err(told(&path))?;
            Ok(())
        }
        Some(path) => {
            let (own, path) = (own.to_string_lossy(), path.to_string_lossy());
            programs::run("mount", &["--bind", &own, &path])
        }
        None => Err(Error::Namespace(
            "/etc/resolv.conf does not exist: create it (it may be empty), so that the testbed can put its own in front of it"
                .to_owned(),
        )),
    }
}

/// As kubelet writes it for a pod of the namespace `default`.
fn resolv_conf() -> String {
    let (dns, domain) = (network::DNS, network::DOMAIN);
    format!(
        "nameserver {dns}\nsearch default.svc.{domain} svc.{domain} {domain}\noptions ndots:5\n"
    )
}

/// The service proxy listens for every Service.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
}

async fn start_and_wait() -> Result<i32, Error> {
    let listen = |kind| signal(kind).map_err(Error::io("signals"));
    let mut children = listen(SignalKind::child())?;
    let mut passed = [
        (listen(SignalKind::interrupt())?, Signal::INT),
        (listen(SignalKind::terminate())?, Signal::TERM),
        (listen(SignalKind::hangup())?, Signal::HUP),
    ];
    let program = std::env::current_exe().map_err(Error::io("the path of this program"))?;
    let child = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(STAGE, "inside")
        .spawn()
        .map_err(Error::io("the program inside the namespace"))?;
    let child = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| Error::Namespace("no process id".to_owned()))?;
    loop {
        let [interrupt, terminate, hangup] = &mut passed;
        tokio::select! {
            _ = children.recv() => if let Some(code) = reap(child) {
                return Ok(code);
            },
            () = pass(interrupt, child) => {}
            () = pass(terminate, child) => {}
            () = pass(hangup, child) => {}
        }
    }
}

async fn pass((signals, kind): &mut (Signals, Signal), child: Pid) {
    signals.recv().await;
    let _ = kill_process(child, *kind);
}

/// All that have ended; the code of `child` if it is one of them.
fn reap(child: Pid) -> Option<i32> {
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == child {
            code = Some(exit_code(status));
        }
    }
    code
}

fn exit_code(status: WaitStatus) -> i32 {
    // As shells have it.
    status
        .exit_status()
        .unwrap_or_else(|| 128 + status.terminating_signal().unwrap_or(0))
}
