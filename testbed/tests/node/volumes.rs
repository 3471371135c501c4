use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::cluster::*;

pub(crate) async fn secrets_and_maps_are_mounted_and_follow(cluster: &Cluster) {
    let pods = cluster.namespace("secrets").await;
    let script = "cat /run/secret/key /run/map/name; while [ \"$(cat /run/secret/key)\" != two ]; do sleep 0.05; done; echo changed; exec sleep 1000";
    let container = json!({
        "image": "sh", "args": [script],
        "volumeMounts": [{"name": "s", "mountPath": "/run/secret"}, {"name": "m", "mountPath": "/run/map"}],
    });
    let spec = json!({"volumes": [
        {"name": "s", "secret": {"secretName": "s"}},
        {"name": "m", "configMap": {"name": "m", "items": [{"key": "k", "path": "name"}]}},
    ]});
    create(&pods, pod("p", container, spec)).await;
    let secret: Secret =
        serde_json::from_value(json!({"metadata": {"name": "s"}, "stringData": {"key": "one"}}))
            .unwrap();
    let map: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": "m"}, "data": {"k": "map"}})).unwrap();
    // The pod waits for what is missing.
    let secrets = cluster.all::<Secret>("secrets");
    secrets
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    cluster
        .all::<ConfigMap>("secrets")
        .create(&PostParams::default(), &map)
        .await
        .unwrap();
    until(&pods, "p", is_ready).await;
    logged(cluster, "secrets", "onemap").await;
    let change = Patch::Merge(json!({"stringData": {"key": "two"}}));
    secrets
        .patch("s", &PatchParams::default(), &change)
        .await
        .unwrap();
    logged(cluster, "secrets", "onemapchanged\n").await;
}

pub(crate) async fn token_opens_the_cluster(cluster: &Cluster) {
    let pods = cluster.namespace("token").await;
    let script = r#"cd /var/run/secrets/kubernetes.io/serviceaccount && cat namespace && echo && head -1 ca.crt && cat token > "$OUT" && echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT; exec sleep 1000"#;
    let out = tempfile::NamedTempFile::new().unwrap();
    let container =
        json!({"image": "sh", "args": [script], "env": [{"name": "OUT", "value": out.path()}]});
    create(&pods, pod("p", container, json!({}))).await;
    until(&pods, "p", is_ready).await;
    logged(
        cluster,
        "token",
        "token\n-----BEGIN CERTIFICATE-----\n10.96.0.1:443\n",
    )
    .await;
    let review: k8s_openapi::api::authentication::v1::TokenReview = serde_json::from_value(
        json!({"spec": {"token": std::fs::read_to_string(out.path()).unwrap()}}),
    )
    .unwrap();
    let reviews = kube::Api::all(cluster.testbed.client());
    let review = reviews
        .create(&PostParams::default(), &review)
        .await
        .unwrap();
    let status = review.status.unwrap();
    assert_eq!(status.authenticated, Some(true));
    assert_eq!(
        status.user.unwrap().username.as_deref(),
        Some("system:serviceaccount:token:default")
    );
}

pub(crate) async fn impossible_mounts_are_told(cluster: &Cluster) {
    let pods = cluster.namespace("mounts").await;
    let container = json!({"volumeMounts": [{"name": "v", "mountPath": "/etc/rouse-none/x"}]});
    create(
        &pods,
        pod(
            "p",
            container,
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
        ),
    )
    .await;
    let pod = until(&pods, "p", |pod| {
        waiting(pod).as_deref() == Some("CreateContainerConfigError")
    })
    .await;
    let message = main_status(&pod)
        .unwrap()
        .state
        .clone()
        .unwrap()
        .waiting
        .unwrap()
        .message;
    assert!(message.unwrap().contains("/etc/rouse-none/x"));
}
