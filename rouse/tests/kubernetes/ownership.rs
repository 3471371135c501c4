//! Who may change the count: one writer, and people before it.

use serde_json::json;

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::until;
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    what_is_paused_is_left_alone,
    what_is_observed_is_told_and_left_alone,
    a_stop_by_hand_stays_until_it_is_taken_back,
    zero_at_first_sight_is_asleep,
    a_count_by_hand_is_taken_on,
    under_an_autoscaler_only_zero_and_its_minimum,
    what_keda_owns_is_refused,
    a_second_one_for_the_same_target_is_refused,
    our_patches_carry_our_name,
];

async fn what_is_paused_is_left_alone(cluster: &Cluster) {
    let space = Space::new(cluster, "own-paused").await;
    space
        .workload(
            &App {
                replicas: 1,
                ..App::new("awake")
            },
            json!({"idleAfter": "1s"}),
        )
        .await;
    space.workload(&App::new("asleep"), json!({})).await;
    let pause = |value| json!({"metadata": {"annotations": {"rouse.dev/paused": value}}});
    for name in ["awake", "asleep"] {
        space
            .patch(
                "rouse.dev/v1alpha1",
                "ScaledWorkload",
                name,
                pause(json!("true")),
            )
            .await;
        space.until_state(name, "Paused").await;
    }
    let answer = space.get(0, "asleep", "/").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        answer.text().contains("rouse.dev/paused"),
        "{}",
        answer.text()
    );
    assert_eq!(space.get(0, "awake", "/").await.status, 200);
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert_eq!(
        (
            space.replicas("asleep").await,
            space.replicas("awake").await
        ),
        (0, 1)
    );
    for name in ["awake", "asleep"] {
        space
            .patch(
                "rouse.dev/v1alpha1",
                "ScaledWorkload",
                name,
                pause(json!(null)),
            )
            .await;
    }
    space.until_replicas("awake", 0).await;
    until("it wakes", async || {
        space.get(0, "asleep", "/").await.status == 200
    })
    .await;
    space.end().await;
}

async fn what_is_observed_is_told_and_left_alone(cluster: &Cluster) {
    let space = Space::new(cluster, "own-observed").await;
    let awake = App {
        replicas: 3,
        ..App::new("awake")
    };
    let spec = json!({"mode": "observe", "idleAfter": "2s", "http": {"concurrency": {"limit": 1}}});
    space.workload(&awake, spec.clone()).await;
    space.workload(&App::new("asleep"), spec.clone()).await;
    let answer = space.get(0, "asleep", "/").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    let told = answer.text();
    assert!(told.contains("mode: observe"), "{told}");

    let would = async || space.object("awake").await["status"].clone();
    until("it would sleep", async || {
        let status = would().await;
        status["desired"] == 0 && status["wouldHave"]["sleeps"] == 1
    })
    .await;
    assert_eq!(space.get(1, "awake", "/").await.status, 200);
    until("it would have been woken", async || {
        let status = would().await;
        status["wouldHave"]["wakes"] == 1 && status["wouldHave"]["sleeps"] == 2
    })
    .await;
    assert_eq!(would().await["state"], "Awake");
    let (ready, message) = space.condition("awake", "Ready").await;
    assert!(ready == "True" && message.contains("observed"), "{message}");
    assert_eq!(
        (
            space.replicas("awake").await,
            space.replicas("asleep").await
        ),
        (3, 0)
    );
    space
        .delete("rouse.dev/v1alpha1", "ScaledWorkload", "asleep")
        .await;

    // A second one for the target is no trouble, as long as it only looks on.
    let second = json!({"mode": "active", "target": {"name": "awake"}, "idleAfter": "2s", "http": {"hosts": ["second.test"], "service": {"name": "awake"}}});
    space.scaled("second", second).await;
    space.until_replicas("awake", 0).await;
    assert_eq!(
        space.replicas("asleep").await,
        0,
        "its end does nothing either"
    );
    space.end().await;
}

