//! What the process executes, counted by guards.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Request;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::ledger::{Event, Writer, unix_ns};

/// Most request ids kept for `/stats`.
const MAX_IDS: usize = 100_000;
/// Longest request id kept, in bytes.
const MAX_ID: usize = 256;

/// Counts since the process began.
#[derive(Debug)]
pub(crate) struct Counts {
    started_unix_ms: u64,
    requests: AtomicU64,
    in_flight: AtomicU64,
    max_in_flight: AtomicU64,
    gone: AtomicU64,
    by_id: Mutex<HashMap<String, u64>>,
    pub(crate) ledger: Arc<Writer>,
}

/// What `/stats` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// The process.
    pub pid: u32,
    /// When it began: milliseconds since 1970.
    pub started: u64,
    /// Requests whose execution began.
    pub requests: u64,
    /// Requests that run now.
    pub in_flight: u64,
    /// Most that ran at once.
    pub max_in_flight: u64,
    /// Requests whose connection closed before the answer was done.
    pub gone: u64,
    /// Executions by `x-request-id`; the first 100,000 ids of at most 256 bytes.
    pub by_id: HashMap<String, u64>,
}

impl Counts {
    pub(crate) fn new(ledger: Arc<Writer>) -> Self {
        Self {
            started_unix_ms: unix_ns() / 1_000_000,
            requests: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            max_in_flight: AtomicU64::new(0),
            gone: AtomicU64::new(0),
            by_id: Mutex::default(),
            ledger,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            pid: std::process::id(),
            started: self.started_unix_ms,
            requests: self.requests.load(Ordering::SeqCst),
            in_flight: self.in_flight.load(Ordering::SeqCst),
            max_in_flight: self.max_in_flight.load(Ordering::SeqCst),
            gone: self.gone.load(Ordering::SeqCst),
            by_id: self.by_id.lock().clone(),
        }
    }

    fn count_id(&self, id: &str) {
        if id.is_empty() || id.len() > MAX_ID {
            return;
        }
        let mut by_id = self.by_id.lock();
        if let Some(times) = by_id.get_mut(id) {
            *times += 1;
        } else if by_id.len() < MAX_IDS {
            by_id.insert(id.to_owned(), 1);
        }
    }
}

/// One request in execution. Dropped before it is finished, it is gone.
#[derive(Debug)]
pub(crate) struct Execution {
    counts: Arc<Counts>,
    id: String,
    /// From 1: the how manieth request of this process.
    pub(crate) number: u64,
    /// How many ran when this one started, itself included.
    pub(crate) in_flight: u64,
    /// Held until the request ends.
    pub(crate) memory: Vec<u8>,
    finished: bool,
}

impl Execution {
    pub(crate) fn begin<B>(counts: &Arc<Counts>, request: &Request<B>) -> Self {
        let number = counts.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let in_flight = counts.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        counts.max_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        let id = request
            .headers()
            .get("x-request-id")
            .and_then(|id| id.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        counts.count_id(&id);
        if counts.ledger.is_on() {
            let path = request.uri().path().to_owned();
            counts.ledger.write(Event::Request {
                id: id.clone(),
                in_flight,
                path,
            });
        }
        Self {
            counts: Arc::clone(counts),
            id,
            number,
            in_flight,
            memory: Vec::new(),
            finished: false,
        }
    }

    /// The last of the answer is handed over. In flight no more before it can reach the client, who may then send the
    /// next request at once.
    pub(crate) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        if !self.finished {
            self.counts.gone.fetch_add(1, Ordering::SeqCst);
        }
        self.counts.in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.counts.ledger.is_on() {
            let id = std::mem::take(&mut self.id);
            self.counts.ledger.write(if self.finished {
                Event::Done { id }
            } else {
                Event::Gone { id }
            });
        }
    }
}
