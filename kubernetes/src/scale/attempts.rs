//! One change under way, as arithmetic: answers and the time go in, the next request comes out.

use std::time::Duration;

use rouse_scaler::platform::{Count, PlatformError};
use tokio::time::Instant;

use super::answer::Answer;

/// For a whole scale, with everything that is tried again.
const DEADLINE: Duration = Duration::from_secs(25);

/// The same downwards, by a leader; it ends with its [reign](crate::lease::Reign) at the latest, so that it can't follow the word to send
/// again of the next.
const DEADLINE_DOWN: Duration = Duration::from_secs(3);

/// For one request with its answer.
pub(super) const REQUEST: Duration = Duration::from_secs(5);

/// For one request with its answer, downwards: one that got none is looked after within the deadline.
const REQUEST_DOWN: Duration = Duration::from_secs(1);

/// The first pause before another try, when the API server names none; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause of our own choice.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Tries that find another count or version than just before, in a row; more mean that something else is wrong.
const MOST_CONFLICTS: u32 = 8;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Find out which count stands.
    Look,
    /// Find out whose zero it is that stands.
    Examine,
    /// Change this count, if it stands.
    Patch(Count),
    /// Nothing before.
    Wait(Instant),
    /// It is over.
    End(Result<Count, PlatformError>),
}

/// A change of a count with its tries.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// What is scaled, for people.
    name: String,
    from: u32,
    to: u32,
    until: Instant,
    current: Option<Count>,
    /// Whose zero the current count is has been found out.
    examined: bool,
    /// A zero was asked for, and nothing was heard of it.
    unsure: bool,
    pause: Duration,
    conflicts: u32,
    next: Option<Instant>,
    last: String,
    end: Option<Result<Count, PlatformError>>,
}

/// Up: never lowers, and what is there is enough when it is as much. Down: only from the count that is believed.
fn raises(from: u32, to: u32) -> bool {
    to >= from
}

/// For all of it; `reign`: until when this process leads.
pub(crate) fn deadline((from, to): (u32, u32), reign: Option<Instant>, now: Instant) -> Instant {
    if raises(from, to) {
        return now + DEADLINE;
    }
    reign.map_or(now, |reign| reign.min(now + DEADLINE_DOWN))
}

impl Attempts {
    /// `known`: the count as it is known without a look; by `until` it ends.
    pub(crate) fn new(
        name: String,
        (from, to): (u32, u32),
        known: Option<Count>,
        until: Instant,
    ) -> Self {
        let mut attempts = Self {
            name,
            from,
            to,
            until,
            current: None,
            examined: false,
            unsure: false,
            pause: FIRST_PAUSE,
            conflicts: 0,
            next: None,
            last: "nothing was tried".to_owned(),
            end: None,
        };
        // What is known may be old: whether there is nothing to do only the API server can tell.
        attempts.current = known.filter(|count| attempts.settled(*count).is_none());
        attempts
    }

    /// For one request with its answer.
    pub(crate) fn limit(&self) -> Duration {
        if raises(self.from, self.to) {
            REQUEST
        } else {
            REQUEST_DOWN
        }
    }

    /// Whether a count that is there already is an answer.
    fn settled(&self, count: Count) -> Option<Result<Count, PlatformError>> {
        if raises(self.from, self.to) {
            // Who has set it to zero meanwhile may have meant it: whether it is woken is decided anew.
            let stopped = self.from > 0 && count.replicas == 0;
            return match count.replicas >= self.to {
                true => Some(Ok(count)),
                false => stopped.then_some(Err(PlatformError::Changed(count))),
            };
        }
        if count.replicas == self.to {
            return Some(Ok(count));
        }
        (count.replicas != self.from).then_some(Err(PlatformError::Changed(count)))
    }

    /// What to do next; `unclear`: a zero is known, and not whose it is.
    pub(crate) fn step(&self, now: Instant, unclear: bool) -> Step {
        if let Some(end) = &self.end {
            return Step::End(end.clone());
        }
        // A process that was stopped for a while must not go on where it was.
        if now >= self.until {
            return Step::End(self.refused(" in time", &self.last));
        }
        match (self.next, self.current) {
            (Some(next), _) if now < next => Step::Wait(next),
            _ if unclear && !self.examined && raises(self.from, self.to) => Step::Examine,
            (_, Some(count)) => Step::Patch(count),
            (_, None) => Step::Look,
        }
    }

    /// Takes the answer to what [`step`](Self::step) said; `unclear`: as there, after the answer.
    pub(crate) fn answered(&mut self, step: &Step, answer: Answer, unclear: bool, now: Instant) {
        self.next = None;
        self.current = None;
        let patched = matches!(step, Step::Patch(_));
        match answer {
            Answer::Count(count) if patched => self.end = Some(Ok(count)),
            Answer::Count(count) => {
                self.examined = *step == Step::Examine;
                self.current = Some(count);
                if self.examined || !unclear {
                    self.end = self.settled(count);
                }
                // It may have been at zero, and another has woken it again: whether it sleeps is decided anew.
                if self.unsure && self.end.is_none() {
                    self.end = Some(self.refused("", &self.last));
                }
            }
            // It is another count, or another version: look again.
            Answer::Conflict(why) => {
                self.conflicts += 1;
                if self.conflicts >= MOST_CONFLICTS {
                    self.end = Some(self.refused("", &why));
                }
            }
            // It may have been done although no answer came: look again.
            Answer::Later { after, why } => {
                self.unsure |= patched && self.to == 0 && after.is_none();
                let wait = after.unwrap_or(self.pause);
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                self.last = why;
                if now + wait >= self.until {
                    self.end = Some(self.refused("", &self.last));
                }
                self.next = Some(now + wait);
            }
            Answer::Refused(why) => {
                let why = format!("{}: {why}", self.name);
                self.end = Some(Err(PlatformError::Refused(why)));
            }
        }
    }

    /// Why the latest try came to nothing.
    pub(crate) fn last(&self) -> &str {
        &self.last
    }

    fn refused(&self, when: &str, why: &str) -> Result<Count, PlatformError> {
        let name = &self.name;
        let why = format!("{name} was not scaled{when}: {why}");
        Err(PlatformError::Refused(why))
    }
}
