//! Several candidates, a store, and a network that delays, loses and reorders: all in simulated time.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{Answer, Claim, Election, Record, Request, Seen, Step, Timing};

/// True time, in microseconds.
type Time = u64;

const SECOND: Time = 1_000_000;
const END: Time = 120 * SECOND;

/// What the network and people may do.
#[derive(Debug, Clone, Copy)]
struct Faults {
    /// Of 100 requests, so many never arrive, and so many answers.
    lost: u8,
    /// Of 100 messages, so many are late by up to 6 s.
    late: u8,
    /// Candidates end without a word, and others take their place.
    crashes: bool,
    /// Somebody deletes the Lease.
    deletions: bool,
}

const CALM: Faults = Faults {
    lost: 0,
    late: 0,
    crashes: false,
    deletions: false,
};

struct Candidate {
    election: Election,
    identity: String,
    /// How fast its clock runs; true: 1.
    rate: f64,
    /// What it waits for: events for something else come too late.
    awaits: u64,
}

enum Event {
    /// The candidate looks what is to be done.
    Look(usize, u64),
    /// The request arrives at the store.
    Arrive(usize, u64, Request, Instant),
    /// The answer, or that none came in time.
    Answer(usize, u64, Request, Instant, Answer),
    Crash(usize),
    Delete,
}

struct World {
    rng: fastrand::Rng,
    faults: Faults,
    base: Instant,
    now: Time,
    events: BTreeMap<(Time, u64), Event>,
    serial: u64,
    candidates: Vec<Candidate>,
    lease: Option<Record>,
    leader: Option<(String, u32)>,
    /// Every term there was, and when it began.
    terms: Vec<(Time, u32)>,
}

impl World {
    fn new(seed: u64, rates: &[f64], faults: Faults) -> Self {
        let mut world = Self {
            rng: fastrand::Rng::with_seed(seed),
            faults,
            base: Instant::now(),
            now: 0,
            events: BTreeMap::new(),
            serial: 0,
            candidates: Vec::new(),
            lease: None,
            leader: None,
            terms: Vec::new(),
        };
        for (index, rate) in rates.iter().enumerate() {
            world.candidates.push(Candidate {
                election: Election::new("", Timing::default()),
                identity: String::new(),
                rate: *rate,
                awaits: 0,
            });
            world.start(index, 0);
            if faults.crashes {
                let at = world.rng.u64(0..20 * SECOND);
                world.at(at, Event::Crash(index));
            }
        }
        if faults.deletions {
            world.at(10 * SECOND, Event::Delete);
        }
        world
    }

    fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn at(&mut self, time: Time, event: Event) {
        let serial = self.serial();
        self.events.insert((time, serial), event);
    }

    fn start(&mut self, index: usize, after: Time) {
        let serial = self.serial();
        let identity = format!("{index}_{serial}");
        let candidate = &mut self.candidates[index];
        candidate.election = Election::new(&identity, Timing::default());
        candidate.identity = identity;
        candidate.awaits = serial;
        self.at(self.now + after, Event::Look(index, serial));
    }

    /// The candidate's clock.
    fn clock(&self, index: usize) -> Instant {
        let rate = self.candidates[index].rate;
        self.base + Duration::from_micros(self.now).mul_f64(rate)
    }

    /// When the candidate's clock will show this.
    fn when(&self, index: usize, local: Instant) -> Time {
        let ahead = local.saturating_duration_since(self.clock(index));
        let micros = ahead.div_f64(self.candidates[index].rate).as_micros();
        self.now + u64::try_from(micros).unwrap() + 1
    }

    fn delay(&mut self) -> Time {
        if self.rng.u8(0..100) < self.faults.late {
            self.rng.u64(0..6 * SECOND)
        } else {
            self.rng.u64(500..20_000)
        }
    }

    fn loses(&mut self) -> bool {
        self.rng.u8(0..100) < self.faults.lost
    }

    fn run(&mut self) {
        while self.next() {}
    }

