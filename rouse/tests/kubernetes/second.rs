//! A second installation in the cluster, of one scaler and one proxy, in a namespace of its own.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use rouse_testbed::apply::documents;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::apply::{api, apply};
use crate::cluster::{Cluster, Member, NAMESPACE, deploy};
use crate::support::until;

/// One.
pub(crate) struct Second<'a> {
    pub(crate) cluster: &'a Cluster,
    /// Where it lives.
    pub(crate) own: &'a str,
    /// The only namespace that it may look after; `None`: it looks after all.
    pub(crate) given: Option<&'a str>,
    /// More flags of its scaler.
    pub(crate) scaler: &'a [&'a str],
    /// More flags of its proxy.
    pub(crate) proxy: &'a [&'a str],
    /// More of its scaler's environment.
    pub(crate) env: &'a [(&'a str, &'a str)],
}

impl Second<'_> {
    /// As `deploy/README.md` says.
    pub(crate) async fn install(&self) {
        let client = &self.cluster.client;
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.own}});
        apply(client, &namespace).await;
        let rights = match self.given {
            Some(_) => "namespaced/rbac.yaml",
            None => "rbac.yaml",
        };
        for file in ["own.yaml", rights, "scaler.yaml", "proxy.yaml"] {
            let text = std::fs::read_to_string(deploy().join("kubernetes").join(file)).unwrap();
            for mut object in documents(&text).unwrap() {
                // The rules are the same for both; who has them is not.
                if object["kind"] != "ClusterRole" {
                    self.moved(&mut object);
                    apply(client, &object).await;
                }
            }
        }
    }

    /// The manifest's object for this installation.
    fn moved(&self, object: &mut Value) {
        let namespace = match object["metadata"]["namespace"].as_str() {
            Some("default") => self.given.unwrap(),
            _ => self.own,
        };
        object["metadata"]["namespace"] = json!(namespace);
        if object["kind"] == "ClusterRoleBinding" {
            object["metadata"] = json!({"name": self.own});
        }
        let subjects = object
            .pointer_mut("/subjects")
            .and_then(Value::as_array_mut);
        for subject in subjects.into_iter().flatten() {
            subject["namespace"] = json!(self.own);
        }
        if object["kind"] == "Deployment" {
            object["spec"]["replicas"] = json!(1);
            let container = &mut object["spec"]["template"]["spec"]["containers"][0];
            container["image"] = json!(rouse_testbed::install::IMAGE);
            if container["name"] == "scaler" {
                let env = container["env"].as_array_mut().unwrap();
                let more = self.env.iter();
                env.extend(more.map(|(name, value)| json!({"name": name, "value": value})));
            }
            let (given, more) = match container["name"].as_str() {
                Some("scaler") => (self.given, self.scaler),
                _ => (None, self.proxy),
            };
            let args = container["args"].as_array_mut().unwrap();
            args.extend(given.map(|name| json!(format!("--namespace={name}"))));
            args.extend(more.iter().map(|arg| json!(arg)));
        }
    }

    /// Its proxy, once it is ready.
    pub(crate) async fn member(&self) -> Member {
        let proxies = async || self.cluster.ready(self.own, "rouse-proxy").await;
        until("its proxy is ready", async || proxies().await.len() == 1).await;
        proxies().await.remove(0)
    }

    /// The process of its scaler ends, as with a crash.
    pub(crate) async fn kill_scaler(&self) {
        let scalers = self.cluster.ready(self.own, "rouse-scaler").await;
        let node = self.cluster.testbed.node();
        let killed = node.kill(self.own, &scalers[0].name, "scaler", Signal::KILL);
        killed.unwrap();
    }

    pub(crate) async fn end(self) {
        let client = &self.cluster.client;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let deleted = namespaces.delete(self.own, &DeleteParams::default()).await;
        deleted.unwrap();
        if self.given.is_none() {
            let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
            let deleted = bindings.delete(self.own, &DeleteParams::default()).await;
            deleted.unwrap();
        }
    }
}

/// So many scalers of the first installation.
pub(crate) async fn scalers(cluster: &Cluster, count: usize) {
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "rouse-scaler", "namespace": NAMESPACE}, "spec": {"replicas": count},
    });
    let patch = Patch::Merge(json!({"spec": {"replicas": count}}));
    let api = api(&cluster.client, &object).await;
    api.patch("rouse-scaler", &PatchParams::default(), &patch)
        .await
        .unwrap();
    until("as many scalers are there", async || {
        cluster.scalers().await.len() == count
    })
    .await;
}
