use std::collections::HashMap;

use rouse_api::link::Failure;
use serde_json::json;

use super::*;
use crate::front::content::{Content, FrontPort};
use crate::front::name::{Family, SliceName, mark};
use crate::front::plan::{Said, Standing};
use crate::index::slice::Slice;

/// A workload with the front `SERVICE`, made at this second.
fn fronted(name: &str, service: &str, second: u8) -> Value {
    let front = json!({
        "metadata": {"creationTimestamp": format!("2026-01-01T00:00:{second:02}Z")},
        "spec": {"http": {"service": {"name": format!("{name}-pods")}, "front": {"service": service}}},
    });
    with(object(name), front)
}

fn without_selector(name: &str) -> Value {
    with(service(name), json!({"spec": {"selector": null}}))
}

fn slice(workload: &str, service: &str, port: u16, version: u64) -> Value {
    let uid = format!("sw-{workload}");
    let name = SliceName {
        workload: workload.to_owned(),
        port,
        mark: mark(&uid, service),
        family: Family::V4,
        number: 0,
    };
    let content = Content {
        service: service.to_owned(),
        owner: (workload.to_owned(), (&*uid).into()),
        family: Family::V4,
        port: FrontPort {
            name: String::new(),
            app_protocol: None,
        },
        number: port,
        endpoints: Vec::new(),
    };
    let meta =
        json!({"metadata": {"uid": name.to_string(), "resourceVersion": version.to_string()}});
    with(content.object("shop", &name.to_string()), meta)
}

fn foreign(name: &str, service: &str) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": name, "labels": {"kubernetes.io/service-name": service,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
        "addressType": "IPv4", "endpoints": []
    })
}

impl World {
    /// With ports for fronts, and the Services `a` and `b` without selectors.
    fn fronts() -> Self {
        let mut world = Self::empty();
        world.index = Index::new(UNSCHEDULABLE_WAIT).with_fronts(Some(20_000..=20_009));
        for name in ["a", "b"] {
            world.service(without_selector(name));
        }
        world
    }

    fn slice(&mut self, value: Value) {
        let slice = Slice::of(read(value)).unwrap();
        self.handle(Event::Slice(Change::Apply(slice)));
    }

    fn slice_gone(&mut self, value: &Value) {
        let name = value["metadata"]["name"].as_str().unwrap();
        self.handle(Event::Slice(Change::Delete(id(name))));
    }

    fn ports(&self) -> Vec<(String, u16)> {
        let ports = self.index.front_ports();
        let name = |(key, port): (Key, u16)| (key.name().to_owned(), port);
        ports.into_iter().map(name).collect()
    }

    /// What is wrong with a front, and whether its slices must go.
    fn standing(&self, name: &str) -> (String, bool) {
        let views = self.index.front_views();
        let view = views.into_iter().find(|view| view.workload == id(name));
        match view.unwrap().wants.unwrap().standing {
            Standing::Good(_) => (String::new(), false),
            Standing::Waits(failure, _) => (failure.reason, false),
            Standing::Refused(failure) => (failure.reason, true),
        }
    }

    fn told(&mut self, name: &str) -> crate::facts::FrontFacts {
        let facts = self.index.facts(&id(name), self.now).unwrap();
        facts.front.unwrap()
    }
}

fn ports(all: &[(&str, u16)]) -> Vec<(String, u16)> {
    let port = |(name, port): &(&str, u16)| ((*name).to_owned(), *port);
    all.iter().map(port).collect()
}

#[test]
fn a_port_is_read_from_the_slices_and_told_to_proxies() {
    let mut world = World::fronts();
    world.object(fronted("a", "a", 0));
    assert_eq!(world.ports(), []);
    world.index.snapshot();
    world.slice(slice("a", "a", 20_003, 5));
    assert_eq!(world.ports(), ports(&[("a", 20_003)]));
    assert!(world.index.workloads_changed(), "they are told");
    assert!(world.index.take_fronts_changed());
    let mut workloads = crate::index::workloads::resolve(world.index.snapshot());
    crate::index::workloads::open_fronts(&world.index.front_ports(), &mut workloads);
    let front = workloads[0].http.clone().unwrap().front.unwrap();
    assert_eq!(front.listen, Some(20_003));
    // Its endpoints are no news for them.
    world.slice(slice("a", "a", 20_003, 6));
    assert!(!world.index.workloads_changed());
}

