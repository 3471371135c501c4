//! A testbed with Rouse and the services that are asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ListParams};
use rouse_testbed::apply::{api, apply};
use rouse_testbed::{Testbed, TestbedConfig, install};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::error::{Error, Result};
use crate::scenario::Service;

const NAMESPACE: &str = "load";
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the repository.
pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// The host of a service.
pub(crate) fn host(at: usize) -> String {
    format!("s{at}.load.example.com")
}

pub(crate) struct Bed {
    testbed: Testbed,
    client: Client,
}

impl Bed {
    /// Rouse is ready; nothing else is there.
    pub(crate) async fn start(rouse: &Path) -> Result<Self> {
        let rouse = rouse.canonicalize().map_err(crate::error::file(rouse))?;
        let rouse = rouse.into_os_string();
        let images = BTreeMap::from([
            (install::IMAGE.to_owned(), vec![rouse.clone()]),
            ("sample".to_owned(), vec![rouse, "sample".into()]),
        ]);
        let config = TestbedConfig {
            images,
            ..TestbedConfig::default()
        };
        let testbed = Testbed::start(config).await?;
        let client = testbed.client();
        install::install(&client, &deploy(), &[]).await?;
        install::ready(&client).await?;
        Ok(Self { testbed, client })
    }

    pub(crate) async fn stop(self) {
        self.testbed.stop().await;
    }

    /// Where proxies take requests, as endpoint discovery would tell the gateway.
    pub(crate) async fn proxies(&self) -> Result<Vec<SocketAddr>> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), install::NAMESPACE);
        let labels = ListParams::default().labels("app.kubernetes.io/name=rouse-proxy");
        let pods = pods.list(&labels).await?;
        let address = |pod: Pod| pod.status?.pod_ip?.parse::<IpAddr>().ok();
        let addresses = pods.items.into_iter().filter_map(address);
        Ok(addresses.map(|ip| SocketAddr::new(ip, 8080)).collect())
    }

    /// Deployments, Services and ScaledWorkloads, all asleep in the end.
    pub(crate) async fn services(&self, services: &[Service]) -> Result<()> {
        self.apply(
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        )
        .await?;
        for (at, service) in services.iter().enumerate() {
            for object in objects(at, service) {
                self.apply(object).await?;
            }
        }
        let wait = timeout(PATIENCE, self.asleep(services.len())).await;
        wait.map_err(|_| Error::Other(format!("not all services are asleep within {PATIENCE:?}")))?
    }

    async fn apply(&self, object: Value) -> Result<()> {
        let name = object["metadata"]["name"].to_string();
        let applied = apply(&self.client, &object).await;
        applied.map(drop).map_err(|error| Error::Apply(name, error))
    }

    async fn asleep(&self, count: usize) -> Result<()> {
        let kind = json!({"apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"namespace": NAMESPACE}});
        let api = api(&self.client, &kind).await;
        let api = api.map_err(|error| Error::Apply("ScaledWorkload".to_owned(), error))?;
        loop {
            let all = api.list(&ListParams::default()).await?;
            let asleep = all
                .items
                .iter()
                .filter(|one| one.data["status"]["state"] == "Asleep");
            if asleep.count() == count {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

fn objects(at: usize, service: &Service) -> [Value; 3] {
    let name = format!("s{at}");
    let metadata = json!({"name": name, "namespace": NAMESPACE});
    let container = json!({
        "name": "app", "image": "sample",
        "args": ["--start-delay", format!("{}ms", service.start.as_millis())],
        "env": [
            {"name": "SAMPLE_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "SAMPLE_NAME", "value": name},
        ],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
        "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}},
    });
    let labels = json!({"app": name});
    let pod = json!({"containers": [container], "automountServiceAccountToken": false, "enableServiceLinks": false, "terminationGracePeriodSeconds": 30});
    [
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {
                "replicas": 0, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        }),
        json!({
            "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": metadata,
            "spec": {
                "idleAfter": "3s", "replicas": {"max": service.most_replicas},
                "http": {"hosts": [host(at)], "hold": {"maxRequests": 2000}},
            },
        }),
    ]
}
