//! Rouse as it is installed: the manifests of `deploy/`, on a testbed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ListParams};
use rouse_testbed::apply::documents;
use rouse_testbed::{Testbed, TestbedConfig, install};
use rustix::process::Signal;
use serde_json::Value;

use crate::apply::apply;
use crate::support::{Whole, get, once, until};

pub(crate) use rouse_testbed::install::NAMESPACE;

/// Given to fronts.
pub(crate) const FRONT_PORTS: &str = "20000-20999";

/// A control plane with a node, and Rouse on it.
pub(crate) struct Cluster {
    pub(crate) testbed: Testbed,
    pub(crate) client: Client,
}

/// One running proxy or scaler.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    pub(crate) restarts: i32,
}

impl Member {
    /// Where a proxy takes requests.
    pub(crate) fn requests(&self) -> SocketAddr {
        SocketAddr::new(self.address, 8080)
    }

    /// `/status`; null while it can't be reached.
    pub(crate) async fn status(&self) -> Value {
        let admin = SocketAddr::new(self.address, 9090);
        match once(admin, get("admin", "/status")).await {
            Ok(answer) => answer.json(),
            Err(_) => Value::Null,
        }
    }

    pub(crate) async fn metrics(&self) -> Whole {
        once(
            SocketAddr::new(self.address, 9090),
            get("admin", "/metrics"),
        )
        .await
        .unwrap()
    }
}

impl Cluster {
    /// Up, with two proxies and two scalers that are ready.
    pub(crate) async fn start() -> Self {
        let rouse = env!("CARGO_BIN_EXE_rouse");
        let image = |args: &[&str]| {
            args.iter()
                .map(Into::into)
                .collect::<Vec<std::ffi::OsString>>()
        };
        let mut images = BTreeMap::from([
            (install::IMAGE.to_owned(), image(&[rouse])),
            ("sample".to_owned(), image(&[rouse, "sample"])),
        ]);
        if let Some(previous) = std::env::var_os(crate::upgrade::PREVIOUS) {
            images.insert(crate::upgrade::PREVIOUS_IMAGE.to_owned(), vec![previous]);
        }
        let testbed = Testbed::start(TestbedConfig {
            images,
            ..TestbedConfig::default()
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"));
        let client = testbed.client();
        let cluster = Self { testbed, client };
        let failpoints = crate::points::folder();
        let environment = [
            ("ROUSE_FAILPOINTS", failpoints.to_str().unwrap()),
            ("ROUSE_FRONT_PORTS", FRONT_PORTS),
        ];
        // First: what a scaler may not watch it tries again much later.
        let rights = std::fs::read_to_string(deploy().join("kubernetes/fronts.yaml")).unwrap();
        for object in documents(&rights).unwrap() {
            apply(&cluster.client, &object).await;
        }
        let installed = install::install(&cluster.client, &deploy(), &environment).await;
        installed.unwrap_or_else(|error| panic!("{error}"));
        let whole = std::panic::AssertUnwindSafe(cluster.whole());
        if futures_util::FutureExt::catch_unwind(whole).await.is_err() {
            panic!("Rouse does not come up:\n{}", cluster.logs().await);
        }
        cluster
    }

    /// Waits until two proxies and two scalers are ready, and every proxy is linked to both scalers.
    pub(crate) async fn whole(&self) {
        until("two proxies and two scalers are ready", async || {
            let (proxies, scalers) = (self.proxies().await, self.scalers().await);
            proxies.len() == 2 && scalers.len() == 2
        })
        .await;
        until("one scaler leads and has both proxies", async || {
            let mut leaders = 0;
            for scaler in self.scalers().await {
                let status = scaler.status().await;
                let led = status["scaler"]["leads"].is_number();
                leaders += usize::from(led);
                if status["scaler"]["sessions"].as_u64() != Some(2) {
                    return false;
                }
            }
            leaders == 1
        })
        .await;
    }

    /// Those of a namespace that are ready, by name.
    pub(crate) async fn ready(&self, namespace: &str, name: &str) -> Vec<Member> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let labels = ListParams::default().labels(&format!("app.kubernetes.io/name={name}"));
        let mut members: Vec<_> = pods.list(&labels).await.map_or(Vec::new(), |pods| {
            pods.items.into_iter().filter_map(ready).collect()
        });
        members.sort();
        members
    }

    pub(crate) async fn proxies(&self) -> Vec<Member> {
        self.ready(NAMESPACE, "rouse-proxy").await
    }

    pub(crate) async fn scalers(&self) -> Vec<Member> {
        self.ready(NAMESPACE, "rouse-scaler").await
    }

    /// Where the proxy takes requests.
    pub(crate) async fn proxy(&self, at: usize) -> SocketAddr {
        let proxies = self.proxies().await;
        SocketAddr::new(proxies[at % proxies.len()].address, 8080)
    }

    /// The scaler that leads.
    pub(crate) async fn leader(&self) -> Option<Member> {
        for scaler in self.scalers().await {
            if scaler.status().await["scaler"]["leads"].is_number() {
                return Some(scaler);
            }
        }
        None
    }

    /// `kill -9` of a proxy's or scaler's process.
    pub(crate) fn kill(&self, member: &Member, container: &str) {
        self.testbed
            .node()
            .kill(NAMESPACE, &member.name, container, Signal::KILL)
            .unwrap();
    }

    /// The end of what the proxies and scalers have logged.
    pub(crate) async fn logs(&self) -> String {
        const LINES: usize = 200;
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), NAMESPACE);
        let mut text = String::new();
        for pod in pods
            .list(&ListParams::default())
            .await
            .map_or(Vec::new(), |pods| pods.items)
        {
            let name = pod.metadata.name.unwrap_or_default();
            let container = if name.starts_with("rouse-proxy") {
                "proxy"
            } else {
                "scaler"
            };
            let log = self
                .testbed
                .node()
                .logs(NAMESPACE, &name, container)
                .unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(LINES)..].join("\n");
            text.push_str(&format!("--- {name} ---\n{end}\n"));
        }
        text
    }

    pub(crate) async fn stop(self) {
        self.testbed.stop().await;
        let _ = std::fs::remove_dir_all(crate::points::folder());
    }
}

/// The folder of the repository.
pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn ready(pod: Pod) -> Option<Member> {
    let status = pod.status?;
    let is_ready = status
        .conditions
        .iter()
        .flatten()
        .any(|one| one.type_ == "Ready" && one.status == "True");
    if !is_ready || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    Some(Member {
        name: pod.metadata.name?,
        address: status.pod_ip?.parse().ok()?,
        restarts: status.container_statuses?.first()?.restart_count,
    })
}

/// A pause that is long compared with what is waited for in it.
pub(crate) async fn a_while() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}
