//! Rouse on a testbed, as an administrator installs it: the manifests of `deploy/` and the definition. The scalers make the link's
//! certificates.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use crate::apply::{ApplyError, apply, documents};

/// Where Rouse itself lives.
pub const NAMESPACE: &str = "rouse";

/// The image that Rouse's own containers get: the testbed knows which program that is.
pub const IMAGE: &str = "rouse";

/// In this order: what stands later needs what stands before.
const MANIFESTS: [&str; 6] = [
    "namespace.yaml",
    "own.yaml",
    "rbac.yaml",
    "scaler.yaml",
    "proxy.yaml",
    "network-policy.yaml",
];

/// For all of Rouse's pods to be ready.
const READY: Duration = Duration::from_secs(30);

/// Why Rouse could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A manifest can't be read.
    #[error("{0}: {1}")]
    Read(String, std::io::Error),
    /// A manifest can't be applied.
    #[error("{0}: {1}")]
    Apply(String, ApplyError),
    /// It is installed, but does not come up.
    #[error("{0} within {READY:?}; see kubectl -n {NAMESPACE} get pods, and their logs")]
    Late(String),
}

/// Applies everything in the folder `deploy` (that of the repository), with these variables added to the environment of Rouse's
/// containers. Done when the API server has it all.
///
/// # Errors
/// Names the file that can't be read or applied.
pub async fn install(
    client: &Client,
    deploy: &Path,
    environment: &[(&str, &str)],
) -> Result<(), InstallError> {
    let definition = deploy.join("crds/scaledworkloads.rouse.dev.yaml");
    file(client, &definition, environment).await?;
    for name in MANIFESTS {
        let manifest = deploy.join("kubernetes").join(name);
        file(client, &manifest, environment).await?;
    }
    Ok(())
}

/// Waits until all proxies and scalers are ready.
///
/// # Errors
/// Names who is not within 30 s.
pub async fn ready(client: &Client) -> Result<(), InstallError> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let mut missing = String::new();
    let watch = async {
        loop {
            missing = match deployments.list(&ListParams::default()).await {
                Ok(all) => all
                    .items
                    .iter()
                    .filter_map(unready)
                    .collect::<Vec<_>>()
                    .join(", "),
                Err(error) => error.to_string(),
            };
            if missing.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let watched = tokio::time::timeout(READY, watch).await;
    watched.map_err(|_| InstallError::Late(missing))
}

/// What is to be said of a Deployment that is not complete.
fn unready(deployment: &Deployment) -> Option<String> {
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let status = deployment.status.as_ref();
    let ready = status.and_then(|status| status.ready_replicas).unwrap_or(0);
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    (ready < wanted).then(|| format!("{name}: {ready} of {wanted} are ready"))
}

async fn file(
    client: &Client,
    path: &Path,
    environment: &[(&str, &str)],
) -> Result<(), InstallError> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| InstallError::Read(name.clone(), error))?;
    let failed = |error| InstallError::Apply(name.clone(), error);
    for mut object in documents(&text).map_err(failed)? {
        adapt(&mut object, environment);
        apply(client, &object).await.map_err(failed)?;
    }
    Ok(())
}

/// The program under test instead of a published image, and more environment.
fn adapt(object: &mut Value, environment: &[(&str, &str)]) {
    let containers = object
        .pointer_mut("/spec/template/spec/containers")
        .and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        container["image"] = json!(IMAGE);
        if let Some(env) = container["env"].as_array_mut() {
            let variable = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
            env.extend(environment.iter().map(variable));
        }
    }
}
