//! Measurements of Rouse, some side by side with its peers. What each means, its conditions and figures: README.md.

mod child;
mod cluster;
mod decide;
mod error;
mod hold;
mod http;
mod paper;
mod proxy;
mod rouse;
mod routes;
mod rules;
mod setup;
mod stats;
mod wake;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "rouse-bench", about = "Measures Rouse")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Rouse, nginx and Envoy, each alone on one core: CPU per request, requests per second, latency
    Proxy(proxy::Options),
    /// Memory of a held request
    Hold(hold::Options),
    /// From the moment that a process accepts to the moment that the client has its answer
    Wake(wake::Options),
    /// Finding the workload of a request
    Routes(routes::Options),
    /// Finding the rule of a request
    Rules(rules::Options),
    /// Cold requests on a real control plane against what Kubernetes itself takes; with many idle workloads; many at once
    Cluster(cluster::Options),
    /// A limit of one over four proxies of a cluster, against one proxy
    Limit(cluster::limit::Options),
    /// A scaler with 100,000 workloads, and the reports of 200 proxies
    Paper(paper::Options),
    /// One look at one workload: its demand, and the decision
    Decide(decide::Options),
}

fn main() -> ExitCode {
    let bench = Cli::parse().bench;
    if let Bench::Cluster(_) | Bench::Limit(_) = bench
        && let Err(error) = rouse_testbed::namespace::enter()
    {
        eprintln!("rouse-bench: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rouse-bench: no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(run(bench))
}

async fn run(bench: Bench) -> ExitCode {
    let done = match bench {
        Bench::Proxy(options) => proxy::run(&options).await,
        Bench::Hold(options) => hold::run(&options).await,
        Bench::Wake(options) => wake::run(&options).await,
        Bench::Routes(options) => routes::run(&options),
        Bench::Rules(options) => rules::run(&options),
        Bench::Cluster(options) => Box::pin(cluster::run(&options)).await,
        Bench::Limit(options) => Box::pin(cluster::limit::run(&options)).await,
        Bench::Paper(options) => paper::run(&options),
        Bench::Decide(options) => decide::run(&options),
    };
    match done {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("rouse-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
