//! Objects of any kind, as JSON or YAML.

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Client, discovery};
use serde_json::Value;

/// Why an object was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It can't be told what it is.
    #[error("the object has no {0}")]
    Incomplete(&'static str),
    /// The text is no YAML.
    #[error("no YAML: {0}")]
    Yaml(String),
    /// The API server said so.
    #[error(transparent)]
    Api(#[from] kube::Error),
}

/// The API of an object's kind, in its namespace (`default` when it names none).
///
/// # Errors
/// When the API server doesn't know the kind.
pub async fn api(client: &Client, object: &Value) -> Result<Api<DynamicObject>, ApplyError> {
    let text = |field: &'static str| object[field].as_str().ok_or(ApplyError::Incomplete(field));
    let (api_version, kind) = (text("apiVersion")?, text("kind")?);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = GroupVersionKind::gvk(group, version, kind);
    let (resource, capabilities) = discovery::pinned_kind(client, &kind).await?;
    let namespace = object["metadata"]["namespace"]
        .as_str()
        .unwrap_or("default");
    Ok(match capabilities.scope {
        discovery::Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
        discovery::Scope::Cluster => Api::all_with(client.clone(), &resource),
    })
}

/// Creates or changes it, as `kubectl apply --server-side --force-conflicts` does.
///
/// # Errors
/// When the object is incomplete, or the API server refuses it.
pub async fn apply(client: &Client, object: &Value) -> Result<DynamicObject, ApplyError> {
    let name = object["metadata"]["name"]
        .as_str()
        .ok_or(ApplyError::Incomplete("metadata.name"))?;
    let api = api(client, object).await?;
    let mut object = object.clone();
    if api.namespace().is_none()
        && let Some(metadata) = object["metadata"].as_object_mut()
    {
        metadata.remove("namespace");
    }
    let parameters = PatchParams::apply("testbed").force();
    Ok(api.patch(name, &parameters, &Patch::Apply(&object)).await?)
}

/// Every document of a YAML text; empty ones are left out.
///
/// # Errors
/// When it is no YAML.
pub fn documents(yaml: &str) -> Result<Vec<Value>, ApplyError> {
    let all: Vec<Value> =
        serde_saphyr::from_multiple(yaml).map_err(|error| ApplyError::Yaml(error.to_string()))?;
    Ok(all.into_iter().filter(|one| !one.is_null()).collect())
}
