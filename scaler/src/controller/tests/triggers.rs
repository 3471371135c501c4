//! Schedules, and the count to begin with.

use jiff::Timestamp;
use rouse_api::schedule::{Expression, Schedule, Zone};
use rouse_api::workload::{Asked, Cron, Polled, Source, Trigger};

use super::cluster::{READY, STARTING, deployment};
use super::*;

fn at(time: &str) -> Timestamp {
    format!("2026-11-30T{time}Z").parse().unwrap()
}

/// No request reaches it; 3 replicas from 8:00 to 8:30 each day.
fn by_the_clock(workload: Workload) -> Workload {
    let schedule = Schedule {
        zone: Zone::parse("UTC").unwrap(),
        start: Expression::parse("0 8 * * *").unwrap(),
        end: Expression::parse("30 8 * * *").unwrap(),
    };
    let source = Source::Cron(Cron {
        schedule,
        replicas: 3,
    });
    Workload {
        http: None,
        triggers: vec![Trigger { place: 0, source }],
        ..workload
    }
}

impl World {
    fn wall(&self) -> String {
        let wall = self.controller.wall(self.now).unwrap();
        wall.strftime("%H:%M:%S").to_string()
    }

    /// Goes on until something is scaled, and takes it on.
    fn next_scale(&mut self) -> (String, u32) {
        for _ in 0..200_000 {
            let out = self.pass(Duration::from_millis(500), &[]);
            if let Some((replicas, _)) = scales(&out).last() {
                let replicas = *replicas;
                self.done();
                return (self.wall(), replicas);
            }
        }
        panic!("nothing is scaled");
    }

    fn why(&self) -> String {
        let status = self.controller.status(self.now);
        status.workloads[0].decision.clone().unwrap().why
    }
}

const THREE: [(&str, ReplicaState); 3] = [("a", READY), ("b", READY), ("c", READY)];

#[test]
fn replicas_are_ready_when_the_window_begins_and_go_when_it_is_over() {
    let mut world = World::new(by_the_clock(workload()), &[]);
    world.event(Event::Clock(at("07:00:00")));
    // Nobody knows yet how long a start takes.
    assert_eq!(world.next_scale(), ("07:59:30".to_owned(), 3));
    assert_eq!(
        world.why(),
        "3 replicas: 3 by triggers[0] (cron), started ahead; max 5"
    );
    world.observe(&[("a", STARTING), ("b", STARTING), ("c", STARTING)]);
    world.pass(SECOND * 8, &[]);
    world.observe(&THREE);
    assert_eq!(world.next_scale(), ("08:30:00".to_owned(), 1));
    world.observe(&[("a", READY)]);
    // 10 s without demand.
    assert_eq!(world.next_scale(), ("08:30:10".to_owned(), 0));
    world.observe(&[]);
    // A start took 8 s, and a quarter more is left for it.
    assert_eq!(world.next_scale(), ("07:59:50".to_owned(), 3));
}

#[test]
fn a_start_that_takes_longer_than_the_bound_is_late() {
    let mut world = World::new(by_the_clock(workload()), &[]);
    world.event(Event::Clock(at("07:00:00")));
    world.next_scale();
    world.observe(&[("a", STARTING), ("b", STARTING), ("c", STARTING)]);
    world.pass(SECOND * 900, &[]);
    world.observe(&THREE);
    world.next_scale();
    world.observe(&[("a", READY)]);
    world.next_scale();
    world.observe(&[]);
    assert_eq!(world.next_scale(), ("07:50:00".to_owned(), 3));
}

#[test]
fn a_clock_that_is_set_is_followed_at_once() {
    let mut world = World::new(by_the_clock(workload()), &[]);
    world.event(Event::Clock(at("07:00:00")));
    assert_eq!(
        scales(&world.event(Event::Clock(at("08:10:00")))),
        [(3, vec![])]
    );
    world.done();
    world.observe(&THREE);
    // Back again: it is not yet time, and idleness is not by the wall clock.
    world.event(Event::Clock(at("06:00:00")));
    assert_eq!(world.asked, 3);
    world.pass(SECOND * 11, &[]);
    assert_eq!(world.asked, 0);
}

#[test]
fn a_little_drift_moves_no_window() {
    let mut world = World::new(by_the_clock(workload()), &[]);
    world.event(Event::Clock(at("07:00:00")));
    for _ in 0..20 {
        world.pass(SECOND * 60, &[]);
        let wall = world.controller.wall(world.now).unwrap();
        let slow = wall.checked_sub(MS * 400).unwrap();
        assert_eq!(scales(&world.event(Event::Clock(slow))), []);
    }
    assert_eq!(world.next_scale(), ("07:59:30".to_owned(), 3));
}

