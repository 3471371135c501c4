//! One workload under one policy. Requests are served in the order they come, by the ready replica that has the fewest, and wait in one line
//! while every ready replica has as many as it can take. A replica that is to go gets no more requests and finishes what it has.
//! Nothing but start-up takes time: decisions act at once, readiness is known at once.

pub(crate) mod meter;
mod replicas;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::Settings;
use crate::ideal::Ideal;
use crate::outcome::Outcome;
use crate::policy::{Policy, View};
use crate::trace::Request;
use meter::{Meter, Standing};
use replicas::{ReplicaNo, Replicas};

/// Requests that have no replica this long after the trace's end never will.
const GIVE_UP: Duration = Duration::from_secs(86_400);

/// What will happen by itself. Of two at one moment the first here is first, so that a place is free when a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Done(ReplicaNo),
    Started(ReplicaNo),
}

/// What a test wants to know of each request: its number, when it was sent, and where.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(usize, Duration, &Replicas, ReplicaNo);

/// Replays `requests`, by time, until all are served and the trace's length is over.
pub fn simulate(
    requests: &[Request],
    ideal: &Ideal,
    settings: &Settings,
    length: Duration,
    policy: &mut dyn Policy,
) -> Outcome {
    watched(
        requests,
        ideal,
        settings,
        length,
        policy,
        &mut |_, _, _, _| {},
    )
}

/// As [`simulate`]; each request is shown when it is sent.
pub(crate) fn watched(
    requests: &[Request],
    ideal: &Ideal,
    settings: &Settings,
    length: Duration,
    policy: &mut dyn Policy,
    watch: Watch<'_>,
) -> Outcome {
    let mut run = Run {
        requests,
        arrived: 0,
        held: VecDeque::new(),
        replicas: Replicas::new(settings.capacity),
        events: BinaryHeap::new(),
        start_up: settings.start_up,
        max: settings.max,
        now: Duration::ZERO,
        view: View::default(),
        meter: Meter::new(ideal, length),
        outcome: Outcome::default(),
        watch,
    };
    run.begin(policy.initial());
    run.all(length, policy);
    run.outcome
}

struct Run<'a> {
    requests: &'a [Request],
    arrived: usize,
    held: VecDeque<usize>,
    replicas: Replicas,
    events: BinaryHeap<Reverse<(Duration, Event)>>,
    start_up: Duration,
    max: u32,
    now: Duration,
    view: View,
    meter: Meter<'a>,
    outcome: Outcome,
    watch: Watch<'a>,
}

impl Run<'_> {
    fn begin(&mut self, initial: u32) {
        for _ in 0..initial.min(self.max) {
            self.replicas.start(Duration::ZERO);
        }
        self.outcome.peak = initial.min(self.max);
        self.recount();
    }

    fn all(&mut self, length: Duration, policy: &mut dyn Policy) {
        let end = self
            .requests
            .last()
            .map_or(length, |last| last.at.max(length));
        loop {
            let arrival = self.requests.get(self.arrived).map(|request| request.at);
            let event = self.events.peek().map(|Reverse((at, _))| *at);
            let due = policy.due().map(|at| at.max(self.now));
            let Some(next) = [event, arrival, due].into_iter().flatten().min() else {
                break;
            };
            let served = arrival.is_none() && self.view.demand() == 0;
            if (served && next > length) || next > end.saturating_add(GIVE_UP) {
                break;
            }
            self.advance(next);
            if event == Some(next) {
                self.happen();
            } else if arrival == Some(next) {
                self.arrive(policy);
            } else {
                let count = policy.look(&self.view, self.now);
                self.scale(count);
            }
        }
        self.advance(length.max(self.now));
    }

    /// Time passes, and nothing else.
    fn advance(&mut self, to: Duration) {
        let span = (to - self.now).as_nanos();
        if span > 0 {
            self.view.in_flight_total += span * u128::from(self.view.in_flight);
            self.view.held_total += span * u128::from(self.view.held);
            let standing = Standing {
                existing: self.replicas.existing(),
                ready: self.view.ready,
                held: self.view.held,
            };
            self.meter.advance(to, standing, &mut self.outcome);
        }
        if self.view.demand() > 0 {
            self.view.active_at = to;
        }
        self.now = to;
    }

    fn happen(&mut self) {
        let Some(Reverse((_, event))) = self.events.pop() else {
            return;
        };
        match event {
            Event::Done(no) => {
                self.view.in_flight -= 1;
                self.replicas.done(no);
            }
            Event::Started(no) => self.replicas.started(no),
        }
        self.recount();
        self.dispatch();
    }

    fn arrive(&mut self, policy: &mut dyn Policy) {
        self.held.push_back(self.arrived);
        self.arrived += 1;
        self.outcome.requests += 1;
        self.view.arrived += 1;
        self.view.active_at = self.now;
        self.recount();
        self.dispatch();
        if let Some(count) = policy.arrived(&self.view, self.now) {
            self.scale(count);
        }
    }

    /// The oldest first, while there is room.
    fn dispatch(&mut self) {
        while let Some(request) = self.held.front().copied() {
            let Some(no) = self.replicas.take() else {
                return;
            };
            self.held.pop_front();
            let Request { at, duration } = self.requests[request];
            (self.watch)(request, self.now, &self.replicas, no);
            self.outcome.sent(self.now - at);
            self.events
                .push(Reverse((self.now + duration, Event::Done(no))));
            self.view.in_flight += 1;
            self.recount();
        }
    }

    fn scale(&mut self, count: u32) {
        let count = count.min(self.max);
        let before = self.replicas.wanted();
        if before == 0 && count > 0 {
            self.outcome.wakes += 1;
        }
        for _ in before..count {
            let no = self.replicas.start(self.start_up);
            self.outcome.starts += 1;
            self.events
                .push(Reverse((self.now + self.start_up, Event::Started(no))));
        }
        for _ in count..before {
            self.replicas.stop();
        }
        self.outcome.peak = self.outcome.peak.max(count);
        self.recount();
        self.dispatch();
    }

    fn recount(&mut self) {
        self.view.held = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        self.view.ready = self.replicas.ready();
        self.view.starting = self.replicas.starting();
    }
}
