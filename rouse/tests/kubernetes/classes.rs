//! Two installations that both look after every namespace: each has the workloads of its class.

use serde_json::json;

use crate::by_hand::rouse;
use crate::cluster::{Cluster, Member, NAMESPACE};
use crate::load::Load;
use crate::second::{Second, scalers};
use crate::space::{App, Space};
use crate::support::{get, once, until};
use crate::upgrade::{PAUSES, service};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![each_has_its_own_and_hands_over_what_is_not];

const API: &str = "rouse.dev/v1alpha1";
const KIND: &str = "ScaledWorkload";

async fn each_has_its_own_and_hands_over_what_is_not(cluster: &Cluster) {
    let space = Space::new(cluster, "classes").await;
    let second = Second {
        cluster,
        own: "rouse-blue",
        given: None,
        scaler: &["--class=blue"],
        proxy: &[],
        env: &[],
    };
    second.install().await;
    let blue = second.member().await;
    own(&space, &blue).await;
    forgotten(&space, &blue).await;
    handed_over(&space, &blue).await;
    by_hand(&space).await;
    space.end().await;
    second.end().await;
    cluster.whole().await;
}

async fn ask(proxy: &Member, space: &Space<'_>, name: &str) -> u16 {
    let answer = once(proxy.requests(), get(&space.host(name), "/")).await;
    answer.expect("an answer").status
}

/// Each serves, wakes and lets sleep what is its own, and knows nothing of the rest.
async fn own(space: &Space<'_>, blue: &Member) {
    for name in ["hello", "other", "gone"] {
        space.deploy(&App::new(name)).await;
    }
    for name in ["other", "gone"] {
        space.scaled(name, json!({"idleAfter": "1s"})).await;
    }
    let spec = json!({"class": "blue", "idleAfter": "1s"});
    space.scaled("hello", spec).await;
    space.routed("other").await;
    until("blue serves its own", async || {
        ask(blue, space, "hello").await == 200
    })
    .await;
    for name in ["other", "gone"] {
        assert_eq!(space.get(0, name, "/").await.status, 200);
        assert_eq!(ask(blue, space, name).await, 404);
    }
    assert_eq!(space.get(0, "hello", "/").await.status, 404);
    for name in ["hello", "other", "gone"] {
        space.until_replicas(name, 0).await;
        space.until_state(name, "Asleep").await;
    }
}

/// What nobody names any more is waked by who leads next; what the other installation lets sleep is left alone.
async fn forgotten(space: &Space<'_>, blue: &Member) {
    scalers(space.cluster, 0).await;
    space.delete(API, KIND, "gone").await;
    scalers(space.cluster, 2).await;
    space.until_replicas("gone", 1).await;
    assert_eq!(space.replicas("hello").await, 0);
    space.cluster.whole().await;
    assert_eq!(ask(blue, space, "hello").await, 200);
}

/// As `deploy/README.md` says, with the address that clients ask in the place of a VirtualService.
async fn handed_over(space: &Space<'_>, blue: &Member) {
    let straight = service(space.cluster, &space.name, "hello").await;
    let first = service(space.cluster, NAMESPACE, "rouse-proxy").await;
    let minimum = |min: u32| json!({"spec": {"replicas": {"min": min}}});
    let load = Load::start(blue.requests(), &space.host("hello"), PAUSES);
    load.goes_on(30).await;
    space.patch(API, KIND, "hello", minimum(1)).await;
    until("it is kept awake", async || {
        let object = space.object("hello").await;
        object["status"]["observedGeneration"] == object["metadata"]["generation"]
            && object["status"]["state"] == "Awake"
    })
    .await;
    load.redirect(straight);
    load.goes_on(30).await;
    let classless = json!({"spec": {"class": null}});
    space.patch(API, KIND, "hello", classless).await;
    space.routed("hello").await;
    load.redirect(first);
    load.goes_on(50).await;
    load.lost_nothing().await;
    assert_eq!(space.replicas("hello").await, 1);
    until("blue has let it go", async || {
        ask(blue, space, "hello").await == 404
    })
    .await;
    // And back while it sleeps: neither does anything to it.
    space.patch(API, KIND, "hello", minimum(0)).await;
    space.until_replicas("hello", 0).await;
    space.until_state("hello", "Asleep").await;
    let back = json!({"spec": {"class": "blue", "idleAfter": "3s"}});
    space.patch(API, KIND, "hello", back).await;
    let generation = space.object("hello").await["metadata"]["generation"].clone();
    until("blue tells of it", async || {
        space.object("hello").await["status"]["observedGeneration"] == generation
    })
    .await;
    assert_eq!(space.replicas("hello").await, 0);
    space.until_state("hello", "Asleep").await;
    assert_eq!(ask(blue, space, "hello").await, 200);
    space.until_replicas("hello", 0).await;
}

/// Before one of them is uninstalled: its own, and nobody else's.
async fn by_hand(space: &Space<'_>) {
    let blue = ["wake", "--all", "--class", "blue", "--stay"];
    let (well, told) = rouse(space.cluster, &blue).await;
    assert!(well, "{told}");
    assert_eq!(told.trim(), format!("{}/hello: awake", space.name));
    assert_eq!(space.replicas("other").await, 0);
    let (name, none) = (space.name.as_str(), "");
    let rest = [
        "wake",
        "--all",
        "--namespace",
        name,
        "--class",
        none,
        "--timeout",
        "0s",
    ];
    let (well, told) = rouse(space.cluster, &rest).await;
    assert!(well, "{told}");
    assert_eq!(told.trim(), format!("{}/other: woken", space.name));
}
