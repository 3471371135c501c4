//! A namespace of a test's own, with samples in it.

use std::path::PathBuf;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use rouse_sample::ledger::Ledger;
use rouse_testbed::apply::ApplyError;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::apply::{api, apply, try_apply};
use crate::cluster::Cluster;
use crate::support::{Whole, get, once, until};

/// A namespace; deleted when the test has passed.
pub(crate) struct Space<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) name: String,
    home: TempDir,
}

/// A sample as a Deployment with a Service of its name.
pub(crate) struct App<'a> {
    pub(crate) name: &'a str,
    pub(crate) replicas: u32,
    pub(crate) flags: &'a [&'a str],
    /// The container's `readinessProbe`.
    pub(crate) probe: Option<Value>,
    /// Merged into the pod's spec.
    pub(crate) pod: Value,
    /// Merged into the container.
    pub(crate) container: Value,
    pub(crate) image: &'a str,
}

impl<'a> App<'a> {
    /// Asleep, with an HTTP probe each second.
    pub(crate) fn new(name: &'a str) -> Self {
        Self {
            name,
            replicas: 0,
            flags: &[],
            probe: Some(
                json!({"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1}),
            ),
            pod: json!({}),
            container: json!({}),
            image: "sample",
        }
    }
}

impl<'a> Space<'a> {
    pub(crate) async fn new(cluster: &'a Cluster, name: &str) -> Self {
        let space = Self {
            cluster,
            name: name.to_owned(),
            home: tempfile::tempdir().unwrap(),
        };
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        apply(&cluster.client, &object).await;
        space
    }

    /// The host that leads to a workload of this space.
    pub(crate) fn host(&self, app: &str) -> String {
        format!("{app}.{}.test", self.name)
    }

    fn ledger_path(&self) -> PathBuf {
        self.home.path().join("ledger")
    }

    /// What the samples of this space have executed.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::read(self.ledger_path()).unwrap()
    }

    /// The pod template of a sample.
    pub(crate) fn template(&self, app: &App<'_>) -> Value {
        let mut container = json!({
            "name": "app",
            "image": app.image,
            "args": app.flags,
            "env": [
                {"name": "SAMPLE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "SAMPLE_NAME", "value": app.name},
                {"name": "SAMPLE_LEDGER", "value": self.ledger_path()},
            ],
            "ports": [{"name": "http", "containerPort": 8080}],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        });
        if let Some(probe) = &app.probe {
            container["readinessProbe"] = probe.clone();
        }
        merge(&mut container, &app.container);
        let mut pod = json!({
            "terminationGracePeriodSeconds": 10,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "containers": [container],
        });
        merge(&mut pod, &app.pod);
        json!({"metadata": {"labels": {"app": app.name}}, "spec": pod})
    }

    /// Creates or changes the Deployment and its Service.
    pub(crate) async fn deploy(&self, app: &App<'_>) {
        let name = app.name;
        self.apply(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": app.replicas, "selector": {"matchLabels": {"app": name}}, "template": self.template(app)},
        }))
        .await;
        self.service(name).await;
    }

