//! Writes of slices: never over what another has made.

use std::time::Duration;

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, Error};
use rouse_api::link::Failure;
use rouse_api::workload::WorkloadId;
use serde_json::{Value, json};

use super::plan::Write;
use crate::index::event::{Change, Key};
use crate::index::slice::Slice;

/// Whose writes these are, in `metadata.managedFields`.
const FIELD_MANAGER: &str = "rouse-scaler";
/// For one write.
const DEADLINE: Duration = Duration::from_secs(10);

/// What came of a workload's writes.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The slices as they are now.
    pub(super) seen: Vec<Change<Slice>>,
    /// Not all was written, for another was faster.
    pub(super) overtaken: bool,
    /// Why not all was written.
    pub(super) failure: Option<Failure>,
}

#[derive(Clone)]
pub(super) struct Sink {
    client: Client,
}

/// What became of one write.
enum Written {
    Seen(Change<Slice>),
    /// Another was faster: the watch tells.
    Overtaken,
}

impl Sink {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// All of them, in order, up to the first that fails.
    pub(super) async fn write(&self, workload: &WorkloadId, writes: Vec<Write>) -> Outcome {
        let namespace = workload.namespace();
        let api: Api<EndpointSlice> = Api::namespaced(self.client.clone(), namespace);
        let mut outcome = Outcome::default();
        for write in writes {
            let one = one(&api, namespace, &write);
            let written = tokio::time::timeout(DEADLINE, one).await;
            match written {
                Ok(Ok(Written::Seen(change))) => outcome.seen.push(change),
                Ok(Ok(Written::Overtaken)) => {
                    outcome.overtaken = true;
                    break;
                }
                Ok(Err(error)) => {
                    outcome.failure = Some(explain(namespace, &write, &error));
                    break;
                }
                Err(_) => {
                    let message = "the API server does not answer in time".to_owned();
                    outcome.failure = Some(failure("FrontNotWritten", message));
                    break;
                }
            }
        }
        outcome
    }
}

async fn one(api: &Api<EndpointSlice>, namespace: &str, write: &Write) -> Result<Written, Error> {
    match write {
        Write::Create(name, content) => {
            let slice = typed(content.object(namespace, name))?;
            let parameters = PostParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            };
            Ok(seen(api.create(&parameters, &slice).await?))
        }
        Write::Change(name, (uid, version), content) => {
            let mut object = content.object(namespace, name);
            object["metadata"]["uid"] = json!(uid);
            object["metadata"]["resourceVersion"] = json!(version);
            let parameters = PatchParams::apply(FIELD_MANAGER).force();
            match api.patch(name, &parameters, &Patch::Apply(object)).await {
                Ok(slice) => Ok(seen(slice)),
                Err(Error::Api(status)) if matches!(status.code, 404 | 409) => {
                    Ok(Written::Overtaken)
                }
                Err(error) => Err(error),
            }
        }
        Write::Delete(name, uid) => {
            let parameters = DeleteParams {
                preconditions: Some(Preconditions {
                    uid: Some(uid.clone()),
                    resource_version: None,
                }),
                ..DeleteParams::default()
            };
            match api.delete(name, &parameters).await {
                Ok(_) => {}
                Err(Error::Api(status)) if status.code == 404 => {}
                Err(Error::Api(status)) if status.code == 409 => return Ok(Written::Overtaken),
                Err(error) => return Err(error),
            }
            Ok(Written::Seen(Change::Delete(Key::new(namespace, name))))
        }
    }
}

fn typed(object: Value) -> Result<EndpointSlice, Error> {
    serde_json::from_value(object).map_err(Error::SerdeError)
}

fn seen(slice: EndpointSlice) -> Written {
    Slice::of(slice).map_or(Written::Overtaken, |slice| {
        Written::Seen(Change::Apply(slice))
    })
}

fn explain(namespace: &str, write: &Write, error: &Error) -> Failure {
    let name = match write {
        Write::Create(name, _) | Write::Change(name, ..) | Write::Delete(name, _) => name,
    };
    match error {
        Error::Api(status) if status.code == 403 => failure(
            "FrontForbidden",
            format!(
                "the scaler may not write EndpointSlices in namespace {namespace}; grant it (scaler.fronts.enabled in the chart, deploy/kubernetes/fronts.yaml): {}",
                status.message
            ),
        ),
        Error::Api(status) if status.code == 409 => failure(
            "FrontNotWritten",
            format!(
                "there is an EndpointSlice {namespace}/{name} that Rouse has not made; delete it"
            ),
        ),
        error => failure(
            "FrontNotWritten",
            format!("EndpointSlice {namespace}/{name} can't be written: {error}"),
        ),
    }
}

fn failure(reason: &str, message: String) -> Failure {
    Failure {
        reason: reason.to_owned(),
        message,
    }
}
