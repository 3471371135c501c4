//! Who leads, as arithmetic: what is known of the lease and the time go in, the next request comes out.
//!
//! Why no two lead at once: a holder believes so for [`Timing::deadline`] from *before* it sent its last successful renewal. Another
//! takes over only when it has seen the lease unchanged for [`Timing::lease`] from *after* it saw that renewal, and only by a write on
//! top of it. Each uses its own monotonic clock alone; times in the Lease are for people. Clocks that run at rates up to a quarter
//! apart do no harm. A Lease that is deleted takes its memory with it: those that knew it wait as if it had just been renewed and go on
//! from its term; one that starts just then can't know, but for the term, which proxies tell it.

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::time::Duration;

use rouse_api::link::Term;
use tokio::time::Instant;

/// How long the parts of an election take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Unchanged for so long, the lease is free.
    pub lease: Duration,
    /// So long after its last renewal a holder stops believing that it leads; at most three quarters of `lease` count.
    pub deadline: Duration,
    /// Between renewals.
    pub renew: Duration,
    /// Between looks of those that do not lead, and before a new attempt after a failure; a fifth more or less, by chance.
    pub retry: Duration,
    /// For one request.
    pub attempt: Duration,
}

impl Default for Timing {
    /// Another leads less than 5 s after a crash: 0.6 s until the last renewal is seen at the latest, 4 s unchanged, and a write.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(4),
            deadline: Duration::from_secs(3),
            renew: Duration::from_secs(1),
            retry: Duration::from_millis(500),
            attempt: Duration::from_secs(1),
        }
    }
}

/// Longer leases of others, e.g. of another version, are not believed.
const LONGEST: Duration = Duration::from_mins(1);

/// A higher term than this that others tell of is none: so often no lease has changed hands.
const HIGHEST_TOLD: Term = 1 << 30;

/// What matters of a Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// `metadata.resourceVersion`.
    pub(crate) version: String,
    /// `holderIdentity`; `None`: free.
    pub(crate) holder: Option<String>,
    /// `leaseTransitions`; never the last number that it can hold.
    pub(crate) term: Term,
    /// `leaseDurationSeconds`.
    pub(crate) lasts: Duration,
}

impl Record {
    pub(crate) fn held_by(&self, identity: &str) -> bool {
        self.holder.as_deref() == Some(identity)
    }

    /// The write that frees it.
    pub(crate) fn freed(&self) -> Claim {
        Claim {
            version: Some(self.version.clone()),
            holder: None,
            term: self.term,
            lasts: self.lasts,
            acquires: false,
        }
    }
}

/// A write, done only if the Lease is as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The version it must have; `None`: it must not exist.
    pub(crate) version: Option<String>,
    /// `holderIdentity`.
    pub(crate) holder: Option<String>,
    /// `leaseTransitions`.
    pub(crate) term: Term,
    /// `leaseDurationSeconds`.
    pub(crate) lasts: Duration,
    /// The holder changes, and `acquireTime` with it.
    pub(crate) acquires: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing before.
    Wait(Instant),
    /// This, and tell the answer.
    Send(Request),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Get,
    Write(Claim),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The Lease, after the write if it was one.
    Found(Record),
    /// There is none.
    Missing,
    /// It was not as the write wants it; nothing was written.
    Conflict,
    /// Whatever else; a write may still have been done, or be done later.
    Failed(String),
}

/// One candidate.
#[derive(Debug)]
pub(crate) struct Election {
    identity: String,
    timing: Timing,
    seen: Seen,
    /// What was seen may be out of date: look before writing.
    doubt: bool,
    held: Option<Held>,
    /// Of all terms seen: they go on from here if the Lease is deleted.
    highest: Term,
    /// Nothing is sent before; `None`: at once.
    next: Option<Instant>,
}

#[derive(Debug)]
enum Seen {
    Nothing,
    Missing {
        free: Instant,
    },
    Lease {
        record: Record,
        /// When it was seen with this version first.
        changed: Instant,
    },
}

#[derive(Debug, Clone, Copy)]
struct Held {
    term: Term,
    until: Instant,
}

impl Election {
    pub(crate) fn new(identity: &str, timing: Timing) -> Self {
        let deadline = timing.deadline.min(timing.lease * 3 / 4);
        Self {
            identity: identity.to_owned(),
            timing: Timing { deadline, ..timing },
            seen: Seen::Nothing,
            doubt: true,
            held: None,
            highest: 0,
            next: None,
        }
    }

    /// Somebody knows of this term: the next is above it, and so is the one in which this candidate leads.
    pub(crate) fn know(&mut self, term: Term) {
        if term <= HIGHEST_TOLD {
            self.highest = self.highest.max(term);
        }
    }

    /// The term in which this candidate leads.
    pub(crate) fn term(&self, now: Instant) -> Option<Term> {
        self.held
            .filter(|held| now < held.until)
            .map(|held| held.term)
    }