    /// A Service in front of the pods with the label `app`.
    pub(crate) async fn service(&self, name: &str) {
        self.apply(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        }))
        .await;
    }

    /// Creates or changes a ScaledWorkload for its host; `spec` is merged into `{http: {hosts: [...]}}`.
    pub(crate) async fn scaled(&self, name: &str, spec: Value) {
        let mut whole = json!({"http": {"hosts": [self.host(name)]}});
        merge(&mut whole, &spec);
        self.apply(json!({
            "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"name": name}, "spec": whole,
        }))
        .await;
    }

    /// Both, and waits until the proxies know the route.
    pub(crate) async fn workload(&self, app: &App<'_>, spec: Value) {
        self.deploy(app).await;
        self.scaled(app.name, spec).await;
        self.routed(app.name).await;
    }

    /// Waits until every proxy has the workload in its table.
    pub(crate) async fn routed(&self, name: &str) {
        let id = format!("{}/{name}", self.name);
        until(&format!("every proxy knows {id}"), async || {
            for proxy in self.cluster.proxies().await {
                let status = proxy.status().await;
                let known = status["proxy"]["workloads"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one["workload"] == *id));
                if !known {
                    return false;
                }
            }
            true
        })
        .await;
    }

    pub(crate) async fn apply(&self, mut object: Value) -> DynamicObject {
        object["metadata"]["namespace"] = json!(self.name);
        apply(&self.cluster.client, &object).await
    }

    /// What the API server says to it.
    pub(crate) async fn try_apply(&self, mut object: Value) -> Result<DynamicObject, ApplyError> {
        object["metadata"]["namespace"] = json!(self.name);
        try_apply(&self.cluster.client, &object).await
    }

    pub(crate) async fn delete(&self, api_version: &str, kind: &str, name: &str) {
        let object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"namespace": self.name}});
        let api = api(&self.cluster.client, &object).await;
        api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// A merge patch on an object of this space, by a person.
    pub(crate) async fn patch(&self, api_version: &str, kind: &str, name: &str, patch: Value) {
        let object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"namespace": self.name}});
        let api = api(&self.cluster.client, &object).await;
        let parameters = PatchParams {
            field_manager: Some("kubectl".to_owned()),
            ..PatchParams::default()
        };
        api.patch(name, &parameters, &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// `kubectl scale deployment`.
    pub(crate) async fn scale_by_hand(&self, name: &str, replicas: u32) {
        let parameters = PatchParams {
            field_manager: Some("kubectl".to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        self.deployments()
            .patch_scale(name, &parameters, &patch)
            .await
            .unwrap();
    }

    pub(crate) fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.cluster.client.clone(), &self.name)
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.cluster.client.clone(), &self.name)
    }

    /// Pods with the label `app`.
    pub(crate) async fn pods_of(&self, name: &str) -> Vec<Pod> {
        let labels = ListParams::default().labels(&format!("app={name}"));
        self.pods().list(&labels).await.unwrap().items
    }

    /// `spec.replicas` of the Deployment.
    pub(crate) async fn replicas(&self, name: &str) -> u32 {
        let spec = self.deployments().get(name).await.unwrap().spec;
        spec.replicas.unwrap_or(1).try_into().unwrap()
    }

    pub(crate) async fn until_replicas(&self, name: &str, wanted: u32) {
        until(&format!("{name} has {wanted} replicas"), async || {
            self.replicas(name).await == wanted
        })
        .await;
    }

    /// The ScaledWorkload.
    pub(crate) async fn object(&self, name: &str) -> Value {
        let object = json!({"apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"namespace": self.name}});
        let found = api(&self.cluster.client, &object).await.get(name).await;
        serde_json::to_value(found.unwrap()).unwrap()
    }

    pub(crate) async fn until_state(&self, name: &str, state: &str) {
        until(&format!("{name}'s status says {state}"), async || {
            self.object(name).await["status"]["state"] == state
        })
        .await;
    }

    /// A condition of the ScaledWorkload: its status and message.
    pub(crate) async fn condition(&self, name: &str, kind: &str) -> (String, String) {
        let object = self.object(name).await;
        let all = object["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let found = all.iter().find(|one| one["type"] == kind);
        let field = |field: &str| {
            found
                .and_then(|one| one[field].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        (field("status"), field("message"))
    }

    /// One request through a proxy (0, 1, ...).
    pub(crate) async fn send(&self, proxy: usize, request: Request<Full<Bytes>>) -> Whole {
        once(self.cluster.proxy(proxy).await, request)
            .await
            .expect("an answer")
    }

    pub(crate) async fn get(&self, proxy: usize, name: &str, path: &str) -> Whole {
        self.send(proxy, get(&self.host(name), path)).await
    }

    /// The test has passed: nothing of it is to disturb the others.
    pub(crate) async fn end(self) {
        let namespaces: Api<Namespace> = Api::all(self.cluster.client.clone());
        let now = DeleteParams::default().grace_period(0);
        namespaces.delete(&self.name, &now).await.unwrap();
    }
}

/// Fields of `more` into `object`, deeply; lists are replaced.
pub(crate) fn merge(object: &mut Value, more: &Value) {
    match (object, more) {
        (Value::Object(object), Value::Object(more)) => {
            for (name, value) in more {
                merge(object.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (object, more) => *object = more.clone(),
    }
}
