//! Workloads that are woken together.

use std::collections::BTreeMap;

use super::cluster::deployment;
use super::*;

fn id(name: &str) -> WorkloadId {
    WorkloadId::new("default", name)
}

/// `hello` takes requests and wakes `db`, which wakes `disk`, and `cache`; none of them takes requests.
fn chain(base: &Workload) -> Vec<Workload> {
    let of = |name: &str, wakes: &[&str]| Workload {
        id: id(name),
        http: base.http.clone().filter(|_| name == "hello"),
        wakes: wakes.iter().map(|name| id(name)).collect(),
        ..base.clone()
    };
    vec![
        of("hello", &["db", "cache"]),
        of("db", &["disk"]),
        of("cache", &[]),
        of("disk", &[]),
    ]
}

/// Which are asked for how many.
fn asked(actions: &[Action]) -> BTreeMap<String, u32> {
    let scale = |action: &Action| match action {
        Action::Scale {
            workload, replicas, ..
        } => Some((workload.name().to_owned(), *replicas)),
        _ => None,
    };
    actions.iter().filter_map(scale).collect()
}

fn all(names: &[&str], replicas: u32) -> BTreeMap<String, u32> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), replicas))
        .collect()
}

const ALL: [&str; 4] = ["cache", "db", "disk", "hello"];

impl World {
    fn chain(base: &Workload, leads: Option<u32>) -> Self {
        let mut world = World::new(base.clone(), &[]);
        world.event(Event::Lead(leads));
        world.event(Event::Applied(chain(base)));
        world.back(A);
        world.report(A, 0, 0, SECOND * 3600);
        world
    }

    /// The platform has so many of each; one of each is ready.
    fn have(&mut self, version: u64, replicas: &BTreeMap<String, u32>) -> Vec<Action> {
        let mut out = Vec::new();
        for (name, count) in replicas {
            let pods = [("a", ReplicaState::Ready)];
            self.observe_only(&pods[..usize::from(*count > 0)]);
            let mut seen = Observation::of(id(name), self.replicas.clone(), None);
            seen.count = Some(Count {
                version,
                replicas: *count,
            });
            out.extend(self.event(Event::Observed(seen)));
        }
        out
    }

    fn take_on(&mut self, version: u64, replicas: &BTreeMap<String, u32>) -> Vec<Action> {
        let mut out = Vec::new();
        for (name, count) in replicas {
            let count = Count {
                version,
                replicas: *count,
            };
            out.extend(self.event(Event::ScaleDone(id(name), count)));
        }
        out
    }

    fn phases(&self) -> BTreeMap<String, &'static str> {
        let status = self.controller.status(self.now);
        let phase = |one: &crate::WorkloadStatus| (one.workload.name().to_owned(), one.phase);
        status.workloads.iter().map(phase).collect()
    }
}

#[test]
fn one_request_wakes_all_of_them_at_once_whoever_leads() {
    for leads in [Some(1), None] {
        let mut world = World::chain(&deployment(), leads);
        world.have(1, &all(&ALL, 0));
        let out = world.wake(A, 1);
        assert_eq!(asked(&out), all(&ALL, 1), "leads: {leads:?}");
    }
}

#[test]
fn who_follows_leaves_what_others_have_woken_to_the_leader() {
    let mut world = World::chain(&deployment(), None);
    world.have(1, &all(&ALL, 0));
    let out = world.have(2, &all(&["hello"], 1));
    assert_eq!(asked(&out), BTreeMap::new());
    let out = world.event(Event::Lead(Some(2)));
    assert_eq!(asked(&out), all(&["cache", "db", "disk"], 1));
}

