//! Into use, to another version and out of use, each under load: no request fails. Alone, one after the other.

use std::net::SocketAddr;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::by_hand;
use crate::cluster::{Cluster, NAMESPACE};
use crate::load::Load;
use crate::space::{App, Space};
use crate::support::until;
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    replacing_all_of_rouse_loses_nothing,
    the_way_in_and_the_way_out_lose_nothing,
    from_the_previous_build_to_this_one_and_back,
];

/// The image that is the program of the commit before, when there is one.
pub(crate) const PREVIOUS_IMAGE: &str = "rouse-previous";
/// Its program; `cargo xtask test --long` builds it.
pub(crate) const PREVIOUS: &str = "ROUSE_PREVIOUS";

/// A client that keeps it awake, one that lets it fall asleep each time, and one in between.
pub(crate) const PAUSES: &[u64] = &[20, 300, 1900];

/// A Service's own address: whoever is ready behind it gets the connection.
pub(crate) async fn service(cluster: &Cluster, namespace: &str, name: &str) -> SocketAddr {
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), namespace);
    let spec = services.get(name).await.unwrap().spec.unwrap();
    let address = spec.cluster_ip.unwrap().parse().unwrap();
    SocketAddr::new(address, 80)
}

pub(crate) async fn patch(cluster: &Cluster, part: &str, patch: Value) {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let parameters = PatchParams::default();
    let patch = Patch::Strategic(patch);
    let patched = deployments.patch(part, &parameters, &patch);
    patched.await.unwrap();
}

/// As `kubectl rollout status`, for a part of Rouse.
pub(crate) async fn rolled_out(cluster: &Cluster, part: &str) {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    until(&format!("{part} is rolled out"), async || {
        let found = deployments.get(part).await.unwrap();
        let status = found.status.unwrap_or_default();
        let wanted = found.spec.replicas;
        status.observed_generation == found.metadata.generation
            && status.replicas == wanted
            && status.updated_replicas == wanted
            && status.available_replicas == wanted
    })
    .await;
}

/// As `kubectl rollout restart`.
pub(crate) async fn restart(cluster: &Cluster, part: &str, mark: &str) {
    let annotations = json!({"kubectl.kubernetes.io/restartedAt": mark});
    let template = json!({"metadata": {"annotations": annotations}});
    patch(cluster, part, json!({"spec": {"template": template}})).await;
}

async fn image(cluster: &Cluster, part: &str, image: &str) {
    let container = json!({"name": part.trim_start_matches("rouse-"), "image": image});
    let template = json!({"spec": {"containers": [container]}});
    patch(cluster, part, json!({"spec": {"template": template}})).await;
}

/// Two workloads under load, one that is always awake and one that falls asleep again and again.
pub(crate) struct Busy<'a> {
    space: Space<'a>,
    loads: Vec<Load>,
}

impl<'a> Busy<'a> {
    pub(crate) async fn start(cluster: &'a Cluster, name: &str) -> Self {
        let space = Space::new(cluster, name).await;
        for app in ["warm", "cold"] {
            let spec = json!({"idleAfter": "1s", "replicas": {"max": 2}});
            space.workload(&App::new(app), spec).await;
        }
        let goal = service(cluster, NAMESPACE, "rouse-proxy").await;
        let loads = vec![
            Load::start(goal, &space.host("warm"), PAUSES),
            Load::start(goal, &space.host("cold"), &[2500]),
        ];
        Self { space, loads }
    }

    pub(crate) async fn goes_on(&self) {
        self.loads[0].goes_on(50).await;
        self.loads[1].goes_on(3).await;
    }

    pub(crate) async fn lost_nothing(self) {
        for load in self.loads {
            load.lost_nothing().await;
        }
        self.space.end().await;
    }
}

async fn replacing_all_of_rouse_loses_nothing(cluster: &Cluster) {
    let busy = Busy::start(cluster, "upgrade-restart").await;
    busy.goes_on().await;
    let before = [cluster.proxies().await, cluster.scalers().await].concat();
    // Both at once, as an upgrade by the chart does.
    for part in ["rouse-scaler", "rouse-proxy"] {
        restart(cluster, part, "once").await;
    }
    for part in ["rouse-scaler", "rouse-proxy"] {
        rolled_out(cluster, part).await;
    }
    cluster.whole().await;
    let after = [cluster.proxies().await, cluster.scalers().await].concat();
    assert!(after.iter().all(|one| !before.contains(one)), "all are new");
    busy.goes_on().await;
    busy.lost_nothing().await;
}

