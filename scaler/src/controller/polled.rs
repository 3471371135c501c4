//! The last value of each trigger that is asked, for as long as it is worth something.

use std::time::Duration;

use rouse_api::link::Failure;
use rouse_api::workload::{Asked as Of, Polled, Source, Trigger};
use tokio::time::Instant;

use crate::decide::{Answer, Reading, TargetOf, TriggerName};

/// So long the last good value stands for a source that does not answer. After that nobody knows, and a fallback is in force.
const KEPT: Duration = Duration::from_secs(300);

/// One trigger that is asked.
#[derive(Debug)]
pub(super) struct Asked {
    name: TriggerName,
    trigger: Trigger,
    /// This scaler asks since then.
    since: Instant,
    last: Option<Value>,
    /// Of the last try, when it failed.
    error: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Value {
    value: f64,
    at: Instant,
    /// Replicas that were ready then.
    ready: u32,
    /// Replicas that there were to be.
    count: u32,
}

impl Asked {
    pub(super) fn new(trigger: &Trigger, now: Instant) -> Self {
        Self {
            name: TriggerName::from(&*trigger.to_string()),
            trigger: trigger.clone(),
            since: now,
            last: None,
            error: None,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.trigger == other.trigger
    }

    pub(super) fn is(&self, trigger: &Trigger) -> bool {
        self.trigger == *trigger
    }

    /// A scaler that begins to ask waits for an answer as long as for a new one.
    pub(super) fn begin(&mut self, now: Instant) {
        self.since = now;
    }

    pub(super) fn read(
        &mut self,
        value: Result<f64, String>,
        (ready, count): (u32, u32),
        now: Instant,
    ) {
        match value {
            Ok(value) => {
                let at = now;
                self.last = Some(Value {
                    value,
                    at,
                    ready,
                    count,
                });
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Why the last try brought no value; its last good value may still stand.
    pub(super) fn failure(&self) -> Option<Failure> {
        let error = self.error.as_ref()?;
        Some(Failure {
            reason: "TriggerFailed".to_owned(),
            message: format!("{}: {error}", self.name),
        })
    }

    /// What it says, and when that ends.
    pub(super) fn reading(&self, now: Instant) -> (Reading, Option<Instant>) {
        let fresh = self.last.filter(|last| now < last.at + KEPT);
        let known = self.last.map_or(self.since, |last| last.at.max(self.since));
        let ends = fresh.map_or(known, |last| last.at) + KEPT;
        let answer = match (fresh, &self.trigger.source) {
            (Some(last), Source::Polled(polled)) => value(polled, last),
            (_, source) => {
                let why = self.error.as_deref().unwrap_or("it was not read yet");
                let fallback = match source {
                    Source::Polled(polled) if now >= ends => polled.fallback,
                    _ => None,
                };
                Answer::Unknown {
                    why: why.to_owned(),
                    fallback,
                }
            }
        };
        let trigger = self.name.clone();
        (
            Reading { trigger, answer },
            Some(ends).filter(|at| *at > now),
        )
    }
}

fn value(polled: &Polled, last: Value) -> Answer {
    Answer::Value {
        value: last.value,
        target: polled.target,
        of: match &polled.of {
            Of::Usage(_) => TargetOf::Used { count: last.count },
            _ if polled.total => TargetOf::Total { ready: last.ready },
            _ => TargetOf::Each,
        },
        activation: polled.activation,
    }
}
