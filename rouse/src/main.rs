//! The one binary: `rouse demo | serve | proxy | scaler | check | convert | explain | wake | simulate | crd`.
//!
//! - [`cli`]: flags and environment variables, and what they make.
//! - [`files`]: the files with workloads: read, load, watch.
//! - [`gateway`]: proxy, scaler and local platform as one running thing; the only place that wires them together.
//! - [`admin`]: the listener for people and programs that look after it.
//! - [`serve`], [`demo`], [`proxy`], [`scaler`], [`check`], [`convert`], [`explain`], [`wake`], [`simulate`], [`crd`]: the commands.

mod admin;
mod check;
mod cli;
mod convert;
mod crd;
mod demo;
mod error;
mod explain;
mod files;
mod gateway;
mod logging;
mod proxy;
mod scaler;
mod serve;
mod signals;
mod simulate;
mod wake;

use std::ffi::OsStr;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use error::Error;
use rouse_scaler::platform::local::guard;

fn main() -> ExitCode {
    // Before anything else: a guard has no runtime, no threads, no logging, and reads no flags.
    let mut args = std::env::args_os().skip(1);
    if args.next().as_deref() == Some(OsStr::new(gateway::GUARD)) {
        return guard::main(args);
    }
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = error.to_string();
            if !text.is_empty() {
                // A closed standard error is no reason to end otherwise.
                let _ = writeln!(std::io::stderr(), "{text}");
            }
            error.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Proxy(args) => proxy::run(&args),
        Command::Scaler(args) => scaler::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Wake(args) => wake::run(&args),
        Command::Crd => crd::run(),
        Command::Sample(args) => sample(args.options),
        Command::Guard => Err(Error::Usage(
            "rouse guard is for Rouse's own use and must be the first argument".to_owned(),
        )),
    }
}

fn sample(options: rouse_sample::Options) -> Result<(), Error> {
    runtime(1)?
        .block_on(rouse_sample::run(options))
        .map_err(|error| Error::Failed(format!("rouse sample: {error}")))
}

/// A runtime with so many threads for requests; one makes everything run on the calling thread.
fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(threads);
        builder
    };
    builder
        .enable_all()
        .build()
        .map_err(|error| Error::Failed(format!("rouse: cannot start its threads: {error}")))
}
