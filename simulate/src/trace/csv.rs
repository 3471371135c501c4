//! Traces as CSV: `time,workload,duration`, times in seconds.

use std::collections::HashMap;
use std::io::Read;
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

/// Reads a trace. Lines may be in any order. It ends where its last request would, were it served at once.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn read(input: impl Read) -> Result<Trace, TraceError> {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(::csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(input);
    let mut record = ::csv::StringRecord::new();
    let mut workloads: Vec<Workload> = Vec::new();
    let mut known = HashMap::new();
    let mut length = Duration::ZERO;
    if !next(&mut reader, &mut record)? {
        return Err(TraceError::File(header_wanted("it is empty")));
    }
    if record.iter().ne(FIELDS) {
        let got = record.iter().collect::<Vec<_>>().join(",");
        let problem = header_wanted(&format!("it begins with {got:?}"));
        return Err(TraceError::Line {
            line: line_of(&record),
            problem,
        });
    }
    while next(&mut reader, &mut record)? {
        let (name, request) = request(&record)?;
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

fn header_wanted(but: &str) -> String {
    format!("the first line must be {}, but {but}", FIELDS.join(","))
}

fn next(
    reader: &mut ::csv::Reader<impl Read>,
    record: &mut ::csv::StringRecord,
) -> Result<bool, TraceError> {
    reader.read_record(record).map_err(|error| {
        let line = error.position().map(::csv::Position::line);
        match (line, error.kind()) {
            (_, ::csv::ErrorKind::Io(error)) => TraceError::File(error.to_string()),
            (Some(line), ::csv::ErrorKind::Utf8 { .. }) => TraceError::Line {
                line,
                problem: "it is not UTF-8".to_owned(),
            },
            _ => TraceError::File(error.to_string()),
        }
    })
}

fn line_of(record: &::csv::StringRecord) -> u64 {
    record.position().map_or(0, ::csv::Position::line)
}

fn request(record: &::csv::StringRecord) -> Result<(&str, Request), TraceError> {
    let line = line_of(record);
    let (Some(time), Some(name), Some(duration), 3) =
        (record.get(0), record.get(1), record.get(2), record.len())
    else {
        let problem = format!(
            "it has {} fields, and {} are wanted: {}",
            record.len(),
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
