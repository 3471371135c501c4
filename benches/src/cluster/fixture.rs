//! A testbed with Rouse on it, and samples.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rouse_testbed::apply::apply;
use rouse_testbed::{Testbed, TestbedConfig, install};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::error::{Error, Result, While};
use crate::http;
use crate::setup::{Folder, sibling};

pub(super) const NAMESPACE: &str = "bench";
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct Bed {
    testbed: Testbed,
    pub(super) client: Client,
    pub(super) proxy: SocketAddr,
    folder: Folder,
}

/// A running proxy or scaler.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) address: IpAddr,
}

impl Bed {
    pub(super) async fn start() -> Result<Self> {
        let rouse = sibling("rouse")?.into_os_string();
        let images = BTreeMap::from([
            (install::IMAGE.to_owned(), vec![rouse.clone()]),
            ("sample".to_owned(), vec![rouse, "sample".into()]),
        ]);
        let testbed = Testbed::start(TestbedConfig {
            images,
            ..TestbedConfig::default()
        })
        .await
        .while_(|| "starting the testbed".to_owned())?;
        // As Kubernetes' own clients: one that delays small packets would have the bare PATCH wait for 40 ms.
        let kubeconfig = Kubeconfig::read_from(testbed.kubeconfig());
        let kubeconfig = kubeconfig.while_(|| "reading the kubeconfig".to_owned())?;
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .while_(|| "reading the kubeconfig".to_owned())?;
        let client = rouse_kubernetes::client::client(config);
        let client = client.while_(|| "reaching the API server".to_owned())?;
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        install::install(&client, &deploy, &[])
            .await
            .while_(|| "installing Rouse".to_owned())?;
        object(
            &client,
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        )
        .await?;
        let mut bed = Self {
            testbed,
            client,
            proxy: SocketAddr::from(([0, 0, 0, 0], 0)),
            folder: Folder::new("cluster")?,
        };
        until("proxies and scalers are ready", async || {
            Ok(bed.members("rouse-proxy").await?.len() >= 2
                && bed.members("rouse-scaler").await?.len() >= 2)
        })
        .await?;
        if let Some(proxy) = bed.members("rouse-proxy").await?.first() {
            bed.proxy = SocketAddr::new(proxy.address, 8080);
        }
        Ok(bed)
    }

    pub(super) async fn stop(self) {
        self.testbed.stop().await;
    }