#[test]
fn without_the_time_nothing_goes_down() {
    let mut world = World::cluster_of(by_the_clock(deployment()), Some(1), &[]);
    world.sees(7, 3, &THREE);
    assert_eq!(scales(&world.pass(SECOND * 3600, &[])), []);
    assert_eq!(
        world.why(),
        "3 replicas: no demand; kept, for triggers[0] (cron) is not known"
    );
}

#[test]
fn a_new_scaler_in_the_window_changes_nothing_and_one_after_it_waits() {
    let mut world = World::cluster_of(by_the_clock(deployment()), Some(1), &[]);
    world.event(Event::Clock(at("08:10:00")));
    assert_eq!(scales(&world.sees(7, 3, &THREE)), []);
    assert_eq!(scales(&world.pass(SECOND * 1199, &[])), []);
    let mut world = World::cluster_of(by_the_clock(deployment()), Some(1), &[]);
    world.event(Event::Clock(at("09:00:00")));
    world.sees(7, 3, &THREE);
    // Idle for 10 s as far as this scaler knows.
    assert_eq!(scales(&world.pass(SECOND * 9, &[])), []);
    assert_eq!(scales(&world.pass(SECOND, &[])), [(0, vec!["a", "b", "c"])]);
}

#[test]
fn who_does_not_lead_follows_no_schedule() {
    let mut world = World::cluster_of(by_the_clock(deployment()), None, &[]);
    world.event(Event::Clock(at("07:59:00")));
    world.sees(7, 0, &[]);
    assert_eq!(scales(&world.pass(SECOND * 3600, &[])), []);
    world.event(Event::Clock(at("08:01:00")));
    assert_eq!(scales(&world.event(Event::Lead(Some(4)))), [(3, vec![])]);
}

#[test]
fn demand_and_schedule_the_larger_wins() {
    let scheduled = Workload {
        http: workload().http,
        ..by_the_clock(workload())
    };
    let mut world = World::new(scheduled, &[A]);
    world.event(Event::Clock(at("08:10:00")));
    world.done();
    world.observe(&THREE);
    world.report(A, 45, 0, Duration::ZERO);
    world.pass(SECOND * 10, &[(A, 45)]);
    assert!(world.asked > 3, "{}", world.why());
}

fn beginning_with(initial: u32, workload: Workload) -> Workload {
    let scale = Scale {
        initial: Some(initial),
        ..workload.scale
    };
    Workload { scale, ..workload }
}

#[test]
fn a_new_workload_begins_with_its_initial_count_once() {
    let mut world = World::new(beginning_with(3, workload()), &[]);
    assert_eq!(world.asked, 3);
    assert_eq!(
        world.why(),
        "3 replicas: no demand; replicas.initial 3, for it is seen for the first time; was 0"
    );
    world.open(A);
    world.done();
    world.observe(&THREE);
    // Idle since it began, and asleep after that.
    let out = world.pass(SECOND * 9, &[(A, 0)]);
    assert_eq!(scales(&out), []);
    world.pass(SECOND * 2, &[(A, 0)]);
    assert_eq!(world.phase(), "quiescing");
    // The same workload applied again does not begin again.
    let mut other = beginning_with(3, workload());
    other.scale.max = 4;
    world.event(Event::Applied(vec![other]));
    assert_eq!(world.asked, 3);
}

#[test]
fn only_what_was_never_looked_after_begins_anew() {
    let begins = |fresh: bool, leads: Option<u32>, initial: u32, count: u32| {
        let mut world = World::cluster_of(beginning_with(initial, deployment()), leads, &[A]);
        let pods = &THREE[..usize::try_from(count).unwrap()];
        let out = world.sees_as(7, count, pods, |seen| seen.fresh = fresh);
        let asked: Vec<u32> = scales(&out).iter().map(|(count, _)| *count).collect();
        (asked, world.phase())
    };
    assert_eq!(begins(true, Some(1), 2, 0), (vec![2], "waking"));
    assert_eq!(begins(false, Some(1), 2, 0), (vec![], "asleep"));
    assert_eq!(begins(true, None, 2, 0), (vec![], "asleep"));
    assert_eq!(begins(true, Some(1), 2, 1), (vec![2], "awake"));
    // To zero only with every proxy's consent, though none was idle for long.
    assert_eq!(begins(true, Some(1), 0, 2), (vec![], "quiescing"));
    assert_eq!(begins(true, Some(1), 1, 1), (vec![], "awake"));
}

