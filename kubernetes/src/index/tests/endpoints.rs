use std::time::Duration;

use rouse_api::workload::{Probe, ProbeAction, Protocol};
use rouse_scaler::platform::{Count, ReplicaState};
use serde_json::json;

use super::*;

#[test]
fn a_pod_is_an_endpoint_once_it_has_an_address() {
    let mut world = World::new();
    world.pod(with(pod("a", "web"), json!({"status": {"podIP": null}})));
    assert_eq!(world.see().replicas, []);
    world.wait(1);
    world.pod(pod("a", "web"));
    let started = world.now;
    world.wait(1);
    let replica = world.see().replicas.remove(0);
    assert_eq!(replica.address.to_string(), "10.244.0.9:8080");
    assert_eq!(&*replica.id.0, "p-a:8080");
    assert_eq!(replica.state, ReplicaState::Starting);
    assert_eq!((replica.started, replica.ready_since), (started, None));
    world.pod(with(pod("a", "web"), ready()));
    let replica = world.see().replicas.remove(0);
    assert_eq!(replica.state, ReplicaState::Ready);
    assert_eq!(replica.ready_since, Some(world.now));
}

#[test]
fn terminating_pods_are_left_at_once_and_ended_ones_vanish() {
    let mut world = World::new();
    let up = with(pod("a", "web"), ready());
    world.pod(with(
        up.clone(),
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
    ));
    assert_eq!(world.see().replicas[0].state, ReplicaState::Terminating);
    for phase in ["Succeeded", "Failed"] {
        world.pod(with(up.clone(), json!({"status": {"phase": phase}})));
        assert_eq!(world.see().replicas, [], "{phase}");
    }
}

#[test]
fn only_pods_of_the_service_that_are_the_targets_too() {
    let mut world = World::new();
    world.deployment(with(
        deployment("web", 21, 1),
        json!({"spec": {"selector": {"matchLabels": {"app": "web", "track": "stable"}}}}),
    ));
    let stable = json!({"metadata": {"labels": {"track": "stable"}}});
    world.pod(with(pod("stable", "web"), stable.clone()));
    world.pod(with(
        pod("canary", "web"),
        json!({"metadata": {"labels": {"track": "canary"}}}),
    ));
    world.pod(with(pod("other", "api"), stable.clone()));
    world.pod(with(
        pod("far", "web"),
        with(stable, json!({"metadata": {"namespace": "elsewhere"}})),
    ));
    let ids: Vec<_> = world
        .see()
        .replicas
        .into_iter()
        .map(|replica| replica.id.0.to_string())
        .collect();
    assert_eq!(ids, ["p-stable:8080"]);
}

#[test]
fn a_changed_label_selector_or_port_counts_at_once() {
    let mut world = World::new();
    world.pod(pod("a", "web"));
    world.changed();
    world.pod(with(
        pod("a", "web"),
        json!({"metadata": {"labels": {"app": "none"}}}),
    ));
    assert_eq!(world.changed(), ["web"]);
    assert_eq!(world.see().replicas, []);
    world.service(with(
        service("web"),
        json!({"spec": {"selector": {"app": "none"}}}),
    ));
    world.deployment(with(
        deployment("web", 22, 1),
        json!({"spec": {"selector": {"matchLabels": {"app": "none"}}}}),
    ));
    assert_eq!(world.see().replicas.len(), 1);
    assert_eq!(world.changed(), ["web"]);
    world.pod(with(pod("b", "none"), json!({})));
    assert_eq!(world.changed(), ["web"], "found by its new selector");
    world.service(with(
        service("web"),
        json!({"spec": {"selector": {"app": "none"}, "ports": [{"port": 80, "targetPort": "web"}]}}),
    ));
    assert_eq!(world.see().replicas[0].address.port(), 8081);
}

#[test]
fn a_pod_made_anew_under_its_old_name_is_another() {
    let mut world = World::new();
    world.pod(with(pod("a-0", "web"), ready()));
    world.wait(5);
    world.pod(with(
        pod("a-0", "web"),
        json!({"metadata": {"uid": "second"}}),
    ));
    let replica = world.see().replicas.remove(0);
    assert_eq!(&*replica.id.0, "second:8080");
    assert_eq!((replica.started, replica.ready_since), (world.now, None));
}