async fn from_the_previous_build_to_this_one_and_back(cluster: &Cluster) {
    if std::env::var_os(PREVIOUS).is_none() {
        eprintln!(
            "skipped: {PREVIOUS} names no program; `cargo xtask test --long` builds the commit before"
        );
        return;
    }
    const THIS: &str = rouse_testbed::install::IMAGE;
    let roll = async |part: &str, to: &str| {
        image(cluster, part, to).await;
        rolled_out(cluster, part).await;
        cluster.whole().await;
    };
    for part in ["rouse-scaler", "rouse-proxy"] {
        roll(part, PREVIOUS_IMAGE).await;
    }
    let busy = Busy::start(cluster, "upgrade-previous").await;
    busy.goes_on().await;
    // Scalers first and proxies first, so that each speaks with the other's older one and newer one.
    for (part, to) in [
        ("rouse-scaler", THIS),
        ("rouse-proxy", THIS),
        ("rouse-scaler", PREVIOUS_IMAGE),
        ("rouse-scaler", THIS),
        ("rouse-proxy", PREVIOUS_IMAGE),
        ("rouse-proxy", THIS),
    ] {
        roll(part, to).await;
        busy.goes_on().await;
    }
    busy.lost_nothing().await;
}

/// As `deploy/README.md` says, with the address that clients ask in the place of a VirtualService.
async fn the_way_in_and_the_way_out_lose_nothing(cluster: &Cluster) {
    let space = Space::new(cluster, "upgrade-way").await;
    let running = App {
        replicas: 2,
        ..App::new("hello")
    };
    space.deploy(&running).await;
    until("it runs without Rouse", async || {
        let found = space.deployments().get("hello").await.unwrap();
        found.status.and_then(|status| status.available_replicas) == Some(2)
    })
    .await;
    let straight = service(cluster, &space.name, "hello").await;
    let rouse = service(cluster, NAMESPACE, "rouse-proxy").await;
    let load = Load::start(straight, &space.host("hello"), PAUSES);
    load.goes_on(30).await;

    let would = async |step: &str| {
        until(&format!("it is said that it would: {step}"), async || {
            let status = space.object("hello").await["status"].clone();
            status["wouldHave"][step].as_u64() > Some(0)
        })
        .await;
    };
    space
        .scaled("hello", json!({"mode": "observe", "idleAfter": "1s"}))
        .await;
    space.routed("hello").await;
    would("sleeps").await;
    assert_eq!(space.object("hello").await["status"]["desired"], 0);
    load.goes_on(30).await;
    load.redirect(rouse);
    would("wakes").await;
    load.goes_on(30).await;
    assert_eq!(space.replicas("hello").await, 2, "nothing is scaled");

    let spec = json!({"mode": "active", "replicas": {"min": 1}, "idleAfter": "1s"});
    space.scaled("hello", spec).await;
    load.goes_on(30).await;
    space
        .scaled("hello", json!({"replicas": {"min": 0}, "idleAfter": "1s"}))
        .await;
    load.goes_on(30).await;
    load.lost_nothing().await;
    space.until_replicas("hello", 0).await;

    // Seldom enough that it sleeps in between.
    let load = Load::start(rouse, &space.host("hello"), &[2500, 2500]);
    load.goes_on(12).await;
    let hello = format!("{}/hello", space.name);
    let (well, told) = by_hand::rouse(cluster, &["wake", &hello, "--stay"]).await;
    assert!(well, "{told}");
    let busy = Load::start(rouse, &space.host("hello"), PAUSES);
    busy.goes_on(30).await;
    for load in [&load, &busy] {
        load.redirect(straight);
    }
    busy.goes_on(30).await;
    load.goes_on(4).await;
    space
        .delete("rouse.dev/v1alpha1", "ScaledWorkload", "hello")
        .await;
    busy.goes_on(50).await;
    assert_eq!(space.replicas("hello").await, 1, "it stays");
    load.lost_nothing().await;
    busy.lost_nothing().await;
    space.end().await;
}
