//! Callers in the cluster that use a Service's own name: `http.front`.

pub(crate) mod mistakes;

use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use rouse_testbed::apply::documents;
use serde_json::{Value, json};

use crate::cluster::{Cluster, NAMESPACE, deploy};
use crate::load::Load;
use crate::space::{App, Space};
use crate::support::{With, get, once, until};
use crate::upgrade::{PAUSES, restart, rolled_out, service};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    one_name_in_two_namespaces_leads_to_each_its_own,
    what_is_deleted_or_changed_is_restored,
    deleting_the_object_removes_slices_and_listeners,
    the_old_name_becomes_the_front_and_back_without_a_failed_request,
    the_example_wakes_by_its_name,
];

pub(crate) const ALONE: Cases = cases![proxies_and_leaders_go_under_load_and_no_request_fails,];

const OURS: &str = "endpointslice.kubernetes.io/managed-by=scaler.rouse.dev";

/// The pods of a sample, a Service of theirs, and a workload whose front has the old name.
async fn fronted(space: &Space<'_>, spec: Value) {
    pods(space).await;
    front(space, "hello").await;
    scaled(space, "hello", spec).await;
    ready(space, "hello").await;
}

async fn pods(space: &Space<'_>) {
    let app = App::new("hello");
    space
        .apply(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "hello"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "hello"}}, "template": space.template(&app)},
        }))
        .await;
    own_service(space).await;
}

async fn own_service(space: &Space<'_>) {
    space
        .apply(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "hello-pods"},
            "spec": {"selector": {"app": "hello"}, "ports": [{"port": 80, "targetPort": "http"}]},
        }))
        .await;
}

/// A Service without a selector.
pub(crate) async fn front(space: &Space<'_>, name: &str) {
    space
        .apply(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        }))
        .await;
}

/// Without a host: nobody else comes.
pub(crate) async fn scaled(space: &Space<'_>, name: &str, more: Value) {
    let mut spec =
        json!({"http": {"service": {"name": format!("{name}-pods")}, "front": {"service": name}}});
    crate::space::merge(&mut spec, &more);
    space
        .apply(json!({
            "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"name": name}, "spec": spec,
        }))
        .await;
}

/// Every proxy is behind the front.
pub(crate) async fn ready(space: &Space<'_>, name: &str) {
    let proxies = space.cluster.proxies().await.len();
    until("its status says that every proxy is there", async || {
        let status = space.object(name).await["status"].clone();
        status["front"]["proxies"].as_u64() == Some(proxies as u64)
            && space.condition(name, "FrontReady").await.0 == "True"
    })
    .await;
}

/// What the condition says: status, reason and message.
async fn said(space: &Space<'_>, name: &str) -> (String, String, String) {
    let status = space.object(name).await["status"].clone();
    let all = status["conditions"].as_array().cloned().unwrap_or_default();
    let found = all.into_iter().find(|one| one["type"] == "FrontReady");
    let field = |field: &str| {
        let text = found.as_ref().and_then(|one| one[field].as_str());
        text.unwrap_or_default().to_owned()
    };
    (field("status"), field("reason"), field("message"))
}

pub(crate) async fn told(space: &Space<'_>, name: &str, reason: &str) -> String {
    until(&format!("{name} says {reason}"), async || {
        said(space, name).await.1 == reason
    })
    .await;
    said(space, name).await.2
}

pub(crate) fn slices(space: &Space<'_>) -> Api<EndpointSlice> {
    Api::namespaced(space.cluster.client.clone(), &space.name)
}

pub(crate) async fn ours(space: &Space<'_>) -> Vec<EndpointSlice> {
    let selected = ListParams::default().labels(OURS);
    slices(space).list(&selected).await.unwrap().items
}

/// Where a caller of the Service ends up: its ready endpoints, as whoever resolves it sees them.
async fn endpoints(space: &Space<'_>, service: &str) -> Vec<SocketAddr> {
    let selected = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
    let mut all = Vec::new();
    for slice in slices(space).list(&selected).await.unwrap().items {
        let port = slice.ports.unwrap_or_default()[0].port.unwrap();
        for endpoint in slice.endpoints.unwrap_or_default() {
            let ready = endpoint.conditions.unwrap().ready;
            if ready != Some(false) {
                let address = endpoint.addresses[0].parse().unwrap();
                all.push(SocketAddr::new(address, port.try_into().unwrap()));
            }
        }
    }
    all
}