async fn a_stop_by_hand_stays_until_it_is_taken_back(cluster: &Cluster) {
    let space = Space::new(cluster, "own-stopped").await;
    space
        .workload(
            &App {
                replicas: 1,
                ..App::new("hello")
            },
            json!({}),
        )
        .await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    until("the count is on record", async || {
        space.object("hello").await["status"]["replicas"].as_u64() == Some(1)
    })
    .await;
    space.scale_by_hand("hello", 0).await;
    space.until_state("hello", "StoppedByHand").await;
    until("it is told at once", async || {
        let answer = space.get(1, "hello", "/").await;
        answer.status == 503 && answer.text().contains("StoppedByHand")
    })
    .await;
    assert_eq!(space.replicas("hello").await, 0);
    space.scale_by_hand("hello", 1).await;
    until("it serves again", async || {
        space.get(0, "hello", "/").await.status == 200
    })
    .await;
    space.end().await;
}

async fn zero_at_first_sight_is_asleep(cluster: &Cluster) {
    let space = Space::new(cluster, "own-first").await;
    space
        .deploy(&App {
            replicas: 1,
            ..App::new("hello")
        })
        .await;
    space.scale_by_hand("hello", 0).await;
    space.scaled("hello", json!({})).await;
    space.routed("hello").await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    space.end().await;
}

async fn a_count_by_hand_is_taken_on(cluster: &Cluster) {
    let space = Space::new(cluster, "own-hand").await;
    space
        .workload(
            &App {
                replicas: 1,
                ..App::new("hello")
            },
            json!({"replicas": {"max": 5}}),
        )
        .await;
    space.scale_by_hand("hello", 3).await;
    until("three replicas take requests", async || {
        space.object("hello").await["status"]["readyReplicas"].as_u64() == Some(3)
    })
    .await;
    assert_eq!(space.replicas("hello").await, 3);
    space.end().await;
}

async fn under_an_autoscaler_only_zero_and_its_minimum(cluster: &Cluster) {
    let space = Space::new(cluster, "own-hpa").await;
    space
        .apply(json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "hello"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "hello"},
                "minReplicas": 2, "maxReplicas": 5,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 90}}}],
            },
        }))
        .await;
    let spec = json!({"idleAfter": "2s", "http": {"concurrency": {"perReplica": 1}}});
    space.workload(&App::new("hello"), spec).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    assert_eq!(space.replicas("hello").await, 2);
    space.until_replicas("hello", 0).await;
    space.end().await;
}

async fn what_keda_owns_is_refused(cluster: &Cluster) {
    let space = Space::new(cluster, "own-keda").await;
    keda(&space).await;
    let object = |annotations| {
        json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "theirs", "annotations": annotations},
            "spec": {"scaleTargetRef": {"name": "hello"}, "triggers": []},
        })
    };
    space.apply(object(json!({}))).await;
    space.workload(&App::new("hello"), json!({})).await;
    space.until_state("hello", "OwnedElsewhere").await;
    let answer = space.get(0, "hello", "/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("theirs"), "{}", answer.text());
    assert_eq!(space.replicas("hello").await, 0);
    space
        .apply(object(json!({"autoscaling.keda.sh/paused": "true"})))
        .await;
    until("it wakes", async || {
        space.get(0, "hello", "/").await.status == 200
    })
    .await;
    space.end().await;
}

/// KEDA's definition of ScaledObject, reduced to what is read.
async fn keda(space: &Space<'_>) {
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    space
        .apply(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "scaledobjects.keda.sh"},
            "spec": {
                "group": "keda.sh", "scope": "Namespaced",
                "names": {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"},
                "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": any}}],
            },
        }))
        .await;
    // A scaler that runs already looks for the definition once a minute.
    tokio::time::sleep(std::time::Duration::from_secs(65)).await;
}

async fn a_second_one_for_the_same_target_is_refused(cluster: &Cluster) {
    let space = Space::new(cluster, "own-twice").await;
    space.workload(&App::new("hello"), json!({})).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    space
        .scaled(
            "again",
            json!({"target": {"name": "hello"}, "http": {"service": {"name": "hello"}}}),
        )
        .await;
    space.until_state("again", "OwnedElsewhere").await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    space.end().await;
}

async fn our_patches_carry_our_name(cluster: &Cluster) {
    let space = Space::new(cluster, "own-name").await;
    space.workload(&App::new("hello"), json!({})).await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    let deployment = space.deployments().get("hello").await.unwrap();
    let managers = deployment.metadata.managed_fields.unwrap();
    let ours = managers
        .iter()
        .find(|one| one.manager.as_deref() == Some("rouse-scaler"));
    assert_eq!(
        ours.expect("an entry").subresource.as_deref(),
        Some("scale")
    );
    space.end().await;
}