#[test]
fn one_that_takes_the_lead_later_does_not_begin_what_the_last_one_has_begun() {
    let mut world = World::cluster_of(beginning_with(2, deployment()), None, &[A]);
    world.sees_as(7, 0, &[], |seen| seen.fresh = true);
    world.sees_as(8, 0, &[], |seen| seen.fresh = false);
    assert_eq!(scales(&world.event(Event::Lead(Some(4)))), []);
    // And where there was none before, it does.
    let mut world = World::cluster_of(beginning_with(2, deployment()), None, &[A]);
    world.sees_as(7, 0, &[], |seen| seen.fresh = true);
    assert_eq!(scales(&world.event(Event::Lead(Some(4)))), [(2, vec![])]);
    // Its own record does not end it.
    let refused = PlatformError::Refused("no".to_owned());
    world.event(Event::ScaleFailed(hello(), refused));
    world.sees_as(8, 0, &[], |seen| seen.fresh = false);
    let out = world.pass(SECOND * 2, &[(A, 0)]);
    assert_eq!(scales(&out), [(2, vec![])]);
}

/// A worker for which a queue is asked: 10 each, with 2 replicas when nothing is known.
fn asking(workload: Workload) -> Workload {
    let polled = Polled {
        of: Asked::Pods(std::collections::BTreeMap::new()),
        target: 10.0,
        total: false,
        activation: 0.0,
        every: SECOND * 10,
        timeout: SECOND,
        fallback: Some(2),
    };
    Workload {
        http: None,
        triggers: vec![Trigger {
            place: 0,
            source: Source::Polled(polled),
        }],
        ..workload
    }
}

impl World {
    fn reads(&mut self, workload: &Workload, value: Result<f64, &str>) -> Vec<Action> {
        self.event(Event::Read {
            workload: hello(),
            trigger: workload.triggers[0].clone(),
            value: value.map_err(str::to_owned),
        })
    }
}

#[test]
fn a_value_wakes_as_many_as_it_asks_for_and_the_last_good_one_is_kept() {
    let workload = asking(deployment());
    let mut world = World::cluster_of(workload.clone(), Some(1), &[]);
    world.sees(7, 0, &[]);
    assert_eq!(scales(&world.reads(&workload, Ok(25.0))), [(3, vec![])]);
    world.took(8, 3);
    world.sees(8, 3, &THREE);
    // The source is gone: for five minutes what it said last stands, and then nobody knows.
    for _ in 0..40 {
        let mut out = world.pass(SECOND * 10, &[]);
        out.extend(world.reads(&workload, Err("connection refused")));
        assert_eq!(scales(&out), []);
    }
    assert_eq!(
        world.why(),
        "3 replicas: triggers[0] (pods) is not known (connection refused), fallback 2; kept, for triggers[0] (pods) is not known"
    );
    // It is back, and the queue is empty.
    world.reads(&workload, Ok(0.0));
    let out = world.pass(SECOND * 11, &[]);
    assert_eq!(scales(&out), [(0, vec!["a", "b", "c"])]);
}

#[test]
fn a_fallback_is_for_what_was_not_known_for_long_and_only_the_leaders() {
    let workload = asking(deployment());
    let mut world = World::cluster_of(workload.clone(), None, &[]);
    world.sees(7, 0, &[]);
    assert_eq!(scales(&world.pass(SECOND * 1000, &[])), []);
    world.event(Event::Lead(Some(2)));
    assert_eq!(scales(&world.pass(SECOND * 299, &[])), []);
    assert_eq!(scales(&world.pass(SECOND, &[])), [(2, vec![])]);
}

#[test]
fn what_was_asked_of_another_trigger_says_nothing_of_this_one() {
    let workload = asking(deployment());
    let mut world = World::cluster_of(workload.clone(), Some(1), &[]);
    world.sees(7, 0, &[]);
    let mut other = workload.clone();
    if let Source::Polled(polled) = &mut other.triggers[0].source {
        polled.target = 5.0;
    }
    world.event(Event::Applied(vec![other.clone()]));
    assert_eq!(scales(&world.reads(&workload, Ok(25.0))), []);
    assert_eq!(scales(&world.reads(&other, Ok(25.0))), [(5, vec![])]);
}
