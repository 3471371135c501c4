//! `rouse explain`: why a workload has as many replicas as it has, asked of a running Rouse.

mod fetch;
mod words;

#[cfg(test)]
mod tests;

use std::io::Write;

use rouse_api::workload::WorkloadId;
use serde::Deserialize;

use crate::cli::ExplainArgs;
use crate::error::Error;

/// What `/explain` answers, as far as it is printed.
#[derive(Debug, Deserialize)]
struct Explained {
    workload: String,
    /// Whether the one that was asked acts on what it decides.
    leads: bool,
    /// It is only observed; an older one doesn't say.
    #[serde(default)]
    observed: bool,
    /// Oldest first.
    decisions: Vec<Past>,
}

/// One decision.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Past {
    seconds_ago: f64,
    why: String,
}

/// Prints the last decisions, the newest last.
pub(crate) fn run(args: &ExplainArgs) -> Result<(), Error> {
    let path = format!("/explain?workload={}", args.workload);
    let answer = crate::runtime(1)?.block_on(fetch::get(&args.admin, &path));
    let answer = answer.map_err(|why| {
        Error::Failed(format!(
            "rouse: cannot ask http://{}{path}: {why}; --admin says where Rouse's admin listener is",
            args.admin
        ))
    })?;
    let failed = |text: &str| Error::Failed(format!("rouse: {}", text.trim_end()));
    if answer.status != http::StatusCode::OK {
        return Err(failed(&answer.body));
    }
    let explained: Explained = serde_json::from_str(&answer.body).map_err(|error| {
        failed(&format!(
            "the answer of {} is of another version: {error}",
            args.admin
        ))
    })?;
    // A closed standard output is no reason to fail.
    let _ = write!(std::io::stdout(), "{}", words::written(&explained));
    Ok(())
}

/// `name` or `namespace/name`.
pub(crate) fn workload(text: &str) -> Result<WorkloadId, String> {
    let (namespace, name) = text
        .split_once('/')
        .unwrap_or((WorkloadId::DEFAULT_NAMESPACE, text));
    let fits = |part: &str| {
        let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        !part.is_empty() && part.len() <= 63 && part.bytes().all(known)
    };
    if fits(namespace) && fits(name) {
        Ok(WorkloadId::new(namespace, name))
    } else {
        Err("write a workload's name, or namespace/name".to_owned())
    }
}