    fn next(&mut self) -> bool {
        let Some(((time, _), event)) = self.events.pop_first() else {
            return false;
        };
        self.now = time;
        self.happen(event);
        self.check();
        time < END
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Look(index, serial) => self.look(index, serial),
            Event::Arrive(index, serial, request, sent) => {
                let answer = self.serve(&request);
                if !self.loses() {
                    let at = self.now + self.delay();
                    self.at(at, Event::Answer(index, serial, request, sent, answer));
                }
            }
            Event::Answer(index, serial, request, sent, answer) => {
                self.answer(index, serial, &request, sent, answer);
            }
            Event::Crash(index) => {
                let pause = self.rng.u64(0..3 * SECOND);
                self.start(index, pause);
                let next = self.now + self.rng.u64(SECOND..40 * SECOND);
                self.at(next, Event::Crash(index));
            }
            Event::Delete => {
                if self.is_known() {
                    self.lease = None;
                }
                let next = self.now + self.rng.u64(0..20 * SECOND);
                self.at(next, Event::Delete);
            }
        }
    }

    fn look(&mut self, index: usize, serial: u64) {
        if self.candidates[index].awaits != serial {
            return;
        }
        let now = self.clock(index);
        match self.candidates[index].election.step(now) {
            Step::Wait(until) => {
                let at = self.when(index, until);
                self.at(at, Event::Look(index, serial));
            }
            Step::Send(request) => self.send(index, request, now),
        }
    }

    fn send(&mut self, index: usize, request: Request, now: Instant) {
        let serial = self.serial();
        self.candidates[index].awaits = serial;
        let deadline = self.candidates[index].election.deadline(now);
        let none = Answer::Failed("no answer in time".to_owned());
        let at = self.when(index, deadline);
        self.at(at, Event::Answer(index, serial, request.clone(), now, none));
        if !self.loses() {
            let at = self.now + self.delay();
            self.at(at, Event::Arrive(index, serial, request, now));
        }
    }

    fn answer(
        &mut self,
        index: usize,
        serial: u64,
        request: &Request,
        sent: Instant,
        answer: Answer,
    ) {
        if self.candidates[index].awaits != serial {
            return;
        }
        let now = self.clock(index);
        let chance = self.rng.f64();
        let serial = self.serial();
        let candidate = &mut self.candidates[index];
        candidate.awaits = serial;
        candidate
            .election
            .answered(request, answer, sent, now, chance);
        self.look(index, serial);
    }

    fn serve(&mut self, request: &Request) -> Answer {
        match request {
            Request::Get => self.lease.clone().map_or(Answer::Missing, Answer::Found),
            Request::Write(claim) => self.write(claim),
        }
    }

    fn write(&mut self, claim: &Claim) -> Answer {
        let version = self.lease.as_ref().map(|lease| &lease.version);
        match (&claim.version, version) {
            (Some(_), None) => return Answer::Missing,
            (wanted, version) if wanted.as_ref() != version => return Answer::Conflict,
            _ => {}
        }
        let record = Record {
            version: self.serial().to_string(),
            holder: claim.holder.clone(),
            term: claim.term,
            lasts: claim.lasts,
        };
        self.lease = Some(record.clone());
        Answer::Found(record)
    }

    /// A deleted Lease is remembered only by those who knew it, and a write that is late could bring it back.
    fn is_known(&self) -> bool {
        let term = self.lease.as_ref().map(|lease| lease.term);
        let knows = |c: &Candidate| match &c.election.seen {
            Seen::Lease { record, .. } => Some(record.term) == term,
            Seen::Nothing | Seen::Missing { .. } => false,
        };
        let creates = |event: &Event| match event {
            Event::Arrive(_, _, Request::Write(claim), _) => claim.version.is_none(),
            _ => false,
        };
        self.candidates.iter().all(knows) && !self.events.values().any(creates)
    }

    /// One leader at most, and each with a larger term than those before it.
    fn check(&mut self) {
        let leads = |index: usize| {
            let candidate = &self.candidates[index];
            let term = candidate.election.term(self.clock(index))?;
            Some((candidate.identity.clone(), term))
        };
        let leaders: Vec<_> = (0..self.candidates.len()).filter_map(leads).collect();
        assert!(leaders.len() <= 1, "{leaders:?} at {} us", self.now);
        let Some(leader) = leaders.into_iter().next() else {
            return;
        };
        if self.leader.as_ref() != Some(&leader) {
            let last = self.terms.last().map_or(0, |(_, term)| *term);
            assert!(leader.1 > last, "{leader:?} after term {last}");
            self.terms.push((self.now, leader.1));
            self.leader = Some(leader);
        }
    }

    /// Who leads ends without a word and stays away.
    fn crash_leader(&mut self) {
        let leads = |c: &Candidate| {
            self.leader
                .as_ref()
                .is_some_and(|(id, _)| *id == c.identity)
        };
        let leader = self.candidates.iter().position(leads).unwrap();
        self.start(leader, END);
    }
}

fn rates() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.9..1.1_f64, 2..4)
}

fn faults() -> impl Strategy<Value = Faults> {
    // A candidate that has never seen the Lease takes a deleted one for one that never was: so not both.
    (0..30_u8, 0..30_u8, any::<bool>()).prop_map(|(lost, late, crashes)| Faults {
        lost,
        late,
        crashes,
        deletions: !crashes,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn never_two_leaders_and_terms_only_rise(seed in any::<u64>(), rates in rates(), faults in faults()) {
        let mut world = World::new(seed, &rates, faults);
        world.run();
        prop_assert!(!world.terms.is_empty(), "nobody ever led");
    }

    #[test]
    fn another_leads_less_than_5_s_after_a_crash(seed in any::<u64>()) {
        let mut world = World::new(seed, &[1.0, 1.0, 1.0], CALM);
        let crash = world.rng.u64(5 * SECOND..10 * SECOND);
        while world.events.keys().next().is_some_and(|(time, _)| *time < crash) {
            world.next();
        }
        world.crash_leader();
        while world.terms.len() < 2 && world.next() {}
        prop_assert_eq!(world.terms.len(), 2);
        let (taken, term) = world.terms[1];
        prop_assert_eq!(term, 2);
        prop_assert!(taken - crash < 5 * SECOND, "took {} us", taken - crash);
    }
}