#[test]
fn they_are_kept_while_it_is_awake_and_sleep_after_it() {
    let mut world = World::chain(&deployment(), Some(1));
    world.have(1, &all(&ALL, 0));
    world.wake(A, 1);
    world.take_on(2, &all(&ALL, 1));
    world.have(3, &all(&ALL, 1));
    let busy = world.pass(SECOND * 60, &[(A, 1)]);
    assert_eq!(asked(&busy), BTreeMap::new());
    assert!(world.phases().values().all(|phase| *phase == "awake"));
    // The last request ends; after 10 s it sleeps, and what it needs goes 10 s later: first what needs others itself.
    world.active = world.now;
    world.report(A, 0, 0, Duration::ZERO);
    let mut out = world.pass(SECOND * 10, &[(A, 0)]);
    out.extend(world.pass(SECOND, &[(A, 0)]));
    let epoch = attempts(&out, A).pop().unwrap();
    let out = world.say(A, quiesced(epoch));
    assert_eq!(asked(&out), all(&["hello"], 0));
    let still = world.pass(SECOND * 9, &[(A, 0)]);
    assert_eq!(asked(&still), BTreeMap::new());
    world.take_on(4, &all(&["hello"], 0));
    let then = world.pass(SECOND * 2, &[(A, 0)]);
    assert_eq!(asked(&then), all(&["cache", "db"], 0));
    world.take_on(5, &all(&["cache", "db"], 0));
    let last = world.pass(SECOND * 12, &[(A, 0)]);
    assert_eq!(asked(&last), all(&["disk"], 0));
}

fn attempts(out: &[Action], session: SessionId) -> Vec<u64> {
    let attempt = |action: &Action| match action {
        Action::Send(to, ToProxy::Quiesce { epoch, .. }) if *to == session => Some(*epoch),
        _ => None,
    };
    out.iter().filter_map(attempt).collect()
}

fn quiesced(epoch: u64) -> ToScaler {
    let workload = hello();
    ToScaler::Quiesced { workload, epoch }
}

#[test]
fn one_that_is_gone_comes_back_while_it_is_needed() {
    let mut world = World::chain(&deployment(), Some(1));
    world.have(1, &all(&ALL, 1));
    let out = world.have(2, &all(&["disk"], 0));
    assert_eq!(asked(&out), all(&["disk"], 1));
    let status = world.controller.workload_status(&id("disk"), world.now);
    assert_eq!(
        status.unwrap().decision.unwrap().why,
        "1 replica: needed by default/db; max 5; was 0"
    );
}

#[test]
fn what_wakes_whom_may_change() {
    let mut world = World::chain(&deployment(), Some(1));
    world.have(1, &all(&["hello"], 1));
    world.have(1, &all(&["cache", "db", "disk"], 0));
    world.take_on(2, &all(&["cache", "db", "disk"], 1));
    world.have(3, &all(&["cache", "db", "disk"], 1));
    // A new one is woken although nothing happens to what wakes it; one that is no more needed sleeps.
    let mut other = chain(&deployment());
    other[0].wakes = vec![id("cache"), id("new")];
    other.push(Workload {
        id: id("new"),
        http: None,
        ..deployment()
    });
    world.event(Event::Applied(other));
    let out = world.have(1, &all(&["new"], 0));
    assert_eq!(asked(&out), all(&["new"], 1));
    world.take_on(2, &all(&["new"], 1));
    world.have(3, &all(&["new"], 1));
    let out = world.pass(SECOND * 15, &[(A, 1)]);
    assert_eq!(asked(&out), all(&["db"], 0));
}

#[test]
fn a_circle_keeps_nobody_awake_for_ever() {
    let mut circle = chain(&deployment());
    circle[3].wakes = vec![id("db")];
    let mut world = World::chain(&deployment(), Some(1));
    world.event(Event::Applied(circle));
    world.have(1, &all(&["cache", "hello"], 0));
    world.have(1, &all(&["db", "disk"], 1));
    let out = world.pass(SECOND * 15, &[(A, 0)]);
    assert_eq!(asked(&out), all(&["db"], 0));
    world.take_on(2, &all(&["db"], 0));
    let out = world.pass(SECOND * 15, &[(A, 0)]);
    assert_eq!(asked(&out), all(&["disk"], 0));
}
