use proptest::prelude::*;
use rouse_api::workload::OnDelete;
use serde_json::json;

use super::super::selector::PodSelector;
use super::*;

#[test]
fn a_bad_object_stops_nobody_else() {
    let mut world = World::new();
    world.object(with(
        object("bad"),
        json!({"spec": {"replicas": {"min": 5, "max": 3}}}),
    ));
    world.object(with(object("worse"), json!({"spec": 7})));
    let ids: Vec<_> = world
        .index
        .workloads()
        .into_iter()
        .map(|workload| workload.id.to_string())
        .collect();
    assert_eq!(ids, ["shop/web"]);
    let facts = world.index.facts(&id("bad"), world.now).unwrap();
    assert_eq!(facts.problems.len(), 1);
    assert!(
        facts.problems[0].contains("spec.replicas"),
        "{:?}",
        facts.problems
    );
    assert!(
        !world
            .index
            .facts(&id("worse"), world.now)
            .unwrap()
            .problems
            .is_empty()
    );
    world.object(object("bad"));
    assert_eq!(world.index.workloads().len(), 2, "it is repaired");
    assert_eq!(
        world.index.facts(&id("bad"), world.now).unwrap().problems,
        [""; 0]
    );
}

#[test]
fn the_older_keeps_a_route_and_the_other_is_told() {
    let mut world = World::new();
    let claim = json!({"metadata": {"creationTimestamp": "2026-02-01T00:00:00Z"}, "spec": {"http": {"hosts": ["web.example.com"]}}});
    world.object(with(object("a"), claim));
    let ids: Vec<_> = world
        .index
        .workloads()
        .into_iter()
        .map(|workload| workload.id.to_string())
        .collect();
    assert_eq!(ids, ["shop/web", "shop/a"], "by age");
    let conflicts = world.index.facts(&id("a"), world.now).unwrap().conflicts;
    assert_eq!(conflicts.len(), 1);
    assert!(conflicts[0].contains("shop/web"), "{conflicts:?}");
    assert_eq!(
        world.index.facts(&id("web"), world.now).unwrap().conflicts,
        [""; 0]
    );
}

#[test]
fn who_wakes_nobody_and_whom_nobody_wakes_are_told() {
    let mut world = World::new();
    let alone = json!({"spec": {"http": null}});
    world.object(with(object("never"), alone.clone()));
    world.object(with(object("db"), alone));
    let wakes = json!({"spec": {"wakes": ["db", "gone"]}});
    world.object(with(object("web"), wakes));
    world.index.workloads();
    let mut told = |name: &str| world.index.facts(&id(name), world.now).unwrap().wakes;
    let never = told("never").unwrap();
    assert_eq!(never.reason, "NeverRuns");
    let web = told("web").unwrap();
    assert_eq!(web.reason, "WakesIncomplete");
    assert_eq!(
        web.message,
        "wakes shop/gone, which is not there: it is passed over"
    );
    assert_eq!(told("db"), None);
    // Once there it is woken.
    world.object(with(object("gone"), json!({"spec": {"http": null}})));
    world.index.workloads();
    let mut told = |name: &str| world.index.facts(&id(name), world.now).unwrap().wakes;
    assert_eq!((told("web"), told("gone")), (None, None));
}

#[test]
fn only_what_has_no_record_of_a_count_is_fresh() {
    let mut world = World::new();
    assert!(world.see().fresh);
    let recorded = json!({"metadata": {"resourceVersion": "11"}, "status": {"replicas": 0}});
    world.object(with(object("web"), recorded));
    assert!(!world.see().fresh);
}

#[test]
fn a_status_alone_changes_no_workload() {
    let mut world = World::new();
    world.index.workloads();
    world.object(with(
        object("web"),
        json!({"metadata": {"resourceVersion": "11"}, "status": {"replicas": 1}}),
    ));
    assert!(!world.index.workloads_changed());
    let facts = world.index.facts(&id("web"), world.now).unwrap();
    assert_eq!(
        (&*facts.resource_version, &facts.recorded),
        ("11", &json!({"replicas": 1}))
    );
    world.object(with(object("web"), json!({"spec": {"idleAfter": "9s"}})));
    assert!(world.index.workloads_changed());
}

