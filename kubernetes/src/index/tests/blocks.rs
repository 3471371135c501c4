use rouse_convert::keda::Kind;
use rouse_scaler::platform::Count;
use serde_json::json;

use super::super::adopted::Raw;
use super::super::event::KindSaid;
use super::super::owner::Governing;
use super::super::target::TargetKey;
use super::*;

fn target() -> TargetKey {
    TargetKey::new("shop", "apps/v1", "Deployment", "web")
}

fn keda(paused: bool) -> Event {
    let annotations = json!({"autoscaling.keda.sh/paused": paused.to_string()});
    let object = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"namespace": "shop", "name": "keda", "annotations": annotations},
        "spec": {"scaleTargetRef": {"name": "web"}, "triggers": []},
    });
    Event::Keda(Change::Apply(Raw::of(read(object)).unwrap()))
}

#[test]
fn paused_by_annotation_of_either() {
    let paused = json!({"metadata": {"annotations": {"rouse.dev/paused": "true"}}});
    let mut world = World::new();
    world.object(with(object("web"), paused.clone()));
    assert_eq!(world.blocked().as_deref(), Some("Paused"));
    world.object(object("web"));
    assert_eq!(world.blocked(), None);
    world.deployment(with(deployment("web", 21, 1), paused));
    assert_eq!(world.blocked().as_deref(), Some("Paused"));
}

#[test]
fn a_target_that_comes_later() {
    let mut world = World::empty();
    world.object(object("web"));
    world.service(service("web"));
    assert_eq!(world.blocked().as_deref(), Some("TargetNotFound"));
    assert_eq!(world.see().count, None);
    world.changed();
    world.deployment(deployment("web", 20, 0));
    assert_eq!(world.changed(), ["web"]);
    assert_eq!(
        (world.blocked(), world.see().count),
        (
            None,
            Some(Count {
                version: 20,
                replicas: 0
            })
        )
    );
    world.handle(Event::Target(Change::Listed {
        scope: all("apps/StatefulSet"),
        seen: nothing(),
    }));
    assert_eq!(world.blocked(), None, "a list of another kind says nothing");
    world.handle(Event::Target(Change::Listed {
        scope: all("apps/Deployment"),
        seen: nothing(),
    }));
    assert_eq!(world.blocked().as_deref(), Some("TargetNotFound"));
}

#[test]
fn keda_owns_what_it_scales_unless_it_rests() {
    let mut world = World::new();
    world.handle(keda(false));
    let blocked = world.see().blocked.unwrap();
    assert_eq!(blocked.reason, "OwnedElsewhere");
    assert!(blocked.message.contains("shop/keda"), "{}", blocked.message);
    world.handle(keda(true));
    assert_eq!(world.blocked(), None);
    world.handle(keda(false));
    world.handle(Event::Keda(Change::Delete((
        Kind::ScaledObject,
        id("keda"),
    ))));
    assert_eq!(world.blocked(), None);
}

#[test]
fn the_older_of_two_keeps_the_target() {
    let mut world = World::new();
    let young = json!({"metadata": {"creationTimestamp": "2026-02-01T00:00:00Z"}, "spec": {"target": {"name": "web"}}});
    world.object(with(object("a-young"), young));
    assert_eq!(world.blocked(), None);
    let blocked = world
        .index
        .observe(&id("a-young"), world.now)
        .unwrap()
        .blocked
        .unwrap();
    assert_eq!(blocked.reason, "OwnedElsewhere");
    assert!(blocked.message.contains("shop/web"), "{}", blocked.message);
    world.changed();
    world.handle(Event::Object(Change::Delete(id("web"))));
    assert_eq!(world.changed(), ["a-young", "web"]);
    assert_eq!(
        world
            .index
            .observe(&id("a-young"), world.now)
            .unwrap()
            .blocked,
        None
    );
    assert!(world.index.take_orphans().is_empty(), "the other has it");
}