async fn one_name_in_two_namespaces_leads_to_each_its_own(cluster: &Cluster) {
    let spaces = [
        Space::new(cluster, "fronts-blue").await,
        Space::new(cluster, "fronts-green").await,
    ];
    let mut ports = Vec::new();
    for space in &spaces {
        fronted(space, json!({"idleAfter": "2s"})).await;
        ports.push(space.object("hello").await["status"]["front"]["port"].clone());
        assert_eq!(space.replicas("hello").await, 0, "asleep");
    }
    assert_ne!(ports[0], ports[1]);
    for (at, space) in spaces.iter().enumerate() {
        let full = format!("hello.{}.svc.cluster.local", space.name);
        let address = service(cluster, &space.name, "hello").await;
        let mut places = endpoints(space, "hello").await;
        assert_eq!(places.len(), 2, "{places:?}");
        // As a caller does, by the Service's address.
        places.push(address);
        for (n, place) in places.into_iter().enumerate() {
            for host in ["hello", &full] {
                let id = format!("{host}-{n}");
                let request = get(host, "/").with("x-request-id", &id);
                let answer = once(place, request).await.expect("an answer");
                assert_eq!(answer.status, 200, "{place} {host}: {answer:?}");
                assert_eq!(space.ledger().executions(&id), 1, "{place} {host}");
                if at == 0 {
                    assert_eq!(spaces[1].ledger().executions(&id), 0);
                }
            }
        }
        if at == 0 {
            assert_eq!(spaces[1].replicas("hello").await, 0, "it sleeps on");
        }
    }
    for space in spaces {
        space.until_replicas("hello", 0).await;
        space.end().await;
    }
}

async fn what_is_deleted_or_changed_is_restored(cluster: &Cluster) {
    let space = Space::new(cluster, "fronts-restored").await;
    fronted(&space, json!({})).await;
    let before = endpoints(&space, "hello").await;
    let name = ours(&space).await[0].metadata.name.clone().unwrap();
    let as_before = async |what: &str| {
        until(what, async || {
            let mut now = endpoints(&space, "hello").await;
            now.sort();
            let mut before = before.clone();
            before.sort();
            now == before && ours(&space).await.len() == 1
        })
        .await;
    };
    slices(&space)
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    as_before("it is there again, with the port that it had").await;
    for change in [
        json!({"endpoints": []}),
        json!({"ports": [{"name": "http", "port": 9, "protocol": "TCP"}]}),
        json!({"metadata": {"labels": {"endpointslice.kubernetes.io/managed-by": "somebody"}}}),
        json!({"metadata": {"labels": {"kubernetes.io/service-name": "other"}}}),
        json!({"metadata": {"ownerReferences": []}}),
    ] {
        let parameters = PatchParams::default();
        slices(&space)
            .patch(&name, &parameters, &Patch::Merge(&change))
            .await
            .unwrap();
        as_before(&change.to_string()).await;
        until("it goes with its object", async || {
            let owners = ours(&space).await.remove(0).metadata.owner_references;
            owners.is_some_and(|owners| owners.len() == 1)
        })
        .await;
    }
    let answer = once(before[0], get("hello", "/")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    // At rest nothing is written.
    let version = ours(&space).await[0].metadata.resource_version.clone();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(ours(&space).await[0].metadata.resource_version, version);
    space.end().await;
}

async fn deleting_the_object_removes_slices_and_listeners(cluster: &Cluster) {
    let space = Space::new(cluster, "fronts-deleted").await;
    fronted(&space, json!({})).await;
    let places = endpoints(&space, "hello").await;
    space
        .delete("rouse.dev/v1alpha1", "ScaledWorkload", "hello")
        .await;
    until("the slices are gone", async || {
        ours(&space).await.is_empty()
    })
    .await;
    until("nobody listens", async || {
        for place in &places {
            if tokio::net::TcpStream::connect(place).await.is_ok() {
                return false;
            }
        }
        true
    })
    .await;
    space.end().await;
}

/// Step by step as `deploy/README.md` says.
async fn the_old_name_becomes_the_front_and_back_without_a_failed_request(cluster: &Cluster) {
    let space = Space::new(cluster, "fronts-way").await;
    let running = App {
        replicas: 1,
        ..App::new("hello")
    };
    space.deploy(&running).await;
    until("it runs without Rouse", async || {
        let found = space.deployments().get("hello").await.unwrap();
        found.status.and_then(|status| status.available_replicas) == Some(1)
    })
    .await;
    let address = service(cluster, &space.name, "hello").await;
    let load = Load::start(address, "hello", PAUSES);
    load.goes_on(20).await;
    // The pods' own Service, under another name; the old one is the front.
    own_service(&space).await;
    let awake = json!({"replicas": {"min": 1}, "idleAfter": "1s"});
    scaled(&space, "hello", awake.clone()).await;
    told(&space, "hello", "FrontHasSelector").await;
    load.goes_on(20).await;
    // The old one loses its selector; what Kubernetes wrote for it stays until it is deleted.
    let paused = async |paused: Value| {
        let annotations = json!({"metadata": {"annotations": {"rouse.dev/paused": paused}}});
        space
            .patch("rouse.dev/v1alpha1", "ScaledWorkload", "hello", annotations)
            .await;
    };
    paused(json!("true")).await;
    let none = json!({"spec": {"selector": null}});
    space.patch("v1", "Service", "hello", none).await;
    let text = told(&space, "hello", "ForeignEndpoints").await;
    assert!(text.contains("endpointslice-controller"), "{text}");
    ready(&space, "hello").await;
    load.goes_on(20).await;
    let theirs =
        "kubernetes.io/service-name=hello,endpointslice.kubernetes.io/managed-by!=scaler.rouse.dev";
    let endpoints =
        json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"namespace": space.name}});
    let endpoints = crate::apply::api(&cluster.client, &endpoints).await;
    let _ = endpoints.delete("hello", &DeleteParams::default()).await;
    let selected = ListParams::default().labels(theirs);
    slices(&space)
        .delete_collection(&DeleteParams::default(), &selected)
        .await
        .unwrap();
    told(&space, "hello", "Serving").await;
    paused(Value::Null).await;
    let arrived = async || {
        let mut all = 0;
        for proxy in cluster.proxies().await {
            let metrics = proxy.metrics().await;
            let begin = r#"rouse_proxy_requests_total{workload="fronts-way/hello",code="2xx"} "#;
            let line = metrics
                .text()
                .lines()
                .find_map(|line| line.strip_prefix(begin));
            all += line.map_or(0, |count| count.parse().unwrap_or(0));
        }
        all
    };
    let before = arrived().await;
    load.goes_on(40).await;
    assert!(arrived().await >= before + 20, "all of it comes this way");
    scaled(
        &space,
        "hello",
        json!({"replicas": {"min": 0}, "idleAfter": "1s"}),
    )
    .await;
    load.goes_on(20).await;
    load.lost_nothing().await;
    space.until_replicas("hello", 0).await;
    // Seldom enough that it sleeps in between.
    let load = Load::start(address, "hello", &[2500, 2500]);
    load.goes_on(6).await;

    // And back: the selector first, then without a front.
    scaled(&space, "hello", awake).await;
    let busy = Load::start(address, "hello", PAUSES);
    busy.goes_on(20).await;
    let selector = json!({"spec": {"selector": {"app": "hello"}}});
    space.patch("v1", "Service", "hello", selector).await;
    told(&space, "hello", "FrontHasSelector").await;
    until("its pods are behind it again", async || {
        let selected = ListParams::default().labels(theirs);
        let found = slices(&space).list(&selected).await.unwrap().items;
        found.iter().any(|one| {
            let ends = one.endpoints.iter().flatten();
            ends.into_iter().any(|end| {
                end.conditions
                    .as_ref()
                    .is_some_and(|is| is.ready == Some(true))
            })
        })
    })
    .await;
    busy.goes_on(20).await;
    let without = json!({"spec": {"http": {"front": null, "hosts": ["hello.test"]}}});
    space
        .patch("rouse.dev/v1alpha1", "ScaledWorkload", "hello", without)
        .await;
    until("its slices are gone", async || {
        ours(&space).await.is_empty()
    })
    .await;
    busy.goes_on(40).await;
    busy.lost_nothing().await;
    load.lost_nothing().await;
    space.end().await;
}

