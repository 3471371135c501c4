use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::runtime::wait::await_condition;
use rouse_testbed::node::Allocatable;
use serde_json::json;

use crate::cluster::*;

pub(crate) async fn small_nodes_leave_pods_unscheduled(cluster: &Cluster) {
    let nodes: Api<Node> = Api::all(cluster.testbed.client());
    let cpus = |count: &'static str| {
        move |node: Option<&Node>| {
            let status = node.and_then(|node| node.status.as_ref());
            status
                .and_then(|status| status.allocatable.as_ref()?.get("cpu"))
                .is_some_and(|cpu| cpu.0 == count)
        }
    };
    let small = Allocatable {
        cpu: "1".to_owned(),
        ..Allocatable::default()
    };
    cluster.node().knobs().set_allocatable(small);
    await_condition(nodes.clone(), "node-1", cpus("1"))
        .await
        .unwrap();
    let pods = cluster.namespace("small").await;
    create(
        &pods,
        pod(
            "p",
            json!({"resources": {"requests": {"cpu": "2"}}}),
            json!({}),
        ),
    )
    .await;
    let unscheduled = |pod: &Pod| condition(pod, "PodScheduled").as_deref() == Some("False");
    let pod = until(&pods, "p", unscheduled).await;
    let conditions = pod.status.unwrap().conditions.unwrap();
    assert_eq!(conditions[0].reason.as_deref(), Some("Unschedulable"));
    cluster
        .node()
        .knobs()
        .set_allocatable(Allocatable::default());
    until(&pods, "p", is_ready).await;
}

pub(crate) async fn silent_nodes_become_not_ready_and_come_back(cluster: &Cluster) {
    let nodes: Api<Node> = Api::all(cluster.testbed.client());
    let ready = |status: &'static str| {
        move |node: Option<&Node>| {
            let conditions = node.and_then(|node| node.status.as_ref()?.conditions.as_ref());
            let mut conditions = conditions.into_iter().flatten();
            conditions.any(|found| found.type_ == "Ready" && found.status == status)
        }
    };
    let pods = cluster.namespace("silence").await;
    create(&pods, pod("p", json!({}), json!({}))).await;
    until(&pods, "p", is_ready).await;
    let pid = cluster.node().pid("silence", "p", "main");
    cluster.node().knobs().silence(true);
    await_condition(nodes.clone(), "node-1", ready("Unknown"))
        .await
        .unwrap();
    until(&pods, "p", |pod| !is_ready(pod)).await;
    assert_eq!(
        cluster.node().pid("silence", "p", "main"),
        pid,
        "the process lives on"
    );
    cluster.node().knobs().silence(false);
    await_condition(nodes, "node-1", ready("True"))
        .await
        .unwrap();
    until(&pods, "p", is_ready).await;
}
