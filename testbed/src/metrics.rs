//! `metrics.k8s.io/v1beta1` as an aggregated API: what each container's process group really uses.
//!
//! CPU is the rate over the last window, memory what is resident. Rights are checked by the API server, which asks on everybody's
//! behalf; the server itself answers whoever reaches its address, which nobody outside of the testbed's namespace can.

mod answer;
mod query;
mod sample;
mod select;
mod serve;
mod usage;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::node::{Address, Node};
use sample::Samples;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "metrics-server";
const PORT: u16 = 443;

/// Why metrics can't be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// No free address on the node.
    #[error("the node has no free address for the metrics server")]
    NoAddress,
    /// Its address can't be listened on.
    #[error("listening on the node's address: {0}; is it local to this network namespace?")]
    Listen(#[from] io::Error),
    /// Its certificate can't be made.
    #[error("the metrics server's certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Its certificate can't be used.
    #[error("the metrics server's certificate: {0}")]
    Tls(#[from] rustls::Error),
    /// The API server said no.
    #[error("registering the metrics API: {0}")]
    Register(#[source] Box<kube::Error>),
}

/// A metrics server that runs; it ends when this is dropped. What it registered stays.
pub struct Metrics {
    _tasks: JoinSet<()>,
    _address: Address,
}

impl Metrics {
    /// Serves the usage of `node`'s pods, measured every `window`, and registers the API for it.
    ///
    /// # Errors
    /// When it can't listen, or the API server refuses it.
    pub async fn start(
        client: &Client,
        node: &Node,
        window: Duration,
    ) -> Result<Self, MetricsError> {
        let context = Arc::clone(node.context());
        let address = context.addresses.take().ok_or(MetricsError::NoAddress)?;
        let listener = TcpListener::bind((address.ip(), PORT)).await?;
        let name = format!("{NAME}.{NAMESPACE}.svc");
        let pair = rcgen::generate_simple_self_signed([name])?;
        let key = PrivateKeyDer::Pkcs8(pair.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![pair.cert.der().clone()], key)?;
        let samples = Samples::new(&context.name);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve::serve(listener, Arc::new(tls), samples.clone()));
        tasks.spawn(samples.follow(context, window));
        register(client, &address.ip().to_string(), &pair.cert.pem())
            .await
            .map_err(|error| MetricsError::Register(Box::new(error)))?;
        Ok(Self {
            _tasks: tasks,
            _address: address,
        })
    }
}

async fn register(client: &Client, address: &str, certificate: &str) -> Result<(), kube::Error> {
    let services: Api<Service> = Api::namespaced(client.clone(), NAMESPACE);
    let port = json!([{"name": "https", "port": PORT, "protocol": "TCP"}]);
    apply(&services, NAME, json!({"spec": {"ports": port}})).await?;
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), NAMESPACE);
    let slice = json!({
        "metadata": {"labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
        "ports": port,
    });
    apply(&slices, NAME, slice).await?;
    let apis: Api<APIService> = Api::all(client.clone());
    let api = json!({"spec": {
        "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "service": {"namespace": NAMESPACE, "name": NAME, "port": PORT},
        "caBundle": ByteString(certificate.as_bytes().to_vec()),
    }});
    apply(&apis, "v1beta1.metrics.k8s.io", api).await
}

async fn apply<K>(api: &Api<K>, name: &str, mut object: Value) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    object["apiVersion"] = json!(K::api_version(&()));
    object["kind"] = json!(K::kind(&()));
    object["metadata"]["name"] = json!(name);
    let parameters = PatchParams::apply("rouse-testbed").force();
    api.patch(name, &parameters, &Patch::Apply(object))
        .await
        .map(drop)
}
