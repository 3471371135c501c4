//! For the simulation in `chaos/`: elections and changes of counts without an API server.

use std::time::Duration;

use rouse_api::link::Term;
use rouse_scaler::platform::{Count, PlatformError};
use tokio::time::Instant;

use crate::lease::Timing;
use crate::lease::election::{self, Answer, Election, Record, Request};
use crate::scale::answer::Answer as ScaleAnswer;
use crate::scale::attempts::{Attempts, Step as ScaleStep, deadline};

/// A Lease as the API server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// `metadata.resourceVersion`.
    pub version: u64,
    /// `holderIdentity`.
    pub holder: Option<String>,
    /// `leaseTransitions`.
    pub term: Term,
    /// `leaseDurationSeconds`.
    pub lasts: Duration,
}

/// What a candidate wants to do with the Lease.
#[derive(Debug, Clone)]
pub struct Ask(Request);

/// What the API server says to that.
#[derive(Debug, Clone)]
pub enum Said {
    /// The Lease, after the write if it was one.
    Found(Lease),
    /// There is none.
    Missing,
    /// It was not as the write wants it.
    Conflict,
    /// Whatever else.
    Failed,
}

/// What a candidate does next.
#[derive(Debug)]
pub enum Next {
    /// Nothing before.
    Wait(Instant),
    /// This.
    Ask(Ask),
}

impl Ask {
    /// What the Lease is to become, from the version it must have (`None`: it must not exist); `None`: it is only read.
    #[must_use]
    pub fn write(&self) -> Option<(Option<u64>, Lease)> {
        let Request::Write(claim) = &self.0 else {
            return None;
        };
        let version = claim.version.as_ref().map(|v| v.parse().unwrap_or(0));
        let lease = Lease {
            version: 0,
            holder: claim.holder.clone(),
            term: claim.term,
            lasts: claim.lasts,
        };
        Some((version, lease))
    }
}

/// One candidate.
#[derive(Debug)]
pub struct Candidate(Election);

impl Candidate {
    /// Of this name.
    #[must_use]
    pub fn new(identity: &str, timing: Timing) -> Self {
        Self(Election::new(identity, timing))
    }

    /// Somebody knows of this term.
    pub fn know(&mut self, term: Term) {
        self.0.know(term);
    }

    /// The term in which it leads.
    #[must_use]
    pub fn term(&self, now: Instant) -> Option<Term> {
        self.0.term(now)
    }

    /// Until when it leads if nothing comes any more.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        self.0.until()
    }

    /// A request that is sent now must be answered by then.
    #[must_use]
    pub fn deadline(&self, now: Instant) -> Instant {
        self.0.deadline(now)
    }

    /// What to do next.
    pub fn step(&mut self, now: Instant) -> Next {
        match self.0.step(now) {
            election::Step::Wait(until) => Next::Wait(until),
            election::Step::Send(request) => Next::Ask(Ask(request)),
        }
    }

    /// The answer to what was asked at `sent`; `chance` is from 0 to 1.
    pub fn answered(&mut self, ask: &Ask, said: Said, sent: Instant, now: Instant, chance: f64) {
        let answer = match said {
            Said::Found(lease) => Answer::Found(Record {
                version: lease.version.to_string(),
                holder: lease.holder,
                term: lease.term,
                lasts: lease.lasts,
            }),
            Said::Missing => Answer::Missing,
            Said::Conflict => Answer::Conflict,
            Said::Failed => Answer::Failed("no answer".to_owned()),
        };
        self.0.answered(&ask.0, answer, sent, now, chance);
    }
}

/// What a change of a count does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Todo {
    /// Find out which count stands.
    Look,
    /// Change this count, if it stands.
    Patch(Count),
    /// Nothing before.
    Wait(Instant),
    /// It is over.
    End(Result<Count, PlatformError>),
}

/// What the API server says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The count that stands.
    Count(Count),
    /// It is not as the request presumes.
    Conflict,
    /// Nothing was heard, or to come again.
    Later,
}

/// A change of a count under way.
#[derive(Debug)]
pub struct Change(Attempts, ScaleStep);

impl Change {
    /// From one count to another; `known`: the count that was observed; `reign`: until when the one who changes it leads.
    #[must_use]
    pub fn new(
        counts: (u32, u32),
        known: Option<Count>,
        reign: Option<Instant>,
        now: Instant,
    ) -> Self {
        let until = deadline(counts, reign, now);
        let attempts = Attempts::new("it".to_owned(), counts, known, until);
        Self(attempts, ScaleStep::Look)
    }

    /// For one request with its answer.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.0.limit()
    }

    /// What to do next.
    #[must_use]
    pub fn step(&mut self, now: Instant) -> Todo {
        // Whose zero it is, is known here.
        self.1 = self.0.step(now, false);
        match self.1.clone() {
            ScaleStep::Look | ScaleStep::Examine => Todo::Look,
            ScaleStep::Patch(count) => Todo::Patch(count),
            ScaleStep::Wait(until) => Todo::Wait(until),
            ScaleStep::End(end) => Todo::End(end),
        }
    }

    /// The answer to that.
    pub fn answered(&mut self, told: Told, now: Instant) {
        let answer = match told {
            Told::Count(count) => ScaleAnswer::Count(count),
            Told::Conflict => ScaleAnswer::Conflict("conflict".to_owned()),
            Told::Later => ScaleAnswer::Later {
                after: None,
                why: "no answer".to_owned(),
            },
        };
        self.0.answered(&self.1, answer, false, now);
    }
}
