//! Kubeconfigs, and clients from them. Their contents are JSON, which is YAML.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::certificates::Certificates;
use crate::error::Error;

/// The API server as seen from inside the namespace.
pub(super) const INSIDE: &str = "https://127.0.0.1:6443";

pub(super) fn admin(certificates: &Certificates, server: &str) -> Value {
    of(certificates, "admin", server)
}

/// With the client certificate `name`.
pub(super) fn of(certificates: &Certificates, name: &str, server: &str) -> Value {
    let file = |name: String| certificates.file(&name).display().to_string();
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "testbed",
            "cluster": {"server": server, "certificate-authority": file("ca.crt".to_owned())},
        }],
        "users": [{
            "name": name,
            "user": {
                "client-certificate": file(format!("{name}.crt")),
                "client-key": file(format!("{name}.key")),
            },
        }],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": name}}],
        "current-context": "testbed",
    })
}

pub(super) fn text(kubeconfig: &Value) -> String {
    format!("{kubeconfig:#}\n")
}

/// A client without limits of its own: how many requests are under way is the API server's to say.
pub(super) async fn client(kubeconfig: Value) -> Result<Client, Error> {
    let mut config = config(kubeconfig).await?;
    config.connect_timeout = Some(Duration::from_secs(5));
    Ok(Client::try_from(config)?)
}

pub(super) async fn config(kubeconfig: Value) -> Result<Config, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Ended(format!("kubeconfig: {error}"));
    let kubeconfig: Kubeconfig =
        serde_json::from_value(kubeconfig).map_err(|error| wrong(&error))?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| wrong(&error))
}
