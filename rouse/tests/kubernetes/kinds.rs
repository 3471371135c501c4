//! Anything with a scale subresource.

use serde_json::{Value, json};

use crate::cluster::{Cluster, a_while};
use crate::space::{App, Space};
use crate::support::until;
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    a_statefulset_wakes_and_sleeps,
    a_kind_of_ones_own_wakes_and_sleeps
];

async fn a_statefulset_wakes_and_sleeps(cluster: &Cluster) {
    let space = Space::new(cluster, "kinds-set").await;
    let app = App::new("hello");
    space.service("hello").await;
    space
        .apply(json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "hello"},
            "spec": {"replicas": 0, "serviceName": "hello", "selector": {"matchLabels": {"app": "hello"}}, "template": space.template(&app)},
        }))
        .await;
    let target = json!({"target": {"kind": "StatefulSet", "name": "hello"}, "idleAfter": "1s"});
    space.scaled("hello", target).await;
    space.routed("hello").await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    until("it sleeps", async || {
        let pods = space.pods_of("hello").await;
        pods.is_empty()
    })
    .await;
    space.end().await;
}

/// A kind with a scale subresource, and somebody who follows its count: a Deployment's count is copied from it.
async fn a_kind_of_ones_own_wakes_and_sleeps(cluster: &Cluster) {
    let space = Space::new(cluster, "kinds-own").await;
    definition(&space).await;
    space.deploy(&App::new("hello")).await;
    let object = json!({
        "apiVersion": "tests.rouse.dev/v1", "kind": "Fleet", "metadata": {"name": "hello"},
        "spec": {"ships": 0}, "status": {"ships": 0, "selector": "app=hello"},
    });
    space.apply(object.clone()).await;
    let api = crate::apply::api(&cluster.client, &with_namespace(&object, &space.name)).await;
    let status = kube::api::Patch::Merge(json!({"status": {"ships": 0, "selector": "app=hello"}}));
    api.patch_status("hello", &kube::api::PatchParams::default(), &status)
        .await
        .unwrap();
    let target = json!({"target": {"apiVersion": "tests.rouse.dev/v1", "kind": "Fleet", "name": "hello"}, "idleAfter": "2s"});
    space.scaled("hello", target).await;
    space.routed("hello").await;
    space.until_state("hello", "Asleep").await;
    let follow = async {
        loop {
            let fleet = api.get("hello").await.unwrap();
            let ships = u32::try_from(fleet.data["spec"]["ships"].as_u64().unwrap()).unwrap();
            if space.replicas("hello").await != ships {
                space.scale_by_hand("hello", ships).await;
            }
            a_while().await;
        }
    };
    let test = async {
        assert_eq!(space.get(0, "hello", "/").await.status, 200);
        until("it sleeps", async || {
            api.get("hello").await.unwrap().data["spec"]["ships"] == 0
        })
        .await;
    };
    tokio::select! {
        () = test => {}
        () = follow => {}
    }
    space.end().await;
}

fn with_namespace(object: &Value, namespace: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["namespace"] = json!(namespace);
    object
}

async fn definition(space: &Space<'_>) {
    let integer = json!({"type": "integer"});
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"ships": integer}},
            "status": {"type": "object", "properties": {"ships": integer, "selector": {"type": "string"}}},
        },
    });
    space
        .apply(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "fleets.tests.rouse.dev"},
            "spec": {
                "group": "tests.rouse.dev", "scope": "Namespaced",
                "names": {"kind": "Fleet", "plural": "fleets", "singular": "fleet"},
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}, "scale": {
                        "specReplicasPath": ".spec.ships", "statusReplicasPath": ".status.ships", "labelSelectorPath": ".status.selector",
                    }},
                }],
            },
        }))
        .await;
    // Its right is the administrator's to give.
    space
        .apply(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "rouse-scaler-fleets", "labels": {"rouse.dev/aggregate-to-scaler": "true"}},
            "rules": [{"apiGroups": ["tests.rouse.dev"], "resources": ["fleets", "fleets/scale"], "verbs": ["get", "list", "watch", "patch"]}],
        }))
        .await;
    space
        .apply(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "rouse-scaler-fleets"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "rouse-scaler-fleets"},
            "subjects": [{"kind": "ServiceAccount", "name": "rouse-scaler", "namespace": "rouse"}],
        }))
        .await;
    a_while().await;
}
