use serde_json::json;

use super::super::note::{Note, NoteReason};
use super::*;

fn waiting(reason: &str, restarts: i32) -> Value {
    json!({"status": {"phase": "Pending", "containerStatuses": [{"name": "main", "image": "", "imageID": "", "ready": false,
        "restartCount": restarts, "state": {"waiting": {"reason": reason, "message": "as kubelet says"}}}]}})
}

fn unschedulable() -> Value {
    json!({"status": {"phase": "Pending", "podIP": null, "conditions": [{"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/3 nodes are available"}]}})
}

fn note(world: &World, reason: NoteReason, about: &str, name: &str) -> Event {
    Event::Note(Note {
        reason,
        about: about.into(),
        name: id(name),
        message: "as the autoscaler says".to_owned(),
        at: world.now,
    })
}

#[test]
fn what_kubelet_gives_up_is_final_in_its_words() {
    for (reason, restarts, is_final) in [
        ("ImagePullBackOff", 0, true),
        ("InvalidImageName", 0, true),
        ("CreateContainerConfigError", 0, true),
        ("CreateContainerError", 0, true),
        ("ErrImagePull", 0, false),
        ("CrashLoopBackOff", 1, false),
        ("CrashLoopBackOff", 2, true),
    ] {
        let mut world = World::new();
        world.pod(with(pod("a", "web"), waiting(reason, restarts)));
        let seen = world.see();
        let told = if is_final {
            seen.failure.clone()
        } else {
            seen.progress.clone()
        }
        .unwrap();
        assert_eq!(told.reason, reason);
        assert!(
            told.message.contains("pod a") && told.message.contains("as kubelet says"),
            "{}",
            told.message
        );
        assert_eq!(seen.failure.is_some(), is_final, "{reason} {restarts}");
    }
}

#[test]
fn an_image_is_missing_for_good_the_second_time() {
    let mut world = World::new();
    for (reason, is_final) in [
        ("ErrImagePull", false),
        ("ImagePullBackOff", true),
        ("ErrImagePull", true),
    ] {
        world.pod(with(pod("a", "web"), waiting(reason, 0)));
        assert_eq!(world.reason().is_some(), is_final, "{reason}");
    }
}

#[test]
fn a_crash_loop_is_told_with_its_exit_between_the_back_offs_too() {
    let mut world = World::new();
    world.pod(with(
        pod("a", "web"),
        json!({"status": {"containerStatuses": [{"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"terminated": {"exitCode": 3, "reason": "OOMKilled"}}}]}}),
    ));
    let failure = world.see().failure.unwrap();
    assert_eq!(failure.reason, "CrashLoopBackOff");
    assert!(
        failure.message.contains("exit code 3, OOMKilled"),
        "{}",
        failure.message
    );
}

#[test]
fn nothing_is_final_while_another_pod_may_come_up_or_is_up() {
    let mut world = World::new();
    world.pod(with(pod("a", "web"), waiting("ImagePullBackOff", 0)));
    world.pod(pod("b", "web"));
    assert_eq!(
        (world.reason(), world.progress().as_deref()),
        (None, Some("ImagePullBackOff"))
    );
    world.pod(with(pod("b", "web"), ready()));
    assert_eq!((world.reason(), world.progress()), (None, None));
    world.handle(Event::Pod(Change::Delete(id("b"))));
    assert_eq!(world.reason().as_deref(), Some("ImagePullBackOff"));
    world.handle(Event::Pod(Change::Delete(id("a"))));
    assert_eq!(world.reason(), None, "the pods have changed");
}

#[test]
fn unschedulable_is_progress_until_its_time_is_over() {
    let mut world = World::new();
    world.pod(with(pod("a", "web"), unschedulable()));
    let progress = world.see().progress.unwrap();
    assert!(
        progress.message.contains("0/3 nodes are available"),
        "{}",
        progress.message
    );
    world.changed();
    let due = world.index.next_due().unwrap();
    assert_eq!(due, world.now + UNSCHEDULABLE_WAIT);
    world.wait(60);
    assert_eq!(world.changed(), ["web"]);
    assert_eq!(world.reason().as_deref(), Some("Unschedulable"));
}

#[test]
fn the_autoscaler_of_nodes_decides_earlier() {
    let mut world = World::new();
    world.pod(with(pod("a", "web"), unschedulable()));
    world.changed();
    world.handle(note(&world, NoteReason::TriggeredScaleUp, "p-a", "a"));
    assert_eq!(world.changed(), ["web"]);
    world.wait(600);
    assert_eq!(
        (world.reason(), world.progress().as_deref()),
        (None, Some("Unschedulable"))
    );
    world.handle(note(&world, NoteReason::NotTriggerScaleUp, "p-a", "a"));
    let failure = world.see().failure.unwrap();
    assert!(
        failure.message.contains("as the autoscaler says"),
        "{}",
        failure.message
    );
}

#[test]
fn container_creating_is_told_when_it_takes_long() {
    let mut world = World::new();
    world.pod(with(pod("a", "web"), waiting("ContainerCreating", 0)));
    assert_eq!(world.progress(), None);
    world.wait(5);
    assert_eq!(world.changed(), ["web"]);
    assert_eq!(
        (world.reason(), world.progress().as_deref()),
        (None, Some("ContainerCreating"))
    );
}

#[test]
fn a_controller_that_can_not_make_pods() {
    let mut world = World::new();
    let failed = json!({"status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "exceeded quota"}]}});
    world.deployment(with(deployment("web", 21, 1), failed.clone()));
    let failure = world.see().failure.unwrap();
    assert_eq!(failure.reason, "FailedCreate");
    assert!(
        failure.message.contains("exceeded quota"),
        "{}",
        failure.message
    );
    world.deployment(with(deployment("web", 22, 0), failed));
    assert_eq!(world.reason(), None, "asleep, nothing is wanted");
}

#[test]
fn a_stateful_set_says_so_in_an_event() {
    let mut world = World::empty();
    world.object(with(
        object("web"),
        json!({"spec": {"target": {"kind": "StatefulSet", "name": "web"}}}),
    ));
    world.service(service("web"));
    let target = Target::stateful_set(read(deployment("web", 20, 1))).unwrap();
    world.handle(Event::Target(Change::Apply(target)));
    world.changed();
    world.handle(note(&world, NoteReason::FailedCreate, "d-web", "web"));
    assert_eq!(world.changed(), ["web"]);
    assert_eq!(world.reason().as_deref(), Some("FailedCreate"));
    world.wait(61);
    assert_eq!(
        (world.reason(), world.progress().as_deref()),
        (None, Some("NoPods"))
    );
}

#[test]
fn a_service_that_can_not_be_used_is_told() {
    for (patch, reason) in [
        (
            json!({"spec": {"ports": [{"port": 80}, {"port": 81, "name": "b"}]}}),
            "ServicePortNotFound",
        ),
        (
            json!({"spec": {"selector": null}}),
            "ServiceWithoutSelector",
        ),
        (
            json!({"spec": {"ports": [{"port": 80, "targetPort": "none"}]}}),
            "PortNotFound",
        ),
    ] {
        let mut world = World::new();
        world.pod(pod("a", "web"));
        world.service(with(service("web"), patch));
        assert_eq!(world.reason().as_deref(), Some(reason));
    }
    let mut world = World::new();
    world.handle(Event::Service(Change::Delete(id("web"))));
    assert_eq!(world.reason().as_deref(), Some("ServiceNotFound"));
    world.service(service("web"));
    assert_eq!(world.reason(), None);
}