#[test]
fn a_list_without_a_pod_means_that_it_is_gone() {
    let mut world = World::new();
    world.pod(pod("a", "web"));
    world.pod(pod("b", "web"));
    let seen = [id("b")].into();
    world.handle(Event::Pod(Change::Listed {
        scope: all(""),
        seen,
    }));
    assert_eq!(world.see().replicas.len(), 1);
    let other = Scope {
        namespace: Some("elsewhere".to_owned()),
        kind: String::new(),
    };
    world.handle(Event::Pod(Change::Listed {
        scope: other,
        seen: nothing(),
    }));
    assert_eq!(
        world.see().replicas.len(),
        1,
        "a list of another namespace says nothing"
    );
}

/// What a container's spec comes to; `None`: kubelet's word.
fn probe_of(spec: Value) -> Option<Probe> {
    let mut world = World::new();
    world.pod(with(pod("a", "web"), json!({"spec": spec})));
    world.see().replicas[0].probe.as_deref().cloned()
}

#[test]
fn the_pods_own_probe_is_tried_directly() {
    let container = |probe: Value| {
        json!({"containers": [{"name": "main", "readinessProbe": probe,
        "ports": [{"name": "health", "containerPort": 9000}]}]})
    };
    let probe = probe_of(container(json!({
        "httpGet": {"path": "/ok", "port": "health", "httpHeaders": [{"name": "a", "value": "b"}]},
        "timeoutSeconds": 2, "periodSeconds": 7, "successThreshold": 3, "failureThreshold": 4, "initialDelaySeconds": 9
    })))
    .unwrap();
    let action = ProbeAction::HttpGet {
        path: "/ok".to_owned(),
        headers: vec![("a".to_owned(), "b".to_owned())],
        port: Some(9000),
    };
    assert_eq!(probe.action, action);
    assert_eq!(
        (probe.timeout, probe.period),
        (Duration::from_secs(2), Duration::from_secs(7))
    );
    assert_eq!((probe.success_threshold, probe.failure_threshold), (3, 4));
    let tcp = probe_of(container(json!({"tcpSocket": {"port": 8080}}))).unwrap();
    assert_eq!(tcp.action, ProbeAction::TcpSocket { port: Some(8080) });
    let grpc = probe_of(container(json!({"grpc": {"port": 50051, "service": "s"}}))).unwrap();
    assert_eq!(
        grpc.action,
        ProbeAction::Grpc {
            service: "s".to_owned(),
            port: Some(50051)
        }
    );
    let none = probe_of(json!({"containers": [{"name": "main"}]})).unwrap();
    assert_eq!(none.action, ProbeAction::TcpSocket { port: None });
}

#[test]
fn what_can_not_be_tried_from_outside_waits_for_kubelet() {
    let tcp = json!({"tcpSocket": {"port": 1}});
    for (what, spec) in [
        (
            "exec",
            json!({"containers": [{"name": "a", "readinessProbe": {"exec": {"command": ["true"]}}}]}),
        ),
        (
            "https",
            json!({"containers": [{"name": "a", "readinessProbe": {"httpGet": {"port": 1, "scheme": "HTTPS"}}}]}),
        ),
        (
            "another host",
            json!({"containers": [{"name": "a", "readinessProbe": {"httpGet": {"port": 1, "host": "x"}}}]}),
        ),
        (
            "a port of no name",
            json!({"containers": [{"name": "a", "readinessProbe": {"httpGet": {"port": "x"}}}]}),
        ),
        (
            "two probes",
            json!({"containers": [{"name": "a", "readinessProbe": tcp}, {"name": "b", "readinessProbe": tcp}]}),
        ),
        (
            "a startup probe",
            json!({"containers": [{"name": "a", "readinessProbe": tcp}, {"name": "b", "startupProbe": tcp}]}),
        ),
        (
            "a gate",
            json!({"containers": [{"name": "a"}], "readinessGates": [{"conditionType": "x"}]}),
        ),
        (
            "a probing sidecar",
            json!({"containers": [{"name": "a", "readinessProbe": tcp}],
            "initContainers": [{"name": "b", "restartPolicy": "Always", "readinessProbe": tcp}]}),
        ),
    ] {
        assert_eq!(probe_of(spec), None, "{what}");
    }
}

#[test]
fn after_kubelet_saw_it_ready_nobody_else_may_say_so() {
    let mut world = World::new();
    world.pod(with(pod("a", "web"), ready()));
    world.pod(pod("a", "web"));
    let replica = world.see().replicas.remove(0);
    assert_eq!(
        (replica.state, replica.probe),
        (ReplicaState::Starting, None)
    );
}

