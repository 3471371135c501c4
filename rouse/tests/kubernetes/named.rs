//! An installation for named namespaces only, with Roles instead of the ClusterRole, and with hosts granted to them. The other one stands still meanwhile: it looks after all.

use std::net::SocketAddr;

use serde_json::json;

use crate::cluster::Cluster;
use crate::rights::may_in;
use crate::second::{Second, scalers};
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
    let grant = format!("--host-grant={GIVEN}=*.{GIVEN}.test");
    let second = Second {
        cluster,
        own: OWN,
        given: Some(GIVEN),
        scaler: &[&grant],
        proxy: &[],
        env: &[],
    };
    second.install().await;
    for space in [&given, &other] {
        space.deploy(&App::new("hello")).await;
        space.scaled("hello", json!({"idleAfter": "1s"})).await;
    }
    let proxy = second.member().await.requests();
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
    second.end().await;
    scalers(cluster, 2).await;
    cluster.whole().await;
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
