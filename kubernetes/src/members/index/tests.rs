use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::MemberIndex;

fn pod(uid: &str, status: &Value) -> Pod {
    let metadata = json!({"name": uid, "uid": uid});
    serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap()
}

fn container(name: &str, restarts: i32, state: &str) -> Value {
    json!({
        "name": name, "restartCount": restarts, "containerID": format!("x://{name}-{restarts}"),
        "image": "", "imageID": "", "ready": false, "state": {state: {"exitCode": 1}},
    })
}

fn status(restarts: i32, state: &str) -> Value {
    json!({"phase": "Running", "containerStatuses": [container("proxy", restarts, state)]})
}

fn running(uid: &str) -> Pod {
    pod(uid, &status(0, "running"))
}

struct World(MemberIndex);

impl World {
    /// After a list with these Pods.
    fn listed(pods: &[Pod]) -> (Self, Vec<String>) {
        let mut world = Self(MemberIndex::new("proxy"));
        let told = world.list(pods);
        (world, told)
    }

    fn list(&mut self, pods: &[Pod]) -> Vec<String> {
        assert!(self.take(Event::Init).is_empty());
        for pod in pods {
            assert!(self.take(Event::InitApply(pod.clone())).is_empty());
        }
        self.take(Event::InitDone)
    }

    fn take(&mut self, event: Event<Pod>) -> Vec<String> {
        let text = |set: BTreeSet<_>| set.into_iter().collect::<Vec<_>>().join(",");
        self.0.take(event).into_iter().map(text).collect()
    }

    fn apply(&mut self, pod: Pod) -> Vec<String> {
        self.take(Event::Apply(pod))
    }
}

#[test]
fn the_first_list_is_told_even_if_empty() {
    assert_eq!(World::listed(&[]).1, [""]);
    assert_eq!(World::listed(&[running("b"), running("a")]).1, ["a,b"]);
}

#[test]
fn a_pod_counts_from_when_its_container_runs_until_it_does_not() {
    let (mut world, _) = World::listed(&[]);
    assert!(
        world
            .apply(pod("a", &json!({"phase": "Pending"})))
            .is_empty()
    );
    assert!(world.apply(pod("a", &status(0, "waiting"))).is_empty());
    assert_eq!(world.apply(running("a")), ["a"]);
    assert!(world.apply(running("a")).is_empty(), "nothing has changed");
    let mut ending = running("a");
    ending.metadata.deletion_timestamp =
        serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    assert!(world.apply(ending).is_empty(), "it still runs");
    assert_eq!(world.apply(pod("a", &status(0, "terminated"))), [""]);
    assert!(world.take(Event::Delete(running("a"))).is_empty());
}

#[test]
fn a_deleted_and_a_failed_pod_are_gone() {
    let (mut world, _) = World::listed(&[running("a"), running("b")]);
    assert_eq!(world.take(Event::Delete(running("a"))), ["b"]);
    let mut failed = status(0, "running");
    failed["phase"] = json!("Failed");
    assert_eq!(world.apply(pod("b", &failed)), [""]);
}

#[test]
fn a_restart_between_two_events_is_told_as_gone_and_there_again() {
    let (mut world, _) = World::listed(&[running("a"), running("b")]);
    let again = pod("a", &status(1, "running"));
    assert_eq!(world.apply(again.clone()), ["b", "a,b"]);
    assert!(world.apply(again).is_empty());
}

#[test]
fn so_is_one_that_a_new_list_shows_together_with_what_went_meanwhile() {
    let (mut world, _) = World::listed(&[running("a"), running("b")]);
    let told = world.list(&[pod("a", &status(1, "running")), running("c")]);
    assert_eq!(told, ["c", "a,c"]);
    assert!(
        world
            .list(&[pod("a", &status(1, "running")), running("c")])
            .is_empty()
    );
}

#[test]
fn a_list_that_was_broken_off_changes_nothing() {
    let (mut world, _) = World::listed(&[running("a")]);
    assert!(world.take(Event::Init).is_empty());
    assert!(world.take(Event::InitApply(running("b"))).is_empty());
    assert!(world.list(&[running("a")]).is_empty());
}

#[test]
fn of_several_containers_the_proxys_counts_and_without_one_any() {
    let (mut world, _) = World::listed(&[]);
    let beside = |proxy: &str| json!({"phase": "Running", "containerStatuses": [container("istio-proxy", 0, "running"), container("proxy", 0, proxy)]});
    assert_eq!(world.apply(pod("a", &beside("running"))), ["a"]);
    assert_eq!(world.apply(pod("a", &beside("terminated"))), [""]);
    let other =
        json!({"phase": "Running", "containerStatuses": [container("gateway", 0, "running")]});
    assert_eq!(world.apply(pod("b", &other)), ["b"]);
    let other =
        json!({"phase": "Running", "containerStatuses": [container("gateway", 1, "running")]});
    assert!(
        world.apply(pod("b", &other)).is_empty(),
        "it may not be the proxy"
    );
}