async fn the_example_wakes_by_its_name(cluster: &Cluster) {
    let space = Space::new(cluster, "fronts-example").await;
    let read = |file: &str| {
        let text = std::fs::read_to_string(deploy().join("examples").join(file)).unwrap();
        documents(&text).unwrap()
    };
    let deployment = read("kubernetes/hello.yaml").remove(0);
    assert_eq!(deployment["kind"], "Deployment");
    space.apply(deployment).await;
    for object in read("fronts/hello.yaml") {
        space.apply(object).await;
    }
    ready(&space, "hello").await;
    space.until_replicas("hello", 0).await;
    let address = service(cluster, &space.name, "hello").await;
    let answer = once(address, get("hello", "/")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text().contains("hello"), "{}", answer.text());
    space.end().await;
}

async fn proxies_and_leaders_go_under_load_and_no_request_fails(cluster: &Cluster) {
    let space = Space::new(cluster, "fronts-load").await;
    fronted(&space, json!({"idleAfter": "1s"})).await;
    let address = service(cluster, &space.name, "hello").await;
    let port = space.object("hello").await["status"]["front"]["port"].clone();
    let load = Load::start(address, "hello", PAUSES);
    let cold = Load::start(address, "hello", &[2500]);
    load.goes_on(20).await;
    let same = async || {
        cluster.whole().await;
        ready(&space, "hello").await;
        assert_eq!(space.object("hello").await["status"]["front"]["port"], port);
        load.goes_on(20).await;
    };
    // A proxy is told to go, and another comes.
    let proxy = cluster.proxies().await.remove(0);
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    pods.delete(&proxy.name, &DeleteParams::default())
        .await
        .unwrap();
    let place = SocketAddr::new(proxy.address, port.as_u64().unwrap().try_into().unwrap());
    until("it is there no more", async || {
        !endpoints(&space, "hello").await.contains(&place)
    })
    .await;
    same().await;
    // The leader dies, and the other knows the ports.
    let leader = cluster.leader().await.unwrap();
    cluster.kill(&leader, "scaler");
    until("its death is seen", async || {
        !cluster.scalers().await.contains(&leader)
    })
    .await;
    same().await;
    // All of Rouse is replaced.
    for part in ["rouse-scaler", "rouse-proxy"] {
        restart(cluster, part, "fronts").await;
    }
    for part in ["rouse-scaler", "rouse-proxy"] {
        rolled_out(cluster, part).await;
    }
    same().await;
    load.lost_nothing().await;
    cold.lost_nothing().await;
    space.end().await;
}