#[test]
fn readiness_kubelet_gives_no_probe() {
    let mut world = World::new();
    world.object(with(
        object("web"),
        json!({"spec": {"http": {"readiness": "kubelet"}}}),
    ));
    world.pod(pod("a", "web"));
    assert_eq!(world.see().replicas[0].probe, None);
}

#[test]
fn a_worker_needs_neither_service_nor_port() {
    let mut world = World::empty();
    world.object(with(
        object("web"),
        json!({"spec": {"http": null, "replicas": {"min": 1}}}),
    ));
    world.deployment(deployment("web", 20, 1));
    world.pod(with(pod("a", "web"), ready()));
    let seen = world.see();
    assert_eq!((seen.replicas.len(), seen.failure), (1, None));
    assert_eq!(&*seen.replicas[0].id.0, "p-a");
}

#[test]
fn the_services_address_and_protocol() {
    let mut world = World::new();
    assert_eq!(world.see().service.unwrap().to_string(), "10.96.0.7:80");
    for (port, protocol) in [
        (json!({"port": 80}), Protocol::Http1),
        (
            json!({"port": 80, "appProtocol": "kubernetes.io/h2c"}),
            Protocol::H2c,
        ),
        (json!({"port": 80, "appProtocol": "grpc"}), Protocol::H2c),
        (json!({"port": 80, "name": "grpc-api"}), Protocol::H2c),
        (
            json!({"port": 80, "name": "grpc-api", "appProtocol": "http"}),
            Protocol::Http1,
        ),
    ] {
        world.service(with(
            service("web"),
            json!({"spec": {"ports": [port], "clusterIP": "None"}}),
        ));
        let workload = world.index.workloads().remove(0);
        assert_eq!(workload.http.unwrap().protocol, protocol, "{port}");
        assert_eq!(world.see().service, None, "headless");
    }
}

#[test]
fn an_older_count_never_replaces_a_newer_one() {
    let mut world = World::new();
    let key = world.index.entries[&id("web")].target.clone().unwrap();
    world.index.counted(
        &key,
        Count {
            version: 30,
            replicas: 4,
        },
        true,
    );
    world.deployment(deployment("web", 25, 1));
    assert_eq!(
        world.see().count,
        Some(Count {
            version: 30,
            replicas: 4
        })
    );
    world.index.counted(
        &key,
        Count {
            version: 29,
            replicas: 2,
        },
        true,
    );
    assert_eq!(
        world.see().count,
        Some(Count {
            version: 30,
            replicas: 4
        })
    );
    world.deployment(deployment("web", 31, 3));
    assert_eq!(
        world.see().count,
        Some(Count {
            version: 31,
            replicas: 3
        })
    );
}

#[test]
fn one_pod_concerns_only_its_own_workload() {
    let mut world = World::new();
    for name in ["api", "db"] {
        world.object(object(name));
        world.deployment(deployment(name, 20, 1));
        world.service(service(name));
    }
    world.changed();
    world.pod(pod("a", "api"));
    assert_eq!(world.changed(), ["api"]);
    world.pod(pod("x", "unknown"));
    assert_eq!(world.changed(), [""; 0]);
}

#[test]
fn those_that_are_to_go_cost_less_and_what_others_wrote_stays() {
    let mut world = World::new();
    let cost = |name: &str, cost: serde_json::Value| {
        let cost = json!({"metadata": {"annotations": {crate::scale::cost::ANNOTATION: cost}}});
        with(with(pod(name, "web"), ready()), cost)
    };
    world.pod(with(pod("plain", "web"), ready()));
    world.pod(with(pod("stays", "web"), ready()));
    world.pod(cost("marked", json!(crate::scale::cost::GOES)));
    world.pod(cost("left", json!(crate::scale::cost::GOES)));
    world.pod(cost("theirs", json!("5")));
    let victims = [
        "p-plain:8080",
        "p-marked:8080",
        "p-theirs:8080",
        "p-gone:8080",
    ];
    let victims = victims.map(|name| rouse_api::link::EndpointId(name.into()));
    let costs = world.index.costs(&id("web"), &victims);
    let told: Vec<_> = costs
        .iter()
        .map(|cost| (&*cost.name, &*cost.uid, cost.goes))
        .collect();
    assert_eq!(
        told,
        [("left", "p-left", false), ("plain", "p-plain", true)]
    );
}
