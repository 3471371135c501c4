use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use rouse_simulate::report::Report;
use rouse_simulate::trace::{self, Generated, Trace};
use rouse_simulate::{Results, plot, run as simulate};

use crate::cli::{Generate, SimulateArgs};
use crate::error::Error;

/// `rouse simulate`: replays traces and says what came out.
pub(crate) fn run(args: &SimulateArgs) -> Result<(), Error> {
    let settings = args.settings();
    settings.validate().map_err(|error| usage(&error))?;
    let mut reports = Vec::new();
    let mut plots = Vec::new();
    for (name, seed, trace) in traces(args)? {
        let results: Results = simulate(&trace, &settings);
        reports.push(Report::new(name.clone(), seed, &results));
        plots.push((name, results));
    }
    if let Some(path) = &args.plot {
        std::fs::write(path, plot::svg(&plots)).map_err(|error| {
            Error::Failed(format!("{}: cannot be written: {error}", path.display()))
        })?;
    }
    tell(&reports, args.json)
}

/// What is to be replayed: name, seed of what is generated, trace.
fn traces(args: &SimulateArgs) -> Result<Vec<(String, Option<u64>, Trace)>, Error> {
    if let Some(path) = &args.trace {
        return Ok(vec![(path.display().to_string(), None, read(path)?)]);
    }
    let generated = |kind: trace::Kind| {
        let generated = Generated {
            kind,
            seed: args.seed,
            workloads: args.workloads,
            length: args.length,
            rate: args.rate,
            duration: args.duration,
        };
        let trace = Trace::Generated(generated);
        (kind.name().to_owned(), Some(args.seed), trace)
    };
    let kinds = args.generate.map_or(Vec::new(), Generate::kinds);
    Ok(kinds.into_iter().map(generated).collect())
}

fn read(path: &Path) -> Result<Trace, Error> {
    let name = path.display();
    let file = File::open(path).map_err(|error| Error::Usage(format!("{name}: {error}")))?;
    trace::read(BufReader::new(file)).map_err(|error| Error::Usage(format!("{name}: {error}")))
}

fn tell(reports: &[Report], json: bool) -> Result<(), Error> {
    let text = if json {
        let text = serde_json::to_string_pretty(reports);
        text.map_err(|error| Error::Failed(format!("rouse simulate: {error}")))? + "\n"
    } else {
        let all: Vec<String> = reports.iter().map(ToString::to_string).collect();
        all.join("\n")
    };
    // A closed standard output is no reason to fail.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn usage(error: &rouse_simulate::SettingsError) -> Error {
    Error::Usage(format!("rouse simulate: {error}"))
}
