//! What processes did, as JSON lines in one file, so that a test can prove "executed once" and "never two at once" over
//! the lifetimes of several processes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The process that wrote it.
    pub pid: u32,
    /// When: nanoseconds since 1970 on the wall clock.
    pub unix_ns: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The process began; it does not listen yet.
    Start {
        /// The port that it was told.
        port: u16,
    },
    /// The port accepts from now on; stamped right after `listen()`.
    Listening {
        /// The port that it has.
        port: u16,
    },
    /// Says that it is ready from now on.
    Ready,
    /// Began to execute a request.
    Request {
        /// Its `x-request-id`; empty without one.
        id: String,
        /// Requests that ran then, this one included.
        in_flight: u64,
        /// Its path.
        path: String,
    },
    /// Handed over the last of the answer.
    Done {
        /// Its `x-request-id`.
        id: String,
    },
    /// The connection closed before the answer was done.
    Gone {
        /// Its `x-request-id`.
        id: String,
    },
    /// The process ends in good order.
    Stop,
}

/// Appends to a ledger: each record with one write, so that those of several processes don't mix.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Option<File>,
}

impl Writer {
    /// Without a path nothing is written.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let file = path
            .map(|path| OpenOptions::new().create(true).append(true).open(path))
            .transpose()?;
        Ok(Self { file })
    }

    pub(crate) fn is_on(&self) -> bool {
        self.file.is_some()
    }

    pub(crate) fn write(&self, event: Event) {
        let Some(mut file) = self.file.as_ref() else {
            return;
        };
        let record = Record {
            pid: std::process::id(),
            unix_ns: unix_ns(),
            event,
        };
        let result = serde_json::to_vec(&record)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                file.write_all(&line)
            });
        if let Err(error) = result {
            let _ = writeln!(
                io::stderr(),
                "rouse-sample: the ledger can't be written: {error}"
            );
        }
    }
}

/// Nanoseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a stamp that other processes compare with theirs; no logic depends on it"
)]
pub(crate) fn unix_ns() -> u64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A ledger that was read.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    records: Vec<Record>,
}

impl Ledger {
    /// Reads a file. One that isn't there yet is empty; a last line without its end (still being written) is left out.
    ///
    /// # Errors
    /// The file can't be read, or a line isn't a record (`InvalidData`, with its number).
    pub fn read(path: impl AsRef<Path>) -> io::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let records = whole.lines().enumerate().map(|(n, line)| {
            serde_json::from_str(line).map_err(|error| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("line {}: {error}", n + 1),
                )
            })
        });
        Ok(Self {
            records: records.collect::<io::Result<_>>()?,
        })
    }

    /// Everything, in the order written.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many processes began.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.count(|event| matches!(event, Event::Start { .. }))
    }

    /// How many processes ended in good order.
    #[must_use]
    pub fn stops(&self) -> usize {
        self.count(|event| matches!(event, Event::Stop))
    }

    /// How often the request with this `x-request-id` began to be executed.
    #[must_use]
    pub fn executions(&self, id: &str) -> usize {
        self.count(|event| matches!(event, Event::Request { id: of, .. } if of == id))
    }

    /// How often it was answered whole.
    #[must_use]
    pub fn done(&self, id: &str) -> usize {
        self.count(|event| matches!(event, Event::Done { id: of } if of == id))
    }

    /// How often its connection closed before.
    #[must_use]
    pub fn gone(&self, id: &str) -> usize {
        self.count(|event| matches!(event, Event::Gone { id: of } if of == id))
    }

    /// Executions of each `x-request-id`; those without one are under the empty id.
    #[must_use]
    pub fn executions_by_id(&self) -> BTreeMap<&str, usize> {
        let mut by_id = BTreeMap::new();
        for record in &self.records {
            if let Event::Request { id, .. } = &record.event {
                *by_id.entry(id.as_str()).or_default() += 1;
            }
        }
        by_id
    }

    /// Most requests at once in each process that executed any.
    #[must_use]
    pub fn max_in_flight_by_pid(&self) -> BTreeMap<u32, u64> {
        let mut by_pid = BTreeMap::<u32, u64>::new();
        for record in &self.records {
            if let Event::Request { in_flight, .. } = record.event {
                let most = by_pid.entry(record.pid).or_default();
                *most = in_flight.max(*most);
            }
        }
        by_pid
    }

    fn count(&self, matches: impl Fn(&Event) -> bool) -> usize {
        self.records
            .iter()
            .filter(|record| matches(&record.event))
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        assert_eq!(Ledger::read(&path).unwrap().starts(), 0);
        let writer = Writer::open(Some(&path)).unwrap();
        writer.write(Event::Start { port: 80 });
        for in_flight in [1, 3, 2] {
            writer.write(Event::Request {
                id: "a".to_owned(),
                in_flight,
                path: "/".to_owned(),
            });
        }
        writer.write(Event::Done { id: "a".to_owned() });
        writer.write(Event::Gone { id: "b".to_owned() });
        writer.write(Event::Stop);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"pid\":")
            .unwrap();
        let ledger = Ledger::read(&path).unwrap();
        assert_eq!(
            (ledger.starts(), ledger.stops(), ledger.executions("a")),
            (1, 1, 3)
        );
        assert_eq!(
            (ledger.done("a"), ledger.gone("b"), ledger.gone("a")),
            (1, 1, 0)
        );
        assert_eq!(
            ledger.max_in_flight_by_pid(),
            BTreeMap::from([(std::process::id(), 3)])
        );
        assert_eq!(ledger.executions_by_id(), BTreeMap::from([("a", 3)]));
    }

    #[test]
    fn names_the_line_that_is_no_record() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "{\"pid\":1,\"unix_ns\":2,\"event\":\"stop\"}\nnonsense\n",
        )
        .unwrap();
        assert!(
            Ledger::read(file.path())
                .unwrap_err()
                .to_string()
                .starts_with("line 2")
        );
    }
}
