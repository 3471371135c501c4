//! Traffic against replicas that take their time: reports, decisions and starts, second by second.

use rouse_api::link::WorkloadReport;
use rouse_api::workload::WorkloadId;

use super::*;
use crate::demand::{Demand, MemberNo, Roster};

const PROXY: MemberNo = MemberNo(1);

/// Each replica works on as many requests as the target says, and starts in so many seconds. Ten steps a second.
struct World {
    policy: Policy,
    start_seconds: u32,
    service: f64,
    now: Instant,
    roster: Roster,
    demand: Demand,
    state: State,
    started: Option<Duration>,
    /// Seconds until each is ready.
    replicas: Vec<u32>,
    held: f64,
    in_flight: f64,
    /// The most there ever were, and how often the count changed.
    most: u32,
    changes: u32,
    step: u64,
}

const STEPS: u32 = 10;

impl World {
    fn new(policy: Policy, start_seconds: u32, service: f64) -> Self {
        let now = Instant::now() + Duration::from_secs(7200);
        let behavior = policy.behavior;
        let mut roster = Roster::new(behavior.stable_window);
        roster.join(PROXY, now);
        roster.report(PROXY, 0, SECOND, now);
        Self {
            demand: Demand::new(behavior.stable_window, behavior.panic_window, now),
            policy,
            start_seconds,
            service,
            now,
            roster,
            state: State::default(),
            started: None,
            replicas: Vec::new(),
            held: 0.0,
            in_flight: 0.0,
            most: 0,
            changes: 0,
            step: 0,
        }
    }

    fn ready(&self) -> u32 {
        u32::try_from(self.replicas.iter().filter(|left| **left == 0).count()).unwrap()
    }

    /// A second with so many arrivals; each is as long as `service`.
    fn second(&mut self, arrivals: f64) {
        let (mut busy, mut waiting) = (0.0, 0.0);
        let room = f64::from(self.ready()) * self.policy.concurrency.unwrap();
        let step = 1.0 / f64::from(STEPS);
        for _ in 0..STEPS {
            self.held += arrivals * step;
            self.in_flight -= (self.in_flight * step / self.service).min(self.in_flight);
            let go = self.held.min((room - self.in_flight).max(0.0));
            self.held -= go;
            self.in_flight += go;
            busy += self.in_flight * step;
            waiting += self.held * step;
        }
        self.now += SECOND;
        for left in &mut self.replicas {
            if *left == 1 {
                self.started = Some(SECOND * self.start_seconds);
            }
            *left = left.saturating_sub(1);
        }
        self.report(arrivals, busy, waiting);
        self.decide();
    }

    fn report(&mut self, arrivals: f64, busy: f64, waiting: f64) {
        self.step += 1;
        let bucket = self
            .roster
            .report(PROXY, self.step, SECOND, self.now)
            .unwrap();
        let active = arrivals > 0.0 || busy + waiting > 0.01;
        let report = WorkloadReport {
            workload: WorkloadId::new("default", "hello"),
            in_flight_seconds: busy,
            held_seconds: waiting,
            requests: super::super::reach::whole(arrivals).into(),
            in_flight: super::super::reach::whole(self.in_flight.round()),
            held: super::super::reach::whole(self.held.round()),
            idle_for: Duration::ZERO,
        };
        if active {
            self.demand.report(PROXY, bucket, &report, self.now);
        }
    }

    fn decide(&mut self) {
        self.state.capacity = Capacity {
            ready: self.ready(),
            start_time: self.started,
        };
        let snapshot = self.demand.snapshot(&self.roster, self.now);
        let was = self.state.replicas;
        let (decision, state) = decide(&self.policy, &snapshot, &self.state, self.now);
        self.state = state;
        self.most = self.most.max(decision.replicas);
        self.changes += u32::from(decision.replicas != was);
        let count = usize::try_from(decision.replicas).unwrap();
        self.replicas.sort_unstable();
        self.replicas.resize(count, self.start_seconds);
    }
}

fn one_each() -> Policy {
    Policy {
        max: 1000,
        concurrency: Some(1.0),
        ..policy()
    }
}

#[test]
fn a_backlog_of_starting_replicas_does_not_ask_for_ever_more() {
    // 10 requests a second of a tenth of a second: one replica's work, and twice that works the rest off.
    for start in [5, 30, 120] {
        let mut world = World::new(one_each(), start, 0.1);
        for _ in 0..start * 3 {
            world.second(10.0);
        }
        // A load of one, taken for ten until it is measured, and a little more than again as much for the rest.
        assert!(
            world.most <= 25,
            "{} replicas for a start of {start} s",
            world.most
        );
    }
}

#[test]
fn a_pile_is_not_multiplied_by_the_time_that_nodes_take() {
    let most = |start| {
        let mut world = World::new(one_each(), 2, 0.5);
        for _ in 0..120 {
            world.second(4.0);
        }
        // Known by now: half a second each. Now ten times as much, and nodes have to come first.
        world.start_seconds = start;
        for _ in 0..start + 30 {
            world.second(40.0);
        }
        world.most
    };
    let (soon, late) = (most(3), most(300));
    assert!(
        soon >= 20 && late >= 20,
        "the load is 20: {soon} and {late}"
    );
    assert!(
        late <= 2 * soon,
        "{late} replicas, with nodes at once {soon}"
    );
}

#[test]
fn steady_light_traffic_neither_sleeps_nor_flaps_in_any_phase() {
    for period in [2_u32, 3, 7, 20, 45, 59, 61, 119, 250, 299] {
        for phase in 0..5 {
            let mut world = World::new(one_each(), 1, 0.5);
            for second in 0..1500 {
                let arrives = (second + phase * 7) % period == 0;
                world.second(if arrives { 1.0 } else { 0.0 });
            }
            assert_eq!(
                (world.changes, world.most),
                (1, 1),
                "one each {period} s, phase {phase}"
            );
        }
    }
}

#[test]
fn traffic_about_a_whole_number_of_replicas_does_not_flap() {
    // For 20 s of each 40 s two are in flight, else one; the average swings about the target.
    let half = Policy {
        concurrency: Some(1.5),
        ..one_each()
    };
    let mut world = World::new(half, 1, 1.0);
    for _ in 0..200 {
        world.second(1.0);
    }
    for second in 0..120 {
        world.second(if second % 40 < 20 { 2.0 } else { 1.0 });
    }
    let before = world.changes;
    for second in 0..1200 {
        world.second(if second % 40 < 20 { 2.0 } else { 1.0 });
    }
    assert_eq!(world.changes, before);
}

#[test]
fn a_flash_crowd_is_followed_and_left() {
    let mut world = World::new(one_each(), 2, 0.5);
    for _ in 0..100 {
        world.second(2.0);
    }
    for _ in 0..30 {
        world.second(60.0);
    }
    assert!(world.held < 1.0, "{} held", world.held);
    assert!(world.state.replicas >= 30);
    for _ in 0..200 {
        world.second(2.0);
    }
    assert!(world.state.replicas <= 2, "{} stay", world.state.replicas);
}