#[test]
fn who_only_looks_on_takes_no_target_and_leaves_nothing_to_wake() {
    let mut world = World::new();
    world.object(with(object("web"), json!({"spec": {"mode": "observe"}})));
    let young = json!({"metadata": {"creationTimestamp": "2026-02-01T00:00:00Z"}, "spec": {"target": {"name": "web"}}});
    world.object(with(object("young"), young));
    let blocked = |world: &mut World, name| {
        let seen = world.index.observe(&id(name), world.now).unwrap();
        seen.blocked.map(|blocked| blocked.message)
    };
    assert_eq!(blocked(&mut world, "young"), None);
    let told = blocked(&mut world, "web").unwrap();
    assert!(told.contains("shop/young"), "{told}");
    world.handle(Event::Object(Change::Delete(id("young"))));
    assert!(world.index.take_orphans().is_empty(), "the other is there");
    world.handle(Event::Object(Change::Delete(id("web"))));
    assert!(world.index.take_orphans().is_empty());
}

#[test]
fn what_was_observed_is_read_back() {
    let mut world = World::new();
    let written = json!({"since": "2026-02-01T00:00:00Z", "sleeps": 3, "wakes": 2, "replicaHoursSaved": "-1.50"});
    world.object(with(
        object("web"),
        json!({"status": {"wouldHave": written}}),
    ));
    let read = world.see().would_have.unwrap();
    assert_eq!((read.sleeps, read.wakes), (3, 2));
    assert!((read.saved_replica_seconds + 5400.0).abs() < 1e-9);
    let broken =
        json!({"status": {"wouldHave": {"since": "yesterday", "replicaHoursSaved": "NaN"}}});
    world.object(with(object("web"), broken));
    assert_eq!(world.see().would_have, None);
}

#[test]
fn an_hpa_rules_above_its_minimum() {
    let mut world = World::new();
    assert_eq!(world.see().governed, None);
    for (min, governed) in [(3, 3), (1, 1), (0, 1)] {
        let (key, target) = (id("hpa"), target());
        world.handle(Event::Hpa(Change::Apply(Governing {
            key,
            target,
            min,
            of_keda: false,
        })));
        assert_eq!(world.see().governed, Some(governed));
    }
    let facts = world.index.facts(&id("web"), world.now).unwrap();
    assert_eq!(facts.governed.unwrap().min, 0);
    assert_eq!(facts.progress.unwrap().reason, "AutoscalerMinimumZero");
    world.handle(Event::Hpa(Change::Listed {
        scope: all(""),
        seen: nothing(),
    }));
    assert_eq!(world.see().governed, None);
}

/// What a zero is taken for, after `before` and with such an owner of the count.
fn zero(before: Option<u32>, status: Value, owner: Value) -> Option<String> {
    let mut world = World::empty();
    world.object(with(object("web"), json!({"status": status})));
    if let Some(replicas) = before {
        world.deployment(deployment("web", 20, replicas));
    }
    world.deployment(with(deployment("web", 21, 0), owner));
    world.blocked()
}

#[test]
fn a_persons_zero_stays_and_our_own_is_sleep() {
    let (ours, edited, scaled) = (
        owned("rouse-scaler", "Apply"),
        owned("kubectl-edit", "Update"),
        json!({}),
    );
    let up = json!({"replicas": 2, "observedGeneration": 1});
    let asleep = json!({"replicas": 0, "state": "Asleep", "observedGeneration": 1});
    let stopped = json!({"replicas": 0, "state": "StoppedByHand", "observedGeneration": 1});
    let older = json!({"replicas": 0, "state": "StoppedByHand", "observedGeneration": 0});
    for (what, before, status, owner, is_stopped) in [
        ("seen above zero, edited", Some(2), json!({}), &edited, true),
        (
            "seen above zero, kubectl scale leaves no owner",
            Some(2),
            json!({}),
            &scaled,
            true,
        ),
        ("recorded above zero", None, up.clone(), &edited, true),
        ("our own", Some(2), up, &ours, false),
        ("zero at first sight", None, json!({}), &edited, false),
        ("asleep, restarted", None, asleep, &scaled, false),
        ("stopped, restarted", None, stopped, &edited, true),
        (
            "stopped, and the object has changed since",
            None,
            older,
            &edited,
            false,
        ),
    ] {
        let blocked = zero(before, status, owner.clone());
        assert_eq!(
            blocked.as_deref(),
            is_stopped.then_some("StoppedByHand"),
            "{what}"
        );
    }
}

