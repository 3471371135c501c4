//! Traces as CSV: `time,workload,duration`, times in seconds.

use std::collections::HashMap;
use std::io::{BufRead, ErrorKind};
use std::time::Duration;

use super::{Request, Trace, Workload};

/// The header line.
const FIELDS: [&str; 3] = ["time", "workload", "duration"];

/// Beyond this a number is more likely in another unit: a leap year.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// What is wrong with a trace, and where.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TraceError {
    /// A field.
    #[error("line {line}: {field}: {problem}")]
    Field {
        /// From 1, the header's.
        line: u64,
        /// Its name in the header.
        field: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A line.
    #[error("line {line}: {problem}")]
    Line {
        /// From 1, the header's.
        line: u64,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The file as a whole.
    #[error("{0}")]
    File(String),
}

/// Reads a trace. Lines may be in any order; empty ones and those that begin with `#` are passed over. The trace ends where its last
/// request would, were it served at once.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn read(input: impl BufRead) -> Result<Trace, TraceError> {
    let mut lines = (1_u64..).zip(input.lines()).filter_map(content);
    match lines.next().transpose()? {
        None => return Err(TraceError::File(header_wanted("it is empty"))),
        Some((_, text)) if fields(&text).eq(FIELDS) => {}
        Some((line, text)) => {
            let problem = header_wanted(&format!("it is {text:?}"));
            return Err(TraceError::Line { line, problem });
        }
    }
    let mut workloads: Vec<Workload> = Vec::new();
    let mut known = HashMap::new();
    let mut length = Duration::ZERO;
    for line in lines {
        let (line, text) = line?;
        let (name, request) = request(line, &text)?;
        length = length.max(request.at + request.duration);
        let index = match known.get(name) {
            Some(index) => *index,
            None => {
                known.insert(name.to_owned(), workloads.len());
                let (name, requests) = (name.to_owned(), Vec::new());
                workloads.push(Workload { name, requests });
                workloads.len() - 1
            }
        };
        workloads[index].requests.push(request);
    }
    if workloads.is_empty() {
        return Err(TraceError::File("there is no request in it".to_owned()));
    }
    for workload in &mut workloads {
        workload.requests.sort();
    }
    Ok(Trace::Recorded { workloads, length })
}

/// A line with its number, unless there is nothing in it.
fn content(
    (line, text): (u64, std::io::Result<String>),
) -> Option<Result<(u64, String), TraceError>> {
    match text {
        Ok(text) if text.trim().is_empty() || text.starts_with('#') => None,
        Ok(text) => Some(Ok((line, text))),
        Err(error) => {
            let problem = match error.kind() {
                ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
                _ => error.to_string(),
            };
            Some(Err(TraceError::Line { line, problem }))
        }
    }
}

/// Between commas, without spaces and one pair of quotes around them.
fn fields(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(|field| {
        let field = field.trim();
        let quoted = field.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
        quoted.unwrap_or(field)
    })
}

fn header_wanted(but: &str) -> String {
    format!("the first line must be {}, but {but}", FIELDS.join(","))
}

fn request(line: u64, text: &str) -> Result<(&str, Request), TraceError> {
    let all: Vec<&str> = fields(text).collect();
    let [time, name, duration] = all[..] else {
        let problem = format!(
            "it has {} fields, and {} are wanted: {}",
            all.len(),
            FIELDS.len(),
            FIELDS.join(",")
        );
        return Err(TraceError::Line { line, problem });
    };
    let wrong = |field, problem| TraceError::Field {
        line,
        field,
        problem,
    };
    let at = seconds(time).map_err(|problem| wrong("time", problem))?;
    let duration = seconds(duration).map_err(|problem| wrong("duration", problem))?;
    if name.is_empty() {
        return Err(wrong("workload", "it is empty; write a name".to_owned()));
    }
    Ok((name, Request { at, duration }))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a number of seconds; write one such as 12.5"))?;
    Duration::try_from_secs_f64(number)
        .ok()
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| {
            format!(
                "{text} is out of range; write seconds from 0 to {}",
                LONGEST.as_secs()
            )
        })
}
