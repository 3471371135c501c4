//! What is left of a run.

use std::fmt;

use crate::time::{MS, Nanos};

/// A run, over.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Of everything that happened, in order.
    pub hash: u64,
    /// What must not have happened.
    pub violation: Option<String>,
    /// Events.
    pub events: u64,
    /// Requests that were answered by a replica.
    pub answered: u64,
    /// Requests that were answered with an error.
    pub refused: u64,
    /// Times that a count went to zero.
    pub slept: u64,
    /// Times that a count left zero.
    pub woken: u64,
    /// Terms that some scaler led in.
    pub terms: u64,
    /// Attempts to sleep that a proxy agreed to.
    pub quiesced: u64,
    /// What happened, if it was kept.
    pub trace: Vec<String>,
}

/// What happens, as it happens.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) outcome: Outcome,
    keep: bool,
}

impl Trace {
    pub(crate) fn new(keep: bool) -> Self {
        let mut trace = Self {
            keep,
            ..Self::default()
        };
        trace.outcome.hash = 0xcbf2_9ce4_8422_2325;
        trace
    }

    pub(crate) fn mix(&mut self, value: u64) {
        let mixed = (self.outcome.hash ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.outcome.hash = mixed ^ (mixed >> 29);
    }

    pub(crate) fn say(&mut self, now: Nanos, what: &dyn Fn() -> String) {
        if self.keep {
            let (millis, rest) = (now / MS, now % MS / 1_000);
            let line = format!("{millis:>7}.{rest:03}  {}", what());
            self.outcome.trace.push(line);
        }
    }

    /// The first counts: what follows may follow from it.
    pub(crate) fn violated(&mut self, now: Nanos, what: String) {
        self.say(now, &|| format!("VIOLATION {what}"));
        if self.outcome.violation.is_none() {
            let millis = now / MS;
            self.outcome.violation = Some(format!("at {millis} ms: {what}"));
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events, {} answered, {} refused, {} slept, {} woken, {} terms, {} quiesced, hash {:016x}",
            self.events,
            self.answered,
            self.refused,
            self.slept,
            self.woken,
            self.terms,
            self.quiesced,
            self.hash
        )
    }
}
