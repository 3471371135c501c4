//! A cold request in a cluster against what Kubernetes itself takes, on a testbed with everything as real processes.

mod burst;
mod cold;
mod fixture;
pub(crate) mod limit;
mod many;

use std::fmt::Write as _;

use crate::error::Result;
use crate::setup;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Cold starts of each kind (bare, through Rouse), in turns
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=2000))]
    wakes: u32,
    /// Cold starts of each kind with each count of idle workloads, and with slow starts
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=2000))]
    few: u32,
    /// Idle workloads beside the measured ones
    #[arg(long, value_delimiter = ',', default_value = "10,1000,5000")]
    idle: Vec<u32>,
    /// Services woken at the same moment
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    burst: u32,
}

/// Gives the tables. Must be called in the testbed's namespace.
pub(crate) async fn run(options: &Options) -> Result<String> {
    let machine = setup::machine();
    let bed = fixture::Bed::start().await?;
    let measured = measure(options, &bed).await;
    bed.stop().await;
    Ok(format!("{}\n{machine}.", measured?))
}

async fn measure(options: &Options, bed: &fixture::Bed) -> Result<String> {
    let mut text = String::new();
    let mut add = |table: String| {
        // It takes long: what is known is shown.
        eprintln!("{table}");
        let _ = writeln!(text, "{table}");
    };
    add(cold::table(bed, options.wakes).await?);
    for delay in [300, 1500] {
        add(cold::slow(bed, options.few, delay).await?);
    }
    add(burst::table(bed, options.burst).await?);
    add(many::table(bed, &options.idle, options.few).await?);
    Ok(text)
}
