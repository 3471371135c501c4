//! The namespace that a testbed lives in: own network, mounts and processes, so that its addresses reach no further and
//! nothing of it outlives the process that opened it.
//!
//! Three processes of the same program: the *outer* one waits outside, carries signals in and the relay out; *init* is the
//! first process inside, sets the namespace up and reaps orphans; the third is the program as its author meant it.

mod init;
mod outer;
mod programs;
pub mod running;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Pid;

use crate::assets;
use crate::error::Error;

/// Which of the three this process is.
const STAGE: &str = "ROUSE_TESTBED_STAGE";
const FOLDER: &str = "ROUSE_TESTBED_FOLDER";
const RELAY: &str = "ROUSE_TESTBED_RELAY";
/// What a shell inside must not hand on, so that a testbed started from it opens a namespace of its own.
pub const VARIABLES: [&str; 3] = [STAGE, FOLDER, RELAY];

/// What a process inside the namespace knows of the outside.
#[derive(Clone, Debug)]
pub struct Inside {
    /// A folder that both sides see; the outer process removes it at the end.
    pub folder: PathBuf,
    /// Where the outer process relays connections to the API server from: an address of the machine's loopback.
    pub relay: SocketAddr,
    /// The folder with the control plane's binaries.
    pub assets: PathBuf,
}

/// Whether the folders stay at the end, to look at logs.
pub(crate) fn kept() -> bool {
    std::env::var_os("ROUSE_TESTBED_KEEP").is_some()
}

/// Goes on inside a fresh namespace. To be called first in `main`, before any thread or runtime: in the outer process it
/// never returns, but exits as the program inside did. Finds the control plane's binaries first, and builds them if need be:
/// inside there is no network to do it.
///
/// # Errors
/// A program is missing, the binaries are, or the system refuses to open the namespace.
pub fn enter() -> Result<Inside, Error> {
    match std::env::var(STAGE).as_deref() {
        Ok("inside") => inside(),
        Ok("init") => std::process::exit(init::run()?),
        _ => std::process::exit(outer::run()?),
    }
}

/// What this process knows, once [`enter`] has returned.
///
/// # Errors
/// It has not.
pub fn inside() -> Result<Inside, Error> {
    let variable = |name| {
        std::env::var_os(name).ok_or_else(|| {
            Error::Namespace(format!(
                "not inside a testbed's namespace ({name} is not set): call namespace::enter() first in main"
            ))
        })
    };
    variable(STAGE)?;
    let relay = variable(RELAY)?;
    Ok(Inside {
        folder: PathBuf::from(variable(FOLDER)?),
        relay: relay
            .to_str()
            .and_then(|relay| relay.parse().ok())
            .ok_or_else(|| Error::Namespace(format!("{RELAY} is not an address")))?,
        assets: PathBuf::from(variable(assets::VARIABLE)?),
    })
}

/// A command that enters the namespace of the process `init`, seen from outside; what to run there is still to be added.
#[must_use]
pub fn nsenter(init: Pid) -> Command {
    let mut command = programs::command("nsenter");
    let target = init.as_raw_nonzero().to_string();
    command.args(["--target", &target, "--net", "--mount", "--pid"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--preserve-credentials"]);
    }
    command
}