#[test]
fn a_stop_ends_with_the_object_or_the_count() {
    let mut world = World::new();
    world.deployment(deployment("web", 21, 0));
    assert_eq!(world.blocked().as_deref(), Some("StoppedByHand"));
    world.deployment(deployment("web", 22, 0));
    assert_eq!(
        world.blocked().as_deref(),
        Some("StoppedByHand"),
        "status updates of the target change nothing"
    );
    world.object(with(
        object("web"),
        json!({"metadata": {"generation": 2}, "status": {"replicas": 1}}),
    ));
    assert_eq!(world.blocked(), None);
    world.deployment(deployment("web", 23, 0));
    assert_eq!(
        world.blocked(),
        None,
        "it stays forgiven although the status is late"
    );
    world.deployment(deployment("web", 24, 1));
    world.deployment(deployment("web", 25, 0));
    assert_eq!(world.blocked().as_deref(), Some("StoppedByHand"), "again");
    world.deployment(deployment("web", 26, 1));
    assert_eq!(world.blocked(), None);
}

#[test]
fn our_own_patch_is_known_before_the_watch_tells() {
    let mut world = World::new();
    world.index.counted(
        &target(),
        Count {
            version: 30,
            replicas: 0,
        },
        true,
    );
    assert_eq!(world.blocked(), None);
    world.deployment(deployment("web", 25, 1));
    assert_eq!(
        (world.blocked(), world.see().count.unwrap().replicas),
        (None, 0),
        "an old event"
    );
    world.deployment(with(
        deployment("web", 30, 0),
        owned("rouse-scaler", "Apply"),
    ));
    assert_eq!(world.blocked(), None);
}

#[test]
fn a_custom_kinds_unowned_zero_is_sleep() {
    let mut world = World::empty();
    let target = json!({"spec": {"target": {"apiVersion": "example.com/v1", "kind": "Widget", "name": "web"}}});
    world.object(with(object("web"), target));
    world.service(service("web"));
    let widget = |version: &str, replicas, owner: Value| {
        let meta = with(
            json!({"namespace": "shop", "name": "web", "uid": "w", "resourceVersion": version}),
            owner,
        );
        let selector = super::super::selector::PodSelector::parse("app=web");
        let target =
            Target::of_meta("example.com", "Widget", &read(meta), replicas, selector).unwrap();
        Event::Target(Change::Apply(target))
    };
    world.handle(widget("20", 1, json!({})));
    world.handle(widget("21", 0, json!({})));
    assert_eq!(world.blocked(), None);
    world.handle(widget("22", 1, json!({})));
    world.handle(widget(
        "23",
        0,
        owned("kubectl-edit", "Update")["metadata"].clone(),
    ));
    assert_eq!(world.blocked().as_deref(), Some("StoppedByHand"));
}

#[test]
fn a_kept_zero_is_never_forgotten_and_sleeps_when_it_has_a_workload_again() {
    let mut owners = owned("rouse-scaler", "Apply");
    let kept = owned("rouse-kept", "Apply")["metadata"]["managedFields"][0].clone();
    owners["metadata"]["managedFields"]
        .as_array_mut()
        .unwrap()
        .push(kept);
    let mut world = World::empty();
    world.deployment(with(deployment("web", 20, 0), owners));
    assert!(world.index.forgotten().is_empty());
    world.object(object("web"));
    world.service(service("web"));
    assert_eq!(world.blocked(), None);
}

fn widgets() -> Scope {
    let kind = "example.com/Widget".to_owned();
    let namespace = None;
    Scope { namespace, kind }
}

