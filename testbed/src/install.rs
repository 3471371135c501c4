//! Rouse on a testbed, as an administrator installs it: the manifests of `deploy/`, certificates for the link, a definition.

mod certificates;

use std::path::Path;

use kube::Client;
use serde_json::{Value, json};

use crate::apply::{ApplyError, apply, documents};
use certificates::{Pair, issue};

/// Where Rouse itself lives.
pub const NAMESPACE: &str = "rouse";

/// The image that Rouse's own containers get: the testbed knows which program that is.
pub const IMAGE: &str = "rouse";

/// In this order: what stands later needs what stands before.
const MANIFESTS: [&str; 5] = [
    "namespace.yaml",
    "own.yaml",
    "rbac.yaml",
    "scaler.yaml",
    "proxy.yaml",
];

/// Why Rouse could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A manifest can't be read.
    #[error("{0}: {1}")]
    Read(String, std::io::Error),
    /// A manifest can't be applied.
    #[error("{0}: {1}")]
    Apply(String, ApplyError),
    /// A certificate can't be made.
    #[error("the link's certificates: {0}")]
    Certificate(#[from] rcgen::Error),
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
        if name == "namespace.yaml" {
            secrets(client).await?;
        }
    }
    Ok(())
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

async fn secrets(client: &Client) -> Result<(), InstallError> {
    let issued = issue()?;
    let secret = |name: &str, pair: &Pair| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": {"ca.crt": issued.ca, "tls.crt": pair.certificate, "tls.key": pair.key},
        })
    };
    for (name, pair) in [
        ("rouse-scaler-link", &issued.scaler),
        ("rouse-proxy-link", &issued.proxy),
    ] {
        let failed = |error| InstallError::Apply(format!("Secret {name}"), error);
        apply(client, &secret(name, pair)).await.map_err(failed)?;
    }
    Ok(())
}