#[test]
fn a_port_stays_when_its_slice_is_deleted_by_hand() {
    let mut world = World::fronts();
    world.object(fronted("a", "a", 0));
    let one = slice("a", "a", 20_003, 5);
    world.slice(one.clone());
    world.slice_gone(&one);
    assert_eq!(world.ports(), ports(&[("a", 20_003)]));
    // But it is not a later object's, nor another Service's.
    world.object(fronted("a", "b", 0));
    assert_eq!(world.ports(), []);
    world.object(fronted("a", "a", 0));
    world.handle(Event::Object(Change::Delete(id("a"))));
    world.object(fronted("a", "a", 0));
    assert_eq!(world.ports(), []);
}

#[test]
fn a_port_out_of_range_is_given_up() {
    let mut world = World::fronts();
    world.object(fronted("a", "a", 0));
    world.slice(slice("a", "a", 30_000, 5));
    assert_eq!(world.ports(), []);
    world.slice(slice("a", "a", 20_004, 6));
    assert_eq!(world.ports(), ports(&[("a", 20_004)]));
}

#[test]
fn of_two_with_one_port_the_older_keeps_it() {
    let mut world = World::fronts();
    world.object(fronted("b", "b", 1));
    world.object(fronted("a", "a", 2));
    for name in ["a", "b"] {
        world.slice(slice(name, name, 20_003, 5));
    }
    assert_eq!(world.ports(), ports(&[("b", 20_003)]));
}

#[test]
fn a_service_is_one_workloads_front() {
    let mut world = World::fronts();
    world.object(fronted("b", "a", 1));
    world.object(fronted("a", "a", 2));
    assert_eq!(world.standing("b"), (String::new(), false));
    assert_eq!(world.standing("a"), ("FrontTaken".to_owned(), true));
    world.index.take_changed(world.now);
    world.handle(Event::Object(Change::Delete(id("b"))));
    assert!(world.index.take_changed(world.now).contains(&id("a")));
    assert!(world.index.take_fronts_changed());
    assert_eq!(world.standing("a"), (String::new(), false));
}

#[test]
fn what_is_wrong_with_the_service_is_told() {
    for (spec, reason, goes) in [
        (json!({"selector": {"app": "x"}}), "FrontHasSelector", false),
        (
            json!({"type": "ExternalName", "clusterIP": null, "externalName": "x"}),
            "FrontExternalName",
            true,
        ),
        (json!({"clusterIP": "None"}), "FrontHeadless", true),
        (
            json!({"ports": [{"name": "x", "port": 1}, {"name": "y", "port": 2}]}),
            "FrontPortNotFound",
            false,
        ),
    ] {
        let mut world = World::fronts();
        world.object(fronted("a", "a", 0));
        world.index.take_fronts_changed();
        world.service(with(without_selector("a"), json!({"spec": spec})));
        assert!(world.index.take_fronts_changed(), "{reason}");
        assert_eq!(world.standing("a"), (reason.to_owned(), goes));
        assert_eq!(world.told("a").failure.unwrap().reason, reason);
    }
    let mut world = World::fronts();
    world.object(fronted("a", "nobody", 0));
    assert_eq!(world.standing("a"), ("FrontNotFound".to_owned(), false));
}

#[test]
fn without_a_range_there_are_no_fronts() {
    let mut world = World::empty();
    world.service(without_selector("a"));
    world.object(fronted("a", "a", 0));
    world.slice(slice("a", "a", 20_003, 5));
    assert_eq!(world.ports(), []);
    assert!(world.index.front_views().is_empty());
    assert_eq!(world.told("a").failure.unwrap().reason, "FrontsOff");
}

#[test]
fn what_was_found_is_told_until_something_else_is() {
    let mut world = World::fronts();
    world.object(fronted("a", "a", 0));
    assert_eq!(world.told("a").said, None);
    let mut said = Said {
        port: Some(20_003),
        proxies: 0,
        of: 2,
        failure: Some(Failure {
            reason: "FrontNotOpen".to_owned(),
            message: String::new(),
        }),
    };
    world.index.take_changed(world.now);
    world
        .index
        .say_fronts(HashMap::from([(id("a"), said.clone())]));
    assert!(world.index.take_changed(world.now).contains(&id("a")));
    assert_eq!(world.told("a").failure.unwrap().reason, "FrontNotOpen");
    world
        .index
        .say_fronts(HashMap::from([(id("a"), said.clone())]));
    assert!(world.index.take_changed(world.now).is_empty());
    (said.proxies, said.failure) = (2, None);
    world
        .index
        .say_fronts(HashMap::from([(id("a"), said.clone())]));
    assert_eq!(world.told("a").failure, None);
    world.index.say_fronts(HashMap::new());
    assert_eq!(world.told("a").said, None);
}