fn with_widget() -> World {
    let mut world = World::empty();
    let target = json!({"spec": {"target": {"apiVersion": "example.com/v1", "kind": "Widget", "name": "web"}}});
    world.object(with(object("web"), target));
    world.service(service("web"));
    world
}

fn may_scale(world: &World) -> Result<(), String> {
    let (_, blocked) = world.index.scalable_of(&id("web")).unwrap();
    blocked.map_or(Ok(()), |blocked| Err(blocked.reason))
}

#[test]
fn of_a_kind_that_is_not_listed_yet_nothing_is_missing_and_nothing_is_scaled() {
    let mut world = with_widget();
    assert_eq!(world.blocked(), None, "its requests wait");
    let progress = world.see().progress.map(|progress| progress.reason);
    assert_eq!(progress.as_deref(), Some("TargetUnknown"));
    assert_eq!(may_scale(&world), Err("TargetUnknown".to_owned()));

    let trouble = KindSaid::Trouble("example.com/v1 Widget is not served".to_owned());
    world.handle(Event::Kind(widgets(), trouble.clone()));
    let blocked = world.see().blocked.unwrap();
    assert_eq!(blocked.reason, "TargetNotFound");
    assert!(blocked.message.contains("is not served"), "{blocked:?}");

    let (scope, seen) = (widgets(), HashSet::new());
    world.handle(Event::Target(Change::Listed { scope, seen }));
    let blocked = world.see().blocked.unwrap();
    assert!(
        blocked.message.contains("there is no Widget"),
        "{blocked:?}"
    );
    world.handle(Event::Kind(widgets(), trouble));
    assert_eq!(
        world.see().blocked,
        Some(blocked),
        "what was listed is known"
    );

    world.handle(Event::Kind(widgets(), KindSaid::Unwatched));
    assert_eq!(world.blocked(), None);
}

#[test]
fn a_target_whose_scale_cannot_be_read_says_why() {
    let mut world = with_widget();
    let meta = json!({"namespace": "shop", "name": "web", "uid": "w", "resourceVersion": "20"});
    let target = Target::of_meta("example.com", "Widget", &read(meta), 1, None).unwrap();
    let unreadable = Event::Unreadable(target.key.clone(), "forbidden".to_owned());
    world.handle(unreadable);
    let (scope, seen) = (widgets(), HashSet::from([target.key.clone()]));
    world.handle(Event::Target(Change::Listed { scope, seen }));
    let blocked = world.see().blocked.unwrap();
    assert!(
        blocked.message.contains("can't be read: forbidden"),
        "{blocked:?}"
    );
    world.handle(Event::Target(Change::Apply(target)));
    assert_eq!(world.blocked(), None);
    assert_eq!(may_scale(&world), Ok(()));
}

#[test]
fn a_zero_that_a_scale_finds_is_judged_when_the_watch_tells_whose_it_is() {
    let found = |version| Count {
        version,
        replicas: 0,
    };
    // Awake by a scaler of which the watch has told nothing yet; then a person's zero.
    let mut world = World::new();
    world.deployment(with(
        deployment("web", 21, 0),
        owned("rouse-scaler", "Apply"),
    ));
    world.index.counted(&target(), found(30), false);
    assert!(world.index.is_unclear(&target()));
    assert_eq!(world.blocked(), None, "not known yet");
    world.deployment(with(
        deployment("web", 22, 1),
        owned("rouse-scaler", "Update"),
    ));
    assert_eq!(world.see().count, Some(found(30)), "an old event");
    world.deployment(deployment("web", 30, 0));
    assert_eq!(world.blocked().as_deref(), Some("StoppedByHand"));

    let mut world = World::new();
    world.deployment(deployment("web", 20, 1));
    world.index.counted(&target(), found(30), false);
    world.deployment(with(
        deployment("web", 30, 0),
        owned("rouse-scaler", "Apply"),
    ));
    assert_eq!(world.blocked(), None, "another scaler's sleep");
}
