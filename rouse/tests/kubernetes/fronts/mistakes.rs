//! What is wrong with a front is told, and harms nobody.

use std::time::Duration;

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{front, ours, ready, scaled, slices, told};
use crate::cluster::Cluster;
use crate::second::Second;
use crate::space::Space;
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![mistakes_are_told_and_mended];

pub(crate) const ALONE: Cases = cases![without_ports_rights_or_proxies_it_is_told];

async fn mistakes_are_told_and_mended(cluster: &Cluster) {
    let space = Space::new(cluster, "fronts-mistakes").await;
    let service = async |spec: Value| {
        let services =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": space.name}});
        let services = crate::apply::api(&cluster.client, &services).await;
        let _ = services.delete("a", &DeleteParams::default()).await;
        let service =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec});
        space.apply(service).await;
    };
    let port = || json!([{"name": "http", "port": 80}]);
    scaled(&space, "a", json!({})).await;
    let text = told(&space, "a", "FrontNotFound").await;
    assert!(text.contains("fronts-mistakes/a"), "{text}");
    service(json!({"type": "ExternalName", "externalName": "a.example.com"})).await;
    told(&space, "a", "FrontExternalName").await;
    service(json!({"clusterIP": "None", "ports": port()})).await;
    told(&space, "a", "FrontHeadless").await;
    service(json!({"selector": {"app": "a"}, "ports": port()})).await;
    let text = told(&space, "a", "FrontHasSelector").await;
    assert!(text.contains("remove"), "{text}");
    service(json!({"ports": [{"name": "http", "port": 80}, {"name": "other", "port": 81}]})).await;
    let text = told(&space, "a", "FrontPortNotFound").await;
    assert!(text.contains("spec.http.front.port"), "{text}");
    assert!(ours(&space).await.is_empty(), "nothing was begun");
    scaled(&space, "a", json!({"http": {"front": {"port": "http"}}})).await;
    ready(&space, "a").await;

    // Another that wants it, too, and takes it when it is free.
    let other = json!({"http": {"front": {"service": "a", "port": 80}}});
    tokio::time::sleep(Duration::from_millis(1100)).await;
    scaled(&space, "b", other).await;
    let text = told(&space, "b", "FrontTaken").await;
    assert!(text.contains("fronts-mistakes/a"), "{text}");
    assert_eq!(ours(&space).await.len(), 1);
    space
        .delete("rouse.dev/v1alpha1", "ScaledWorkload", "a")
        .await;
    ready(&space, "b").await;
    told(&space, "b", "Serving").await;

    // What others have made is told, and left alone.
    let foreign = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "by-hand", "labels": {"kubernetes.io/service-name": "a"}},
        "addressType": "IPv4", "ports": [{"name": "http", "port": 9}], "endpoints": [{"addresses": ["10.255.255.1"]}],
    });
    space.apply(foreign).await;
    let text = told(&space, "b", "ForeignEndpoints").await;
    assert!(text.contains("by-hand"), "{text}");
    let found = slices(&space).get("by-hand").await.unwrap();
    assert_eq!(found.ports.unwrap()[0].port, Some(9));
    space
        .delete("discovery.k8s.io/v1", "EndpointSlice", "by-hand")
        .await;
    told(&space, "b", "Serving").await;

    let own = json!({
        "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"name": "c"},
        "spec": {"http": {"front": {"service": "c"}}},
    });
    space.apply(own).await;
    space.until_state("c", "Invalid").await;
    let (_, text) = space.condition("c", "Ready").await;
    assert!(text.contains("which is in front of the pods"), "{text}");
    space.end().await;
}

async fn without_ports_rights_or_proxies_it_is_told(cluster: &Cluster) {
    const OWN: &str = "rouse-other";
    let space = Space::new(cluster, "fronts-off").await;
    for name in ["a", "b"] {
        front(&space, name).await;
    }
    let install = async |args| {
        let second = Second {
            cluster,
            own: OWN,
            given: None,
            scaler: args,
            proxy: &[],
            env: &[],
        };
        second.install().await;
        second.member().await;
        second
    };
    install(&["--class=fronts"]).await;
    let class = json!({"class": "fronts"});
    scaled(&space, "a", class.clone()).await;
    let text = told(&space, "a", "FrontsOff").await;
    assert!(text.contains("--front-ports"), "{text}");
    let second = install(&["--class=fronts", "--front-ports=21000-21000"]).await;
    let text = told(&space, "a", "FrontForbidden").await;
    assert!(text.contains("fronts-off"), "{text}");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "rouse-fronts-second"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "rouse-fronts"},
        "subjects": [{"kind": "ServiceAccount", "name": "rouse-scaler", "namespace": OWN}],
    });
    crate::apply::apply(&cluster.client, &binding).await;
    told(&space, "a", "Serving").await;
    assert_eq!(space.object("a").await["status"]["front"]["port"], 21000);
    // There is but one port.
    scaled(&space, "b", class).await;
    told(&space, "b", "FrontPortsExhausted").await;
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": OWN}});
    let deployments = crate::apply::api(&cluster.client, &deployment).await;
    let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
    deployments
        .patch("rouse-proxy", &PatchParams::default(), &none)
        .await
        .unwrap();
    told(&space, "a", "FrontWithoutProxies").await;
    space.end().await;
    second.end().await;
    let bindings = crate::apply::api(&cluster.client, &binding).await;
    bindings
        .delete("rouse-fronts-second", &DeleteParams::default())
        .await
        .unwrap();
    cluster.whole().await;
}
