//! Where the Secrets are kept.

use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use tokio::time::timeout;

use super::CertificatesConfig;

/// Whose writes these are, in `metadata.managedFields`.
const FIELD_MANAGER: &str = "rouse-scaler";

/// For one answer of the API server.
const WITHIN: Duration = Duration::from_secs(5);

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    /// `NAME-link-ca`.
    Authorities,
    /// `NAME-proxy-link`.
    Proxies,
}

/// Both Secrets.
pub(super) trait Store: Send + Sync {
    /// `NAMESPACE/NAME`, for people.
    fn name(&self, which: Which) -> String;

    /// As it is now.
    fn get(&self, which: Which) -> impl Future<Output = Result<Option<Secret>, String>> + Send;

    /// Writes it in the place of the version that it was read with, or creates it. False: it is another by now.
    fn put(
        &self,
        which: Which,
        secret: Secret,
    ) -> impl Future<Output = Result<bool, String>> + Send;
}

/// The API server's.
pub(super) struct KubeStore {
    api: Api<Secret>,
    namespace: String,
    name: String,
}

impl KubeStore {
    pub(super) fn new(client: Client, config: &CertificatesConfig) -> Self {
        Self {
            api: Api::namespaced(client, &config.namespace),
            namespace: config.namespace.clone(),
            name: config.name.clone(),
        }
    }

    fn object(&self, which: Which) -> String {
        match which {
            Which::Authorities => format!("{}-link-ca", self.name),
            Which::Proxies => format!("{}-proxy-link", self.name),
        }
    }
}

impl Store for KubeStore {
    fn name(&self, which: Which) -> String {
        format!("{}/{}", self.namespace, self.object(which))
    }

    async fn get(&self, which: Which) -> Result<Option<Secret>, String> {
        let name = self.object(which);
        let read = timeout(WITHIN, self.api.get_opt(&name)).await;
        let read = read.map_err(|_| "could not be read in time".to_owned())?;
        read.map_err(|error| told("get", &error))
    }

    async fn put(&self, which: Which, mut secret: Secret) -> Result<bool, String> {
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let name = self.object(which);
        let creates = secret.metadata.resource_version.is_none();
        let written = if creates {
            secret.metadata.name = Some(name);
            timeout(WITHIN, self.api.create(&params, &secret)).await
        } else {
            timeout(WITHIN, self.api.replace(&name, &params, &secret)).await
        };
        let written = written.map_err(|_| "could not be written in time".to_owned())?;
        match written {
            Ok(_) => Ok(true),
            // One that was taken away meanwhile is created at the next look.
            Err(Error::Api(status)) if status.code == 409 => Ok(false),
            Err(Error::Api(status)) if status.code == 404 && !creates => Ok(false),
            Err(error) => Err(told(if creates { "create" } else { "update" }, &error)),
        }
    }
}

fn told(verb: &str, error: &Error) -> String {
    match error {
        Error::Api(status) if status.code == 403 => format!(
            "the scaler may not {verb} it: its Role in this namespace must allow create on secrets, and get and update on this one \
             (deploy/kubernetes/own.yaml)"
        ),
        error => format!("could not be read or written: {error}"),
    }
}
