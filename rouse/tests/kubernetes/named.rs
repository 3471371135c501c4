//! An installation for named namespaces only, with Roles instead of the ClusterRole, and with hosts granted to them. The other one stands still meanwhile: it looks after all.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, DeleteParams};
use rouse_testbed::apply::documents;
use serde_json::{Value, json};

use crate::apply::apply;
use crate::cluster::{Cluster, NAMESPACE, deploy};
use crate::rights::may_in;
use crate::space::{App, Space};
use crate::support::{get, once, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![roles_are_enough_for_named_namespaces];

/// Where the second installation lives, the namespace that it is given, and one that it isn't.
const OWN: &str = "rouse-named";
const GIVEN: &str = "named-given";
const OTHER: &str = "named-other";

async fn roles_are_enough_for_named_namespaces(cluster: &Cluster) {
    scalers(cluster, 0).await;
    let (given, other) = (
        Space::new(cluster, GIVEN).await,
        Space::new(cluster, OTHER).await,
    );
    install(cluster).await;
    for space in [&given, &other] {
        space.deploy(&App::new("hello")).await;
        space.scaled("hello", json!({"idleAfter": "1s"})).await;
    }
    let proxy = proxy(cluster).await;
    until("its proxy knows what it is given", async || {
        ask(proxy, &given).await == 200
    })
    .await;
    given.until_replicas("hello", 0).await;
    given.until_state("hello", "Asleep").await;
    assert_eq!(ask(proxy, &given).await, 200);
    assert_eq!(ask(proxy, &other).await, 404);
    assert_eq!(other.replicas("hello").await, 0);
    let status = other.object("hello").await["status"].clone();
    assert!(status.is_null(), "{status}");
    rights(cluster).await;
    hosts(proxy, &given).await;

    given.end().await;
    other.end().await;
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let deleted = namespaces.delete(OWN, &DeleteParams::default()).await;
    deleted.unwrap();
    scalers(cluster, 2).await;
    cluster.whole().await;
}

/// So many scalers of the installation that looks after all.
async fn scalers(cluster: &Cluster, count: usize) {
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "rouse-scaler", "namespace": NAMESPACE}, "spec": {"replicas": count},
    });
    let patch = kube::api::Patch::Merge(json!({"spec": {"replicas": count}}));
    let api = crate::apply::api(&cluster.client, &object).await;
    api.patch("rouse-scaler", &kube::api::PatchParams::default(), &patch)
        .await
        .unwrap();
    until("as many scalers are there", async || {
        cluster.scalers().await.len() == count
    })
    .await;
}

/// As `deploy/README.md` says for named namespaces, in a namespace of its own.
async fn install(cluster: &Cluster) {
    let client = &cluster.client;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OWN}});
    apply(client, &namespace).await;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    for name in ["rouse-scaler-link", "rouse-proxy-link"] {
        let secret = secrets.get(name).await.unwrap();
        let copy = json!({
            "apiVersion": "v1", "kind": "Secret", "type": secret.type_,
            "metadata": {"name": name, "namespace": OWN}, "data": secret.data,
        });
        apply(client, &copy).await;
    }
    for file in [
        "own.yaml",
        "namespaced/rbac.yaml",
        "scaler.yaml",
        "proxy.yaml",
    ] {
        let text = std::fs::read_to_string(deploy().join("kubernetes").join(file)).unwrap();
        for mut object in documents(&text).unwrap() {
            moved(&mut object);
            apply(client, &object).await;
        }
    }
}

/// The manifest's object for this installation.
fn moved(object: &mut Value) {
    let namespace = match object["metadata"]["namespace"].as_str() {
        Some("default") => GIVEN,
        _ => OWN,
    };
    object["metadata"]["namespace"] = json!(namespace);
    let subjects = object
        .pointer_mut("/subjects")
        .and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        subject["namespace"] = json!(OWN);
    }
    if object["kind"] == "Deployment" {
        object["spec"]["replicas"] = json!(1);
        let container = &mut object["spec"]["template"]["spec"]["containers"][0];
        container["image"] = json!(rouse_testbed::install::IMAGE);
        if container["name"] == "scaler" {
            let args = container["args"].as_array_mut().unwrap();
            args.push(json!(format!("--namespace={GIVEN}")));
            args.push(json!(format!("--host-grant={GIVEN}=*.{GIVEN}.test")));
        }
    }
}

/// Its only proxy, ready.
async fn proxy(cluster: &Cluster) -> SocketAddr {
    let proxies = async || cluster.ready(OWN, "rouse-proxy").await;
    until("its proxy is ready", async || proxies().await.len() == 1).await;
    SocketAddr::new(proxies().await[0].address, 8080)
}

async fn ask(proxy: SocketAddr, space: &Space<'_>) -> u16 {
    let request = get(&space.host("hello"), "/");
    once(proxy, request).await.expect("an answer").status
}

/// Who claims what the namespace was not granted does without, and has the rest.
async fn hosts(proxy: SocketAddr, given: &Space<'_>) {
    assert_eq!(given.condition("hello", "RouteConflict").await.0, "False");
    let hosts = json!({"http": {"hosts": [given.host("hello"), "bank.test"]}});
    given.scaled("hello", hosts).await;
    until("it is told", async || {
        let (holds, told) = given.condition("hello", "RouteConflict").await;
        holds == "True" && told.contains("host bank.test is not granted to namespace named-given")
    })
    .await;
    let stolen = once(proxy, get("bank.test", "/")).await.expect("an answer");
    assert_eq!(stolen.status, 404);
    assert_eq!(ask(proxy, given).await, 200);
}

/// What its scaler's account may do, and where.
async fn rights(cluster: &Cluster) {
    let user = format!("system:serviceaccount:{OWN}:rouse-scaler");
    let everywhere = "";
    for (verb, group, resource) in [
        ("list", "", "pods"),
        ("watch", "rouse.dev", "scaledworkloads"),
        ("patch", "rouse.dev", "scaledworkloads/status"),
        ("patch", "apps", "deployments/scale"),
    ] {
        for (namespace, wanted) in [(GIVEN, true), (OTHER, false), (everywhere, false)] {
            let allowed = may_in(cluster, &user, namespace, verb, group, resource).await;
            assert_eq!(allowed, wanted, "{verb} {resource} in {namespace:?}");
        }
    }
}