    /// Those that are ready.
    pub(super) async fn members(&self, name: &str) -> Result<Vec<Member>> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), install::NAMESPACE);
        let labels = ListParams::default().labels(&format!("app.kubernetes.io/name={name}"));
        let pods = pods
            .list(&labels)
            .await
            .while_(|| format!("listing {name}"))?;
        Ok(pods.items.into_iter().filter_map(member).collect())
    }

    /// What all scalers together have waited for the API server to raise counts, in seconds since they started.
    pub(super) async fn raising(&self) -> Result<f64> {
        let mut all = 0.0;
        for scaler in self.members("rouse-scaler").await? {
            let admin = SocketAddr::new(scaler.address, 9090);
            let metrics = http::get(admin, "admin", "/metrics", Duration::from_secs(20)).await?;
            let name = "rouse_scaler_scale_seconds_sum{direction=\"up\"} ";
            let line = metrics
                .text
                .lines()
                .find_map(|line| line.strip_prefix(name));
            all += line.and_then(|sum| sum.parse::<f64>().ok()).unwrap_or(0.0);
        }
        Ok(all)
    }

    /// The process of a proxy or scaler.
    pub(super) fn pid(&self, member: &Member, container: &str) -> Option<u32> {
        let pid = self
            .testbed
            .node()
            .pid(install::NAMESPACE, &member.name, container)?;
        u32::try_from(pid).ok()
    }

    pub(super) fn ledger(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// A Deployment asleep and its Service; `flags` are the sample's.
    pub(super) async fn deploy(&self, name: &str, flags: &[&str]) -> Result<()> {
        let container = json!({
            "name": "app", "image": "sample", "args": flags,
            "env": [
                {"name": "SAMPLE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "SAMPLE_LEDGER", "value": self.ledger(name)},
            ],
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
        });
        let spec = json!({
            "containers": [container], "automountServiceAccountToken": false, "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 1,
        });
        self.object(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {
                "replicas": 0, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
            },
        }))
        .await?;
        self.object(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        }))
        .await
    }

    pub(super) async fn scaled(&self, name: &str, idle_after: &str) -> Result<()> {
        self.object(json!({
            "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"name": name},
            "spec": {"http": {"hosts": [host(name)]}, "idleAfter": idle_after, "replicas": {"max": 1}, "onDelete": "keep"},
        }))
        .await
    }

    fn workloads(&self) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("rouse.dev", "v1alpha1", "ScaledWorkload");
        let resource = ApiResource::from_gvk(&kind);
        Api::namespaced_with(self.client.clone(), NAMESPACE, &resource)
    }

    /// How many ScaledWorkloads have a state in their status.
    pub(super) async fn told(&self) -> Result<usize> {
        let all = self.workloads().list(&ListParams::default()).await;
        let all = all.while_(|| "listing ScaledWorkloads".to_owned())?;
        let told = |one: &&DynamicObject| one.data["status"]["state"].is_string();
        Ok(all.items.iter().filter(told).count())
    }

    /// Deletes ScaledWorkloads.
    pub(super) async fn unscale(&self, names: &[String]) -> Result<()> {
        let (workloads, gone) = (self.workloads(), DeleteParams::default());
        let delete = stream::iter(names).map(|name| workloads.delete(name, &gone));
        let deleted: Vec<_> = delete.buffer_unordered(32).collect().await;
        for one in deleted {
            one.while_(|| "deleting a ScaledWorkload".to_owned())?;
        }
        Ok(())
    }

    pub(super) async fn object(&self, mut object: Value) -> Result<()> {
        object["metadata"]["namespace"] = json!(NAMESPACE);
        self::object(&self.client, object).await
    }

    pub(super) fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    pub(super) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// The bare PATCH of `/scale`.
    pub(super) async fn scale(&self, name: &str, replicas: u32) -> Result<()> {
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        let deployments = self.deployments();
        let scaled = deployments
            .patch_scale(name, &PatchParams::default(), &patch)
            .await;
        scaled.map(|_| ()).while_(|| format!("scaling {name}"))
    }

    /// Waits until the Deployment has no replica and no pod.
    pub(super) async fn asleep(&self, name: &str) -> Result<()> {
        let labels = ListParams::default().labels(&format!("app={name}"));
        until(&format!("{name} is asleep"), async || {
            let deployment = self
                .deployments()
                .get(name)
                .await
                .while_(|| format!("getting {name}"))?;
            let replicas = deployment.spec.replicas;
            let pods = self
                .pods()
                .list(&labels)
                .await
                .while_(|| format!("listing {name}"))?;
            Ok(replicas == Some(0) && pods.items.is_empty())
        })
        .await
    }
}

async fn object(client: &Client, object: Value) -> Result<()> {
    apply(client, &object)
        .await
        .map(|_| ())
        .while_(|| format!("applying {object}"))
}

pub(super) fn host(name: &str) -> String {
    format!("{name}.bench.test")
}

fn member(pod: Pod) -> Option<Member> {
    let status = pod.status?;
    let mut conditions = status.conditions.iter().flatten();
    conditions.find(|one| one.type_ == "Ready" && one.status == "True")?;
    Some(Member {
        name: pod.metadata.name?,
        address: status.pod_ip?.parse().ok()?,
    })
}

pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let waiting = async {
        while !holds().await? {
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    };
    timeout(PATIENCE, waiting)
        .await
        .map_err(|_| Error(format!("not within {PATIENCE:?}: {what}")))?
}
