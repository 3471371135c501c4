use rouse_api::workload::OnDelete;
use serde_json::json;

use super::*;

fn of_class(name: &str, class: &str) -> Value {
    with(object(name), json!({"spec": {"class": class}}))
}

fn asleep(version: u64) -> Value {
    with(
        deployment("web", version, 0),
        owned("rouse-scaler", "Apply"),
    )
}

impl World {
    /// Another installation's view of an empty cluster.
    fn of(class: &str) -> Self {
        let mut world = Self::empty();
        world.index = Index::new(UNSCHEDULABLE_WAIT).of_class(Some(class));
        world
    }

    fn ids(&mut self) -> Vec<String> {
        let workloads = self.index.workloads();
        workloads.iter().map(|one| one.id.to_string()).collect()
    }
}

#[test]
fn each_looks_after_its_own() {
    let mut world = World::new();
    world.object(of_class("blue", "blue"));
    world.object(with(
        object("bad"),
        json!({"spec": {"class": "blue", "idleAfter": 7}}),
    ));
    assert_eq!(world.ids(), ["shop/web"]);
    assert_eq!(
        world.index.facts(&id("bad"), world.now),
        None,
        "another tells it"
    );
    let mut blue = World::of("blue");
    blue.object(object("web"));
    blue.object(of_class("blue", "blue"));
    blue.object(with(object("green"), json!({"spec": {"class": "green"}})));
    assert_eq!(blue.ids(), ["shop/blue"]);
}

#[test]
fn what_another_lets_sleep_is_not_forgotten() {
    for spec in [
        json!({"class": "blue"}),
        json!({"class": "blue", "idleAfter": 7}),
    ] {
        let mut world = World::empty();
        world.object(with(object("web"), json!({"spec": spec})));
        world.deployment(asleep(5));
        assert!(world.index.forgotten().is_empty());
        world
            .index
            .handle(Event::Object(Change::Delete(id("web"))), world.now);
        assert_eq!(world.index.forgotten().len(), 1, "nobody's, now");
    }
}

#[test]
fn handing_over_is_no_deletion() {
    let (mut old, mut new) = (World::new(), World::of("blue"));
    old.deployment(asleep(21));
    new.deployment(asleep(21));
    new.object(object("web"));
    assert!(!old.ids().is_empty() && new.ids().is_empty());
    for world in [&mut old, &mut new] {
        world.object(of_class("web", "blue"));
    }
    assert!(old.ids().is_empty());
    assert!(old.index.take_orphans().is_empty() && old.index.forgotten().is_empty());
    assert_eq!(new.ids(), ["shop/web"]);
    assert_eq!(new.blocked(), None, "the zero is Rouse's own, whichever");
    // And from there on it is the other's to delete.
    for world in [&mut old, &mut new] {
        world
            .index
            .handle(Event::Object(Change::Delete(id("web"))), world.now);
    }
    assert!(old.index.take_orphans().is_empty());
    let orphans = new.index.take_orphans();
    let left: Vec<OnDelete> = orphans.values().map(|one| one.on_delete).collect();
    assert_eq!(left, [OnDelete::Wake]);
}

#[test]
fn what_is_left_behind_while_handing_over_is_an_orphan() {
    let mut world = World::new();
    world.deployment(asleep(21));
    let elsewhere = json!({"spec": {"class": "blue", "target": {"name": "other"}}});
    world.object(with(object("web"), elsewhere));
    assert_eq!(world.index.take_orphans().len(), 1);
}

#[test]
fn of_two_classes_on_one_target_the_older_scales_it() {
    let younger = json!({"metadata": {"creationTimestamp": "2026-02-01T00:00:00Z"},
        "spec": {"class": "blue", "target": {"name": "web"}}});
    let mut world = World::new();
    world.object(with(object("a"), younger.clone()));
    assert_eq!(world.blocked(), None);
    let mut blue = World::of("blue");
    blue.deployment(deployment("web", 10, 1));
    blue.object(object("web"));
    blue.object(with(object("a"), younger));
    let failure = blue.index.scalable_of(&id("a")).unwrap().1.unwrap();
    assert_eq!(failure.reason, "OwnedElsewhere");
    let told = "is scaled by ScaledWorkload shop/web without a class, which was there before";
    assert!(failure.message.contains(told), "{}", failure.message);
    // It is told at once when that changes.
    blue.changed();
    blue.object(with(object("web"), json!({"spec": {"mode": "observe"}})));
    assert_eq!(blue.changed(), ["a"]);
    assert_eq!(blue.index.scalable_of(&id("a")).unwrap().1, None);
}
