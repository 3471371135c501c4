//! All of it together, for tests and for the command.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::task::AbortOnDropHandle;

use crate::dns::Dns;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::namespace::{self, Inside};
use crate::network;
use crate::node::{Node, NodeConfig};
use crate::plane::{Plane, PlaneConfig};
use crate::relay;
use crate::services::Services;

/// Use is measured this often; a rate of CPU time needs two looks.
const METRICS_WINDOW: Duration = Duration::from_secs(2);

/// What may be told about a testbed.
#[derive(Clone, Debug, Default)]
pub struct TestbedConfig {
    /// The control plane.
    pub plane: PlaneConfig,
    /// What an image's name means: the program that is run for it, with its first arguments.
    pub images: BTreeMap<String, Vec<OsString>>,
    /// The node; by default one named `node-1` with plenty of room that knows `images`.
    pub node: Option<NodeConfig>,
}

/// A testbed that runs. All of it ends when this is dropped; [`Testbed::stop`] also waits for it.
pub struct Testbed {
    // The order of dropping: clients before the API server, the folder last.
    node: Node,
    metrics: Metrics,
    services: Services,
    dns: Dns,
    relay: AbortOnDropHandle<()>,
    client: Client,
    plane: Plane,
    inside: Inside,
    /// Of the control plane.
    folder: TempDir,
}

impl Testbed {
    /// Brings all of it up: the control plane, the node with its metrics, service proxy, DNS, the relay. One at a time in a namespace, since their addresses are fixed.
    ///
    /// # Errors
    /// [`namespace::enter`] was not called first; a part does not come up.
    pub async fn start(config: TestbedConfig) -> Result<Self, Error> {
        let inside = namespace::inside()?;
        let folder = tempfile::Builder::new()
            .prefix("plane-")
            .disable_cleanup(namespace::kept())
            .tempdir_in(&inside.folder)
            .map_err(Error::io(inside.folder.display().to_string()))?;
        let plane = Plane::start(&inside.assets, folder.path(), config.plane).await?;
        let client = plane.client().await?;
        reserve_dns(&client).await?;
        let services = Services::start(&client);
        let dns = Dns::start(services.table()).await?;
        let relay = AbortOnDropHandle::new(tokio::spawn(relay::inside(&inside.folder)?));
        services.synced().await;
        let node = config.node.unwrap_or_else(|| {
            NodeConfig::new("node-1", config.images, folder.path().join("node"))
        });
        let node = Node::start(client.clone(), node)
            .await
            .map_err(|error| Error::Node(error.to_string()))?;
        let metrics = Metrics::start(&client, &node, METRICS_WINDOW).await?;
        write_kubeconfigs(&plane, &inside)?;
        Ok(Self {
            node,
            metrics,
            services,
            dns,
            relay,
            client,
            plane,
            inside,
            folder,
        })
    }

    /// A client with an administrator's rights and no limits of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// An administrator's kubeconfig for programs inside the namespace.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        kubeconfig_in(&self.inside.folder)
    }

    /// An administrator's kubeconfig for programs on the machine outside of the namespace.
    #[must_use]
    pub fn kubeconfig_outside(&self) -> PathBuf {
        outside_in(&self.inside.folder)
    }

    /// The control plane, to steer it.
    #[must_use]
    pub fn plane(&self) -> &Plane {
        &self.plane
    }

    /// The node, to steer it.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Where the control plane's data and logs are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends all of it, and waits until it is gone.
    pub async fn stop(self) {
        self.node.stop().await;
        drop((self.metrics, self.services, self.dns));
        drop((self.relay, self.client));
        for kubeconfig in [
            kubeconfig_in(&self.inside.folder),
            outside_in(&self.inside.folder),
        ] {
            let _ = fs::remove_file(kubeconfig);
        }
        self.plane.stop().await;
    }
}

/// In a testbed's folder: there once it is up.
pub(crate) fn kubeconfig_in(folder: &Path) -> PathBuf {
    folder.join("kubeconfig")
}

fn outside_in(folder: &Path) -> PathBuf {
    folder.join("kubeconfig.outside")
}

fn write_kubeconfigs(plane: &Plane, inside: &Inside) -> Result<(), Error> {
    let api = SocketAddr::from((Ipv4Addr::LOCALHOST, network::API_PORT));
    let files = [
        (outside_in(&inside.folder), inside.relay),
        (kubeconfig_in(&inside.folder), api),
    ];
    for (path, address) in files {
        fs::write(&path, plane.kubeconfig(address))
            .map_err(Error::io(path.display().to_string()))?;
    }
    Ok(())
}

/// The Service that the cluster's DNS has everywhere; nobody else can get its address.
async fn reserve_dns(client: &Client) -> Result<(), Error> {
    let service = json!({
        "metadata": {"name": "kube-dns"},
        "spec": {"clusterIP": network::DNS, "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        ]},
    });
    let service: Service = serde_json::from_value(service)
        .map_err(|error| Error::Namespace(format!("kube-dns: {error}")))?;
    let services: Api<Service> = Api::namespaced(client.clone(), "kube-system");
    services.create(&PostParams::default(), &service).await?;
    Ok(())
}
