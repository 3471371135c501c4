//! The project's own commands. Each prints what it runs and stops at the first that fails.

mod command;
mod previous;
mod tools;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::{Failed, cargo};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need and run them
    Test {
        /// Run the tests that take long, too
        #[arg(long)]
        long: bool,
        /// Handed to `cargo test`, such as `-p rouse-api` or a test's name
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// What must pass before a change goes in: format, lints, dependencies, tests
    Ci,
    /// A Kubernetes control plane on this machine: bring it up until Ctrl-C, or what is told
    Testbed {
        /// Build Rouse, and install it there
        #[arg(long)]
        rouse: bool,
        /// `up` (as without), `shell` (inside of it), `assets` (its binaries' folder), and their options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build for shipping, install the peers, and measure
    Bench {
        /// What to measure; several are run one after the other
        #[arg(required = true, value_parser = ["proxy", "hold", "wake", "routes", "rules", "cluster", "decide"])]
        names: Vec<String>,
        /// Handed to each of them, such as `--rounds 3`
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// k6 against Rouse in a cluster, behind a real Envoy; results are in target/loadtest
    Loadtest {
        /// What load
        #[arg(value_parser = ["cold", "ramp", "mixed"])]
        name: String,
        /// Less and shorter, with the debug build: looks at answers, and at no latency
        #[arg(long)]
        smoke: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test { long, arguments } => test(long, &arguments),
        Task::Ci => ci(),
        Task::Testbed { rouse, arguments } => testbed(rouse, &arguments),
        Task::Bench { names, arguments } => bench(&names, &arguments),
        Task::Loadtest { name, smoke } => loadtest(&name, smoke),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(why)) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

fn test(long: bool, arguments: &[OsString]) -> Result<(), Failed> {
    tools::for_tests()?;
    let mut test = cargo(["test", "--locked"]);
    // A package that is named takes the place of all.
    let named = |argument: &OsString| matches!(argument.to_str(), Some("-p" | "--package"));
    let all = !arguments.iter().any(named);
    if all {
        test.arg("--workspace");
    }
    let runs = |package: &str| all || arguments.iter().any(|argument| argument == package);
    if runs("rouse") || runs("rouse-scaler") {
        test.env("ROUSE_MOTO", tools::moto()?);
    }
    if runs("rouse") {
        test.env("ROUSE_HELM", tools::helm()?);
    }
    if runs("rouse-loadtest") {
        test.env("ROUSE_K6", tools::k6()?);
        test.env("ROUSE_ENVOY", tools::envoy()?);
    }
    if long {
        test.env("ROUSE_TEST_LONG", "1");
        if runs("rouse") {
            test.env("ROUSE_PREVIOUS", previous::build()?);
        }
    }
    command::run(test.args(arguments))
}

fn ci() -> Result<(), Failed> {
    tools::rust_components()?;
    command::run(&mut cargo(["fmt", "--all", "--check"]))?;
    let clippy = [
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    command::run(&mut cargo(clippy))?;
    tools::cargo_deny()?;
    // Advisories are left out: they need a network that may not be there.
    command::run(&mut cargo([
        "deny", "--locked", "check", "bans", "licenses", "sources",
    ]))?;
    test(false, &[])
}

fn testbed(rouse: bool, arguments: &[OsString]) -> Result<(), Failed> {
    tools::for_testbed()?;
    let mut testbed = cargo(["run", "--locked", "--package", "rouse-testbed", "--"]);
    if rouse {
        command::run(&mut cargo(["build", "--locked", "--package", "rouse"]))?;
        let program = command::target_folder().join("debug").join("rouse");
        let (task, options) = arguments.split_at(arguments.len().min(1));
        let task = task.first().cloned().unwrap_or_else(|| "up".into());
        testbed.arg(task).arg("--rouse").arg(program).args(options);
    } else {
        testbed.args(arguments);
    }
    command::run(&mut testbed)
}

fn bench(names: &[String], arguments: &[OsString]) -> Result<(), Failed> {
    tools::for_bench(names)?;
    let packages = ["-p", "rouse", "-p", "rouse-sample", "-p", "rouse-bench"];
    command::run(cargo(["build", "--locked", "--profile", "dist"]).args(packages))?;
    let bench = command::target_folder().join("dist").join("rouse-bench");
    for name in names {
        let mut bench = command::program(&bench);
        command::run(bench.arg(name).args(arguments))?;
    }
    Ok(())
}

fn loadtest(name: &str, smoke: bool) -> Result<(), Failed> {
    tools::for_testbed()?;
    let (k6, envoy) = (tools::k6()?, tools::envoy()?);
    let profile = if smoke { "dev" } else { "dist" };
    let packages = ["-p", "rouse", "-p", "rouse-loadtest"];
    command::run(cargo(["build", "--locked", "--profile", profile]).args(packages))?;
    let target = command::target_folder();
    let folder = target.join(if smoke { "debug" } else { "dist" });
    let mut loadtest = command::program(folder.join("rouse-loadtest"));
    loadtest.arg(name).args(smoke.then_some("--smoke"));
    for (flag, path) in [
        ("--rouse", folder.join("rouse")),
        ("--k6", k6),
        ("--envoy", envoy),
        ("--results", target.join("loadtest")),
    ] {
        loadtest.arg(flag).arg(path);
    }
    command::run(&mut loadtest)
}
