use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{ContainerStatus, Namespace, Pod};
use kube::api::{Api, DeleteParams, PostParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::wait::{Condition, await_condition};
use kube::runtime::watcher::{Config, watcher};
use rouse_testbed::node::Node;
use rouse_testbed::{Component, PlaneConfig, Testbed, TestbedConfig};
use serde_json::{Value, json};

/// The testbed with one node.
pub(crate) struct Cluster {
    pub(crate) testbed: Testbed,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let arguments = BTreeMap::from([(
            Component::ControllerManager,
            vec![
                "--node-monitor-grace-period=4s".to_owned(),
                "--node-monitor-period=500ms".to_owned(),
            ],
        )]);
        let me = std::env::current_exe().expect("this program");
        let images = BTreeMap::from([
            (
                "server".to_owned(),
                vec![me.into_os_string(), "serve".into()],
            ),
            (
                "sh".to_owned(),
                vec![OsString::from("/bin/sh"), "-c".into()],
            ),
        ]);
        let config = TestbedConfig {
            plane: PlaneConfig { arguments },
            images,
            ..TestbedConfig::default()
        };
        let testbed = Testbed::start(config).await.expect("a testbed");
        Self { testbed }
    }

    /// The testbed's node.
    pub(crate) fn node(&self) -> &Node {
        self.testbed.node()
    }

    pub(crate) async fn stop(self) {
        self.testbed.stop().await;
    }

    pub(crate) fn all<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.testbed.client(), namespace)
    }

    /// A namespace of the test's own, ready for pods.
    pub(crate) async fn namespace(&self, name: &str) -> Api<Pod> {
        let namespaces: Api<Namespace> = Api::all(self.testbed.client());
        let object = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        namespaces
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
        let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> = self.all(name);
        await_condition(accounts, "default", |found: Option<&_>| found.is_some())
            .await
            .unwrap();
        self.all(name)
    }
}

/// A pod of one container, with `change` laid over the container and `spec` over the spec.
pub(crate) fn pod(name: &str, container: Value, spec: Value) -> Pod {
    let mut base = json!({"name": "main", "image": "server", "args": ["$(POD_IP):8080"], "env": [
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]});
    overlay(&mut base, container);
    let mut whole = json!({"containers": [base], "terminationGracePeriodSeconds": 1});
    overlay(&mut whole, spec);
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": whole})).unwrap()
}

/// A pod whose container runs a shell script.
pub(crate) fn shell(name: &str, script: &str, spec: Value) -> Pod {
    pod(name, json!({"image": "sh", "args": [script]}), spec)
}

fn overlay(base: &mut Value, over: Value) {
    if let (Some(base), Value::Object(over)) = (base.as_object_mut(), over) {
        base.extend(over);
    }
}

pub(crate) async fn create(pods: &Api<Pod>, pod: Pod) {
    pods.create(&PostParams::default(), &pod).await.unwrap();
}

pub(crate) async fn delete(pods: &Api<Pod>, name: &str) {
    pods.delete(name, &DeleteParams::default()).await.unwrap();
}

/// Waits until the pod is so, and returns it.
pub(crate) async fn until(pods: &Api<Pod>, name: &str, so: impl Fn(&Pod) -> bool) -> Pod {
    let condition = |pod: Option<&Pod>| pod.is_some_and(&so);
    let wait = await_condition(pods.clone(), name, condition);
    match tokio::time::timeout(Duration::from_secs(30), wait).await {
        Ok(found) => found.unwrap().unwrap(),
        Err(_) => panic!("it is not so: {:#?}", pods.get(name).await.unwrap().status),
    }
}

pub(crate) async fn until_gone(pods: &Api<Pod>, name: &str) {
    let gone = (|pod: Option<&Pod>| pod.is_none()) as fn(Option<&Pod>) -> bool;
    fn wait(gone: impl Condition<Pod>) -> impl Condition<Pod> {
        gone
    }
    await_condition(pods.clone(), name, wait(gone))
        .await
        .unwrap();
}

/// Every version of the pod from now on.
pub(crate) fn versions(
    pods: &Api<Pod>,
    name: &str,
) -> impl futures_util::Stream<Item = Pod> + Unpin {
    let config = Config::default().fields(&format!("metadata.name={name}"));
    Box::pin(
        watcher(pods.clone(), config)
            .applied_objects()
            .filter_map(async |pod| pod.ok()),
    )
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready") == Some("True".to_owned())
}

pub(crate) fn condition(pod: &Pod, type_: &str) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|found| found.type_ == type_)?;
    Some(found.status.clone())
}

/// The status of the first container.
pub(crate) fn main_status(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

pub(crate) fn waiting(pod: &Pod) -> Option<String> {
    main_status(pod)?
        .state
        .as_ref()?
        .waiting
        .as_ref()?
        .reason
        .clone()
}

pub(crate) fn is_running(pod: &Pod) -> bool {
    main_status(pod).is_some_and(|status| {
        status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some())
    })
}

pub(crate) fn restarts(pod: &Pod) -> i32 {
    main_status(pod).map_or(0, |status| status.restart_count)
}

/// Waits until pod `p` has written exactly `text`.
pub(crate) async fn logged(cluster: &Cluster, namespace: &str, text: &str) {
    for _ in 0..100 {
        if cluster.node().logs(namespace, "p", "main").unwrap() == text {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", cluster.node().logs(namespace, "p", "main"));
}
