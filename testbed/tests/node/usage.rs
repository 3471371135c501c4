use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::cluster::*;

pub(crate) async fn pods_and_nodes_have_true_usage(cluster: &Cluster) {
    let pods = cluster.namespace("usage").await;
    let client = cluster.testbed.client();
    let mut busy = shell("busy", "while :; do :; done", json!({}));
    busy.labels_mut()
        .insert("load".to_owned(), "high".to_owned());
    create(&pods, busy).await;
    create(&pods, shell("idle", "exec sleep 1000", json!({}))).await;

    let kind =
        |kind| ApiResource::from_gvk(&GroupVersionKind::gvk("metrics.k8s.io", "v1beta1", kind));
    let mut resource = kind("PodMetrics");
    resource.plural = "pods".to_owned();
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "usage", &resource);
    let all = loop {
        // The API is there a moment after it is registered, usage after two looks.
        match api.list(&ListParams::default()).await {
            Ok(all) if all.items.len() == 2 => break all,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    let cpu = |name: &str| {
        let found = all.iter().find(|pod| pod.name_any() == name).unwrap();
        let usage = &found.data["containers"][0]["usage"];
        assert_ne!(usage["memory"], json!("0Ki"), "{usage}");
        usage["cpu"]
            .as_str()
            .unwrap()
            .trim_end_matches('n')
            .parse::<u64>()
            .unwrap()
    };
    assert!(cpu("busy") > 10 * cpu("idle") + 10_000_000, "{all:#?}");

    let high = api
        .list(&ListParams::default().labels("load=high"))
        .await
        .unwrap();
    assert_eq!(high.items.len(), 1);
    assert_eq!(
        api.get("busy").await.unwrap().data["containers"][0]["name"],
        json!("main")
    );
    assert!(api.get("nobody").await.is_err());
    let mut resource = kind("NodeMetrics");
    resource.plural = "nodes".to_owned();
    let nodes: Api<DynamicObject> = Api::all_with(client, &resource);
    assert_ne!(
        nodes.get("node-1").await.unwrap().data["usage"]["cpu"],
        json!("0n")
    );
    delete(&pods, "busy").await;
}
