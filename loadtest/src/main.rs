//! k6 against Rouse in a cluster, with a real Envoy in front that does what an Istio ingress gateway would be told. Scenarios, conditions
//! and figures: README.md. Everything runs in a testbed's network namespace, and ends with this process.

mod bed;
mod error;
mod gateway;
mod programs;
mod run;
mod scenario;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use scenario::Scenario;

/// Load on Rouse in a cluster.
#[derive(Parser)]
#[command(name = "rouse-loadtest")]
struct Cli {
    /// What load
    #[arg(value_enum)]
    scenario: Scenario,
    /// Less and shorter: looks at answers, and at no latency
    #[arg(long)]
    smoke: bool,
    /// The program that is tested, which also serves as the sample
    #[arg(long, env = "ROUSE_PROGRAM", value_name = "FILE")]
    rouse: PathBuf,
    /// k6
    #[arg(long, env = "ROUSE_K6", value_name = "FILE")]
    k6: PathBuf,
    /// Envoy
    #[arg(long, env = "ROUSE_ENVOY", value_name = "FILE")]
    envoy: PathBuf,
    /// Where the summary and logs are written
    #[arg(long, value_name = "FOLDER")]
    results: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = rouse_testbed::namespace::enter() {
        eprintln!("rouse-loadtest: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rouse-loadtest: no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(Box::pin(run::run(&cli))) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rouse-loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}
