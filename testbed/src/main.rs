//! `rouse-testbed`: the testbed as a command.

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::{Up, assets, shell, up};

/// A real Kubernetes control plane on this machine, whose pods are local processes
#[derive(Parser)]
#[command(name = "rouse-testbed")]
struct Cli {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Bring it up, say how to reach it, and stay until Ctrl-C
    Up(Up),
    /// Open a shell inside: of the testbed that is up, or of one that ends with the shell
    Shell(Up),
    /// Find or build the control plane's binaries and print their folder
    Assets,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task.unwrap_or_else(|| Task::Up(Up::default())) {
        Task::Up(options) => up(options),
        Task::Shell(options) => shell(options),
        Task::Assets => assets(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("rouse-testbed: {error}");
        ExitCode::FAILURE
    })
}
