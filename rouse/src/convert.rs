//! `rouse convert`: other systems' manifests to ScaledWorkloads.

use std::io::{Read, Write};
use std::path::Path;

use rouse_convert::set::{self, Wishes};

use crate::cli::ConvertArgs;
use crate::error::{BadFiles, Error};
use crate::files;

/// Of standard input, in bytes: as of a file.
const MOST: u64 = 16 << 20;

/// YAML to standard output, the report to standard error or a file.
pub(crate) fn run(args: &ConvertArgs) -> Result<(), Error> {
    let (input, paths): (Vec<_>, Vec<_>) = args
        .paths
        .iter()
        .cloned()
        .partition(|path| path == Path::new("-"));
    let mut texts = Vec::new();
    if !input.is_empty() {
        texts.push(("standard input".to_owned(), standard_input()?));
    }
    if !paths.is_empty() {
        let read = files::read(&paths).map_err(BadFiles::Unreadable)?;
        texts.extend(
            read.into_iter()
                .map(|(path, text)| (path.display().to_string(), text)),
        );
    }
    let wishes = Wishes {
        observe: args.observe,
    };
    let output = set::convert(&texts, wishes).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Error::Usage(all.join("\n"))
    })?;
    let written = std::io::stdout().write_all(output.yaml.as_bytes());
    written.map_err(|error| Error::Failed(format!("rouse convert: {error}")))?;
    match &args.report {
        Some(path) => std::fs::write(path, &output.report).map_err(|error| {
            Error::Failed(format!("{}: cannot be written: {error}", path.display()))
        })?,
        // A closed standard error is no reason to fail.
        None => _ = std::io::stderr().write_all(output.report.as_bytes()),
    }
    match output.is_complete {
        true => Ok(()),
        false => Err(Error::Incomplete),
    }
}

fn standard_input() -> Result<String, Error> {
    let mut bytes = Vec::new();
    let unread = |why: String| Error::Usage(format!("standard input: {why}"));
    let read = std::io::stdin().take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(|error| unread(error.to_string()))?;
    if bytes.len() as u64 > MOST {
        return Err(unread(format!("it is larger than {} MiB", MOST >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| unread("it is not UTF-8 text".to_owned()))
}
