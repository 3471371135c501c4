use std::time::Duration;

use tokio::time::Instant;

use super::{Answer, Claim, Election, Record, Request, Step, Timing};

const EVEN: f64 = 0.5;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn record(version: &str, holder: Option<&str>, term: u32) -> Record {
    Record {
        version: version.to_owned(),
        holder: holder.map(str::to_owned),
        term,
        lasts: seconds(4.0),
    }
}

/// One candidate with a clock that starts at 0.
struct Candidate {
    election: Election,
    start: Instant,
}

impl Candidate {
    fn new() -> Self {
        Self {
            election: Election::new("me", Timing::default()),
            start: Instant::now(),
        }
    }

    fn leading() -> Self {
        let mut candidate = Self::new();
        candidate.get(0.0, Answer::Missing);
        let claim = candidate.write(0.0, 0.1, Answer::Found(record("1", Some("me"), 1)));
        assert_eq!(
            (claim.version, claim.holder.as_deref(), claim.term),
            (None, Some("me"), 1)
        );
        candidate
    }

    fn at(&self, time: f64) -> Instant {
        self.start + seconds(time)
    }

    fn term(&self, time: f64) -> Option<u32> {
        self.election.term(self.at(time))
    }

    /// The request at this time, or the time before which there is none.
    fn step(&mut self, time: f64) -> Result<Request, f64> {
        let now = self.at(time);
        match self.election.step(now) {
            Step::Send(request) => Ok(request),
            Step::Wait(until) => Err((until - self.start).as_secs_f64()),
        }
    }

    /// The request at this time is answered so, at once.
    fn get(&mut self, time: f64, answer: Answer) {
        assert_eq!(self.step(time), Ok(Request::Get), "at {time}");
        let now = self.at(time);
        self.election
            .answered(&Request::Get, answer, now, now, EVEN);
    }

    fn write(&mut self, sent: f64, answered: f64, answer: Answer) -> Claim {
        let claim = match self.step(sent) {
            Ok(Request::Write(claim)) => claim,
            other => panic!("{other:?} instead of a write at {sent}"),
        };
        let request = Request::Write(claim.clone());
        let (sent, answered) = (self.at(sent), self.at(answered));
        self.election
            .answered(&request, answer, sent, answered, EVEN);
        claim
    }
}

#[test]
fn a_lease_that_never_was_is_made_at_once_and_renewed() {
    let mut me = Candidate::leading();
    assert_eq!(me.term(0.1), Some(1));
    assert_eq!(me.step(0.1), Err(1.0), "a second after it was sent");
    let claim = me.write(1.0, 1.0, Answer::Found(record("2", Some("me"), 1)));
    assert_eq!(
        (claim.version.as_deref(), claim.term, claim.acquires),
        (Some("1"), 1, false)
    );
    assert_eq!((me.term(3.9), me.term(4.0)), (Some(1), None));
}

#[test]
fn belief_ends_3_s_after_the_last_renewal_was_sent_whenever_it_was_answered() {
    let me = Candidate::leading();
    assert_eq!((me.term(2.99), me.term(3.0)), (Some(1), None));
    let mut late = Candidate::new();
    late.get(0.0, Answer::Missing);
    late.write(0.0, 3.5, Answer::Found(record("1", Some("me"), 1)));
    assert_eq!(late.term(3.5), None);
}

#[test]
fn nothing_is_waited_for_beyond_the_end_of_the_belief() {
    let mut me = Candidate::leading();
    me.write(1.0, 2.0, Answer::Failed(String::new()));
    me.get(2.6, Answer::Failed(String::new()));
    assert_eq!(me.step(2.6), Err(3.0), "and not 3.1");
    let me = Candidate::leading();
    assert_eq!(me.election.deadline(me.at(1.0)), me.at(2.0));
    assert_eq!(me.election.deadline(me.at(2.9)), me.at(3.0));
}

#[test]
fn anothers_lease_is_taken_only_after_4_s_without_a_change() {
    let mut me = Candidate::new();
    me.get(0.0, Answer::Found(record("7", Some("other"), 3)));
    assert_eq!(me.step(0.1), Err(0.5));
    me.get(0.5, Answer::Found(record("8", Some("other"), 3)));
    for time in [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0] {
        me.get(time, Answer::Found(record("8", Some("other"), 3)));
    }
    let claim = me.write(4.5, 4.5, Answer::Found(record("9", Some("me"), 4)));
    assert_eq!(
        (claim.version.as_deref(), claim.term, claim.acquires),
        (Some("8"), 4, true)
    );
    assert_eq!(me.term(4.5), Some(4));
}

#[test]
fn after_a_failure_it_looks_before_it_takes() {
    let mut me = Candidate::new();
    me.get(0.0, Answer::Found(record("8", Some("other"), 3)));
    me.get(3.9, Answer::Failed("down".to_owned()));
    me.get(4.4, Answer::Found(record("9", Some("other"), 3)));
    assert_eq!(me.step(4.4), Err(4.9));
}