    /// Until when it leads if nothing comes any more; in the past: it leads no longer.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.held.map(|held| held.until)
    }

    /// A request that is sent now must be answered by then.
    pub(crate) fn deadline(&self, now: Instant) -> Instant {
        let attempt = now + self.timing.attempt;
        match self.held {
            Some(held) if now < held.until => attempt.min(held.until),
            _ => attempt,
        }
    }

    pub(crate) fn step(&mut self, now: Instant) -> Step {
        if self.term(now).is_none() {
            self.held = None;
        }
        if let Some(next) = self.next.filter(|next| now < *next) {
            return Step::Wait(self.held.map_or(next, |held| next.min(held.until)));
        }
        let claim = if self.doubt { None } else { self.claim(now) };
        Step::Send(claim.map_or(Request::Get, Request::Write))
    }

    /// The write that is possible now.
    fn claim(&self, now: Instant) -> Option<Claim> {
        let term = match self.term(now) {
            Some(term) if self.highest <= term => term,
            Some(_) => self.highest.saturating_add(1),
            None if self.free().is_some_and(|free| free <= now) => self.highest.saturating_add(1),
            None => return None,
        };
        Some(Claim {
            version: match &self.seen {
                Seen::Lease { record, .. } => Some(record.version.clone()),
                Seen::Nothing | Seen::Missing { .. } => None,
            },
            holder: Some(self.identity.clone()),
            term,
            lasts: self.timing.lease,
            acquires: self.held.is_none(),
        })
    }

    /// When the lease may be taken, by what is known; for one that does not lead.
    fn free(&self) -> Option<Instant> {
        match &self.seen {
            Seen::Nothing => None,
            Seen::Missing { free } => Some(*free),
            Seen::Lease { record, changed } => Some(match &record.holder {
                None => *changed,
                // Of an attempt whose answer was lost, or of a term that has run out here: nobody else holds it.
                Some(holder) if *holder == self.identity => *changed,
                Some(_) => {
                    *changed
                        + record
                            .lasts
                            .clamp(self.timing.lease, LONGEST.max(self.timing.lease))
                }
            }),
        }
    }

    /// Takes the answer to a request that was sent at `sent`. `chance` is from 0 to 1.
    pub(crate) fn answered(
        &mut self,
        request: &Request,
        answer: Answer,
        sent: Instant,
        now: Instant,
        chance: f64,
    ) {
        let retry = now
            + self
                .timing
                .retry
                .mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0));
        match (request, answer) {
            (Request::Get, Answer::Found(record)) => self.looked(record, now, retry),
            (Request::Write(claim), Answer::Found(record)) => {
                self.wrote(claim, record, sent, now, retry);
            }
            (Request::Get, Answer::Missing) => self.missing(now, retry),
            // The Lease, or the namespace that it is to be made in.
            (Request::Write(_), Answer::Missing) => {
                self.missing(now, retry);
                self.next = Some(retry);
            }
            (_, Answer::Conflict) => {
                self.doubt = true;
                let leads = self.term(now).is_some();
                self.next = (!leads).then_some(retry);
            }
            (_, Answer::Failed(_)) => {
                self.doubt = true;
                self.next = Some(retry);
            }
        }
    }

    fn looked(&mut self, record: Record, now: Instant, retry: Instant) {
        if self
            .held
            .is_some_and(|held| !record.held_by(&self.identity) || record.term != held.term)
        {
            self.held = None;
        }
        self.see(record, now);
        let leads = self.term(now).is_some();
        let next = self.free().map_or(retry, |free| free.min(retry));
        self.next = (!leads).then_some(next);
    }

    fn wrote(
        &mut self,
        claim: &Claim,
        record: Record,
        sent: Instant,
        now: Instant,
        retry: Instant,
    ) {
        // A write that changed nothing is no renewal: nobody else could see it.
        let renews = claim.version.as_ref() != Some(&record.version)
            && record.held_by(&self.identity)
            && record.term == claim.term;
        self.see(record, now);
        if renews {
            let until = sent + self.timing.deadline;
            self.held = Some(Held {
                term: claim.term,
                until,
            });
            self.next = Some(sent + self.timing.renew);
        } else {
            self.doubt = true;
            self.next = Some(retry);
        }
    }

    /// Deleted while somebody may hold it: as if it had just been renewed. Never seen: nobody does.
    fn missing(&mut self, now: Instant, retry: Instant) {
        self.held = None;
        self.doubt = false;
        let free = match self.seen {
            Seen::Nothing => now,
            Seen::Missing { free } => free,
            Seen::Lease { .. } => now + self.timing.lease,
        };
        self.seen = Seen::Missing { free };
        self.next = Some(free.min(retry));
    }

    fn see(&mut self, record: Record, now: Instant) {
        self.doubt = false;
        self.highest = self.highest.max(record.term);
        let changed = match &self.seen {
            Seen::Lease {
                record: old,
                changed,
            } if old.version == record.version => *changed,
            _ => now,
        };
        self.seen = Seen::Lease { record, changed };
    }
}