#[test]
fn what_a_deletion_leaves() {
    let mut world = World::new();
    world.deployment(with(
        deployment("web", 21, 0),
        owned("rouse-scaler", "Apply"),
    ));
    assert!(world.index.forgotten().is_empty());
    world.handle(Event::Object(Change::Listed {
        scope: all(""),
        seen: nothing(),
    }));
    let orphans = world.index.take_orphans();
    let (key, orphan) = orphans.iter().next().unwrap();
    assert_eq!(
        (orphan.on_delete, orphan.found, &*orphan.scalable.name),
        (OnDelete::Wake, 1, "web")
    );
    assert!(world.index.is_left_asleep(key));
    assert!(world.index.take_orphans().is_empty(), "told once");
    assert_eq!(
        world.index.forgotten().keys().collect::<Vec<_>>(),
        [key],
        "and found by the next leader"
    );
    world.object(with(
        object("web"),
        json!({"spec": {"replicas": {"min": 9, "max": 1}}}),
    ));
    assert!(
        world.index.forgotten().is_empty(),
        "an invalid object is one, too"
    );
}

#[test]
fn a_stopped_or_foreign_zero_is_not_woken_by_a_deletion() {
    let mut world = World::new();
    world.deployment(deployment("web", 21, 0));
    world.handle(Event::Object(Change::Delete(id("web"))));
    assert!(world.index.take_orphans().is_empty());
    assert!(world.index.forgotten().is_empty());
}

#[test]
fn another_target_leaves_the_old_one() {
    let mut world = World::new();
    world.object(with(
        object("web"),
        json!({"spec": {"target": {"name": "other"}}}),
    ));
    let names: Vec<_> = world
        .index
        .take_orphans()
        .into_keys()
        .map(|key| key.name.to_string())
        .collect();
    assert_eq!(names, ["shop/web"]);
}

#[test]
fn selectors_of_scale_subresources() {
    let labels = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect()
    };
    let pod = labels(&[("app", "web"), ("tier", "a")]);
    for (text, matches) in [
        ("app=web", true),
        ("app==web,tier=a", true),
        ("app=web,tier in (a,b)", true),
        ("app=web,tier notin (a, b)", false),
        ("app=web,!canary", true),
        ("app,tier!=b", true),
        ("canary", false),
        ("", false),
    ] {
        assert_eq!(
            PodSelector::parse(text).unwrap().matches(&pod),
            matches,
            "{text}"
        );
    }
    for text in ["a in b", "a in (b", "a) b", "a b"] {
        assert_eq!(PodSelector::parse(text), None, "{text}");
    }
}

proptest! {
    /// Whatever order things come in, the same is there in the end.
    #[test]
    fn order_does_not_matter(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        let mut world = World::empty();
        for step in order {
            match step {
                0 => world.object(object("web")),
                1 => world.deployment(deployment("web", 20, 1)),
                2 => world.service(service("web")),
                3 => world.pod(with(pod("a", "web"), ready())),
                4 => world.pod(with(pod("b", "web"), json!({"metadata": {"uid": "p-b"}}))),
                _ => world.object(object("other")),
            }
        }
        let seen = world.see();
        prop_assert_eq!(seen.replicas.len(), 2);
        prop_assert_eq!((seen.failure, seen.blocked), (None, None));
        prop_assert!(world.changed().contains(&"web".to_owned()));
    }
}

#[test]
fn a_deployment_tells_its_revision_once_its_controller_has_looked() {
    let mut world = World::new();
    let told = |generation: i64, replicas: i32| {
        json!({
            "metadata": {"uid": "0123456789", "generation": generation, "annotations": {"deployment.kubernetes.io/revision": "4"}},
            "status": {"observedGeneration": 2, "replicas": replicas, "updatedReplicas": 1},
        })
    };
    let mut see = |version, generation, replicas| {
        world.deployment(with(
            deployment("web", version, 1),
            told(generation, replicas),
        ));
        world
            .see()
            .revision
            .map(|one| (one.name.to_string(), one.whole))
    };
    assert_eq!(see(30, 2, 1), Some(("4-01234567".to_owned(), true)));
    assert_eq!(
        see(31, 2, 2),
        Some(("4-01234567".to_owned(), false)),
        "an old one is left"
    );
    assert_eq!(see(32, 3, 1), None, "it has not looked at the change");
}