#[test]
fn it_wakes_up_for_the_moment_when_the_lease_is_free() {
    let mut me = Candidate::new();
    for time in [0.0, 0.7, 1.4, 2.1, 2.8, 3.7] {
        me.get(time, Answer::Found(record("8", Some("other"), 3)));
    }
    assert_eq!(me.step(3.8), Err(4.0));
    me.write(4.0, 4.0, Answer::Conflict);
    assert_eq!(me.term(4.0), None);
}

#[test]
fn a_longer_lease_of_another_version_is_waited_for() {
    let mut me = Candidate::new();
    let mut longer = record("8", Some("other"), 3);
    longer.lasts = seconds(15.0);
    for time in 0..15 {
        me.get(f64::from(time), Answer::Found(longer.clone()));
    }
    me.write(15.0, 15.0, Answer::Conflict);
}

#[test]
fn a_freed_lease_is_taken_at_the_first_look() {
    let mut me = Candidate::new();
    me.get(0.0, Answer::Found(record("7", Some("other"), 3)));
    me.get(0.5, Answer::Found(record("8", None, 3)));
    let claim = me.write(0.5, 0.5, Answer::Found(record("9", Some("me"), 4)));
    assert_eq!(claim.term, 4);
}

#[test]
fn a_conflict_while_leading_is_looked_into_at_once() {
    let mut me = Candidate::leading();
    me.write(1.0, 1.1, Answer::Conflict);
    me.get(1.1, Answer::Found(record("2", Some("me"), 1)));
    assert_eq!(me.term(1.1), Some(1), "someone set a label");
    me.write(1.1, 1.2, Answer::Conflict);
    me.get(1.2, Answer::Found(record("5", Some("other"), 2)));
    assert_eq!(me.term(1.2), None);
    assert_eq!(me.step(1.2), Err(1.7));
}

#[test]
fn an_acquisition_whose_answer_was_lost_counts_as_another_term() {
    let mut me = Candidate::new();
    me.get(0.0, Answer::Found(record("7", None, 3)));
    me.write(0.0, 1.0, Answer::Failed("no answer".to_owned()));
    me.get(1.5, Answer::Found(record("8", Some("me"), 4)));
    assert_eq!(me.term(1.5), None);
    let claim = me.write(1.5, 1.5, Answer::Found(record("9", Some("me"), 5)));
    assert_eq!((claim.term, claim.acquires), (5, true));
}

#[test]
fn a_term_that_ran_out_is_followed_by_another() {
    let mut me = Candidate::leading();
    me.write(1.0, 2.0, Answer::Failed(String::new()));
    me.get(2.9, Answer::Failed(String::new()));
    me.get(3.5, Answer::Found(record("1", Some("me"), 1)));
    let claim = me.write(3.5, 3.5, Answer::Found(record("2", Some("me"), 2)));
    assert_eq!((claim.term, claim.acquires), (2, true));
    assert_eq!(me.term(3.5), Some(2));
}

#[test]
fn a_deleted_lease_ends_the_belief_and_is_made_anew_only_when_nobody_can_hold_it() {
    let mut me = Candidate::leading();
    me.write(1.0, 1.0, Answer::Missing);
    assert_eq!(me.term(1.0), None);
    for time in [1.5, 2.5, 3.5, 4.5] {
        me.get(time, Answer::Missing);
    }
    let claim = me.write(5.0, 5.0, Answer::Found(record("40", Some("me"), 2)));
    assert_eq!((claim.version, claim.term), (None, 2), "terms go on");
}

#[test]
fn without_its_namespace_it_is_tried_at_the_usual_pace() {
    let mut me = Candidate::new();
    me.get(0.0, Answer::Missing);
    me.write(0.0, 0.0, Answer::Missing);
    assert_eq!(me.step(0.0), Err(0.5));
}

#[test]
fn a_renewal_that_changed_nothing_is_none() {
    let mut me = Candidate::leading();
    me.write(1.0, 1.0, Answer::Found(record("1", Some("me"), 1)));
    assert_eq!(me.term(3.0), None);
}

#[test]
fn terms_go_on_above_those_that_others_know() {
    let mut candidate = Candidate::new();
    candidate.election.know(7);
    candidate.get(0.0, Answer::Missing);
    let claim = candidate.write(0.0, 0.1, Answer::Found(record("1", Some("me"), 8)));
    assert_eq!((claim.term, candidate.term(0.2)), (8, Some(8)));
    // Told of while it leads: it goes on leading, above it.
    candidate.election.know(9);
    assert_eq!(candidate.term(0.2), Some(8));
    let claim = candidate.write(1.0, 1.1, Answer::Found(record("2", Some("me"), 10)));
    assert_eq!((claim.term, candidate.term(1.2)), (10, Some(10)));
    candidate.election.know(u32::MAX);
    let claim = candidate.write(2.0, 2.1, Answer::Found(record("3", Some("me"), 10)));
    assert_eq!(claim.term, 10, "nobody has led so often");
}
