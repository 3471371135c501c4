use serde_json::json;

use super::super::state::PodState;
use super::*;

fn pod(spec: serde_json::Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "generation": 1}, "spec": spec,
    }))
    .unwrap()
}

fn one() -> serde_json::Value {
    json!({"containers": [{"name": "c", "image": "i", "readinessProbe": {"tcpSocket": {"port": 80}}}]})
}

fn running() -> ContainerSeen {
    ContainerSeen {
        reported: true,
        now: Now::Running {
            at: Timestamp::UNIX_EPOCH,
            since: tokio::time::Instant::now(),
        },
        id: Some("process://1".to_owned()),
        ..ContainerSeen::default()
    }
}

fn ended_with(code: i32) -> ContainerSeen {
    ContainerSeen {
        now: Now::Terminated(Terminated {
            code,
            reason: "Error".to_owned(),
            message: String::new(),
            id: None,
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::UNIX_EPOCH,
        }),
        ..running()
    }
}

fn seen(containers: impl IntoIterator<Item = (&'static str, ContainerSeen)>) -> Seen {
    let containers = containers.into_iter();
    Seen {
        ip: Some([10, 244, 0, 9].into()),
        sandbox: true,
        containers: containers
            .map(|(name, seen)| (name.to_owned(), seen))
            .collect(),
        ..Seen::default()
    }
}

fn status(pod: &Pod, seen: &Seen) -> PodStatus {
    build(
        pod,
        seen,
        [10, 244, 0, 1].into(),
        None,
        Timestamp::UNIX_EPOCH,
    )
}

fn condition_of<'a>(status: &'a PodStatus, type_: &str) -> &'a PodCondition {
    let conditions = status.conditions.as_ref().unwrap();
    conditions
        .iter()
        .find(|found| found.type_ == type_)
        .unwrap()
}

#[test]
fn address_and_running_come_together() {
    let pod = pod(one());
    let mut facts = seen([("c", running())]);
    facts.containers.get_mut("c").unwrap().reported = false;
    let before = status(&pod, &facts);
    assert_eq!(
        (before.phase.as_deref(), before.pod_ip),
        (Some("Pending"), None)
    );
    let waiting = before.container_statuses.unwrap()[0]
        .state
        .clone()
        .unwrap()
        .waiting;
    assert_eq!(
        waiting.unwrap().reason.as_deref(),
        Some("ContainerCreating")
    );

    let after = status(&pod, &seen([("c", running())]));
    assert_eq!(after.pod_ip.as_deref(), Some("10.244.0.9"));
    assert_eq!(after.phase.as_deref(), Some("Running"));
    assert_eq!(condition_of(&after, "Ready").status, "False");
    assert_eq!(
        condition_of(&after, "Ready").reason.as_deref(),
        Some("ContainersNotReady")
    );
}

#[test]
fn ready_follows_the_probe_and_the_gates() {
    let mut spec = one();
    let passing = ContainerSeen {
        readiness: true,
        ..running()
    };
    let facts = seen([("c", passing)]);
    let done = status(&pod(spec.clone()), &facts);
    assert_eq!(condition_of(&done, "Ready").status, "True");
    assert!(done.container_statuses.unwrap()[0].ready);

    spec["readinessGates"] = json!([{"conditionType": "example.com/gate"}]);
    let mut gated = pod(spec);
    let closed = status(&gated, &facts);
    assert_eq!(condition_of(&closed, "ContainersReady").status, "True");
    assert_eq!(
        condition_of(&closed, "Ready").reason.as_deref(),
        Some("ReadinessGatesNotReady")
    );
    gated.status = serde_json::from_value(
        json!({"conditions": [{"type": "example.com/gate", "status": "True"}]}),
    )
    .unwrap();
    assert_eq!(
        condition_of(&status(&gated, &facts), "Ready").status,
        "True"
    );
}

#[test]
fn startup_probe_holds_readiness_back() {
    let spec = json!({"containers": [{"name": "c", "startupProbe": {"tcpSocket": {"port": 80}}}]});
    let pod = pod(spec);
    let before = status(&pod, &seen([("c", running())]));
    assert_eq!(before.container_statuses.unwrap()[0].started, Some(false));
    let passed = ContainerSeen {
        startup: true,
        ..running()
    };
    let after = status(&pod, &seen([("c", passed)]));
    assert_eq!(condition_of(&after, "Ready").status, "True");
}

#[test]
fn phases() {
    let policy = |policy: &str| {
        let mut spec = one();
        spec["restartPolicy"] = json!(policy);
        pod(spec)
    };
    let phase = |pod: &Pod, facts: &Seen| status(pod, facts).phase.unwrap();
    let (good, bad) = (seen([("c", ended_with(0))]), seen([("c", ended_with(1))]));
    assert_eq!(phase(&policy("Always"), &good), "Running");
    assert_eq!(phase(&policy("Never"), &good), "Succeeded");
    assert_eq!(phase(&policy("Never"), &bad), "Failed");
    assert_eq!(phase(&policy("OnFailure"), &bad), "Running");
    let over = |mut facts: Seen| {
        facts.ended = true;
        facts
    };
    assert_eq!(phase(&policy("Always"), &over(good)), "Succeeded");
    assert_eq!(phase(&policy("Always"), &over(bad)), "Failed");
    assert_eq!(phase(&policy("Always"), &over(seen([]))), "Failed");
}

#[test]
fn init_containers_come_first() {
    let pod = pod(json!({"initContainers": [{"name": "i"}], "containers": [{"name": "c"}]}));
    let before = status(&pod, &seen([("i", running())]));
    assert_eq!(before.phase.as_deref(), Some("Pending"));
    assert_eq!(condition_of(&before, "Initialized").status, "False");
    let waiting = before.container_statuses.unwrap()[0]
        .state
        .clone()
        .unwrap()
        .waiting;
    assert_eq!(waiting.unwrap().reason.as_deref(), Some("PodInitializing"));
    let after = status(&pod, &seen([("i", ended_with(0)), ("c", running())]));
    assert_eq!(after.phase.as_deref(), Some("Running"));
    assert_eq!(condition_of(&after, "Initialized").status, "True");
}

#[test]
fn transition_times_stay_until_the_transition() {
    let pod = pod(one());
    let first = status(&pod, &seen([("c", running())]));
    let later = Timestamp::from_second(100).unwrap();
    let again = |facts: &Seen| build(&pod, facts, [10, 244, 0, 1].into(), Some(&first), later);
    assert_eq!(again(&seen([("c", running())])), first);
    let passing = ContainerSeen {
        readiness: true,
        ..running()
    };
    let changed = again(&seen([("c", passing)]));
    assert_eq!(
        condition_of(&changed, "Ready").last_transition_time,
        Some(Time(later))
    );
    let kept = condition_of(&changed, "Initialized")
        .last_transition_time
        .clone();
    assert_eq!(kept, Some(Time(Timestamp::UNIX_EPOCH)));
}

#[test]
fn only_a_pods_own_changes_count() {
    let state = PodState::new(pod(one()));
    let mut same = pod(one());
    same.status = Some(status(&same, &seen([])));
    assert!(!state.replace(same.clone()));
    same.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    assert!(state.replace(same));
}