#[test]
fn slices_of_others_are_named_and_are_no_workloads() {
    let mut world = World::fronts();
    world.object(fronted("a", "a", 0));
    world.slice(slice("a", "a", 20_003, 5));
    assert!(world.told("a").foreign.is_empty());
    world.index.take_changed(world.now);
    world.slice(foreign("a-x1", "a"));
    assert!(world.index.take_changed(world.now).contains(&id("a")));
    assert_eq!(
        world.told("a").foreign,
        ["a-x1 (of endpointslice-controller.k8s.io)"]
    );
    for n in 2..6 {
        world.slice(foreign(&format!("a-x{n}"), "a"));
    }
    assert_eq!(world.told("a").foreign[3], "2 more");
    world.slice(foreign("b-x1", "b"));
    assert_eq!(world.index.front_views().len(), 1);
    let seen = HashSet::new();
    let scope = Scope {
        namespace: None,
        kind: String::new(),
    };
    world.handle(Event::Slice(Change::Listed { scope, seen }));
    assert!(world.told("a").foreign.is_empty());
}

#[test]
fn ours_are_known_for_ours_whatever_somebody_took_away() {
    let mut world = World::fronts();
    world.object(fronted("a", "a", 0));
    let one = slice("a", "a", 20_003, 5);
    let label = json!({"metadata": {"resourceVersion": "6", "labels": {"endpointslice.kubernetes.io/managed-by": null}}});
    let owner = json!({"metadata": {"resourceVersion": "7", "ownerReferences": null}});
    for change in [label, owner] {
        world.slice(with(one.clone(), change));
        let views = world.index.front_views();
        assert_eq!(views[0].slices.len(), 1);
        assert_eq!(views[0].slices[0].1.content, None, "to be written anew");
    }
    // What the watch tells late is old.
    world.slice(one);
    assert_eq!(world.index.front_views()[0].slices[0].1.content, None);
}

#[test]
fn what_cannot_be_read_keeps_its_slices_and_what_is_unknown_is_not_ours_to_delete() {
    let mut world = World::fronts();
    world.object(fronted("a", "a", 0));
    world.slice(slice("a", "a", 20_003, 5));
    world.slice(slice("gone", "b", 20_004, 5));
    assert_eq!(world.index.front_views().len(), 1);
    world.object(with(
        fronted("a", "a", 0),
        json!({"spec": {"idleAfter": 7}}),
    ));
    assert!(world.index.front_views().is_empty());
    // One that is being deleted, and one without a front, have none to keep.
    let deleted = json!({"metadata": {"deletionTimestamp": "2026-01-02T00:00:00Z"}});
    world.object(with(fronted("a", "a", 0), deleted));
    assert!(world.index.front_views()[0].wants.is_none());
    world.object(object("a"));
    let views = world.index.front_views();
    assert!(views[0].wants.is_none() && views[0].slices.len() == 1);
}

#[test]
fn what_was_seen_to_be_deleted_loses_its_slices_at_once() {
    let mut world = World::fronts();
    world.object(fronted("a", "a", 0));
    let one = slice("a", "a", 20_003, 5);
    world.slice(one.clone());
    let views = |world: &World| world.index.front_views();
    world.handle(Event::Object(Change::Delete(id("a"))));
    let [view] = &views(&world)[..] else {
        panic!("{:?}", views(&world));
    };
    assert!(view.wants.is_none() && view.slices.len() == 1);
    // Another installation's, made in its place, is none of our business.
    world.object(with(
        fronted("a", "a", 0),
        json!({"spec": {"class": "blue"}}),
    ));
    assert!(views(&world).is_empty());
    world.handle(Event::Object(Change::Delete(id("a"))));
    assert!(views(&world).is_empty());
    // One of ours in its place has a view of its own.
    world.object(fronted("a", "a", 0));
    world.handle(Event::Object(Change::Delete(id("a"))));
    world.object(fronted("a", "a", 0));
    assert!(views(&world)[0].wants.is_some());
    world.handle(Event::Object(Change::Delete(id("a"))));
    world.slice_gone(&one);
    assert!(views(&world).is_empty());
}
