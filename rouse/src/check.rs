use std::io::Write;

use rouse_api::load::Mode;

use crate::cli::CheckArgs;
use crate::error::Error;
use crate::files;

/// `rouse check`: says how many workloads there are, or everything that is wrong.
pub(crate) fn run(args: &CheckArgs) -> Result<(), Error> {
    let mode = if args.cluster {
        Mode::Cluster
    } else {
        Mode::Standalone
    };
    let workloads = files::load_for(&files::read(&args.paths), mode)?;
    let plural = if workloads.len() == 1 { "" } else { "s" };
    // A closed standard output is no reason to fail.
    let _ = writeln!(
        std::io::stdout(),
        "all is well: {} workload{plural}",
        workloads.len()
    );
    Ok(())
}
