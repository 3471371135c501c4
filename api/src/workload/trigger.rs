use std::fmt;

use crate::schedule::Schedule;

/// A source of demand other than HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its place among the workload's triggers, from 0.
    pub place: usize,
    /// What it looks at.
    pub source: Source,
}

/// What a trigger looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The clock.
    Cron(Cron),
}

/// So many replicas within a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron {
    /// The window.
    pub schedule: Schedule,
    /// How many, at least; from 1 to the workload's `max`.
    pub replicas: u32,
}

impl Source {
    /// Its name in the schema.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cron(_) => "cron",
        }
    }
}

/// E.g. `triggers[0] (cron)`.
impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "triggers[{}] ({})", self.place, self.source.word())
    }
}
