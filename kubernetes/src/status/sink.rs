//! Where statuses go.

use std::future::Future;
use std::time::Duration;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Client, Error};
use rouse_api::resource::Status;
use rouse_api::workload::WorkloadId;

use crate::origin::Origin;

/// Whose writes these are, in `metadata.managedFields`.
const FIELD_MANAGER: &str = "rouse-scaler";
/// For one write.
const DEADLINE: Duration = Duration::from_secs(10);
/// When the API server says that it is too busy, and not for how long.
const PAUSE: Duration = Duration::from_secs(1);
/// It may not ask for more.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Written,
    /// The object is no more, or another has its name.
    Gone,
    /// Nothing more is to be written for so long.
    Throttled(Duration),
    /// Whatever else; it may still have been written.
    Failed(String),
}

/// Takes statuses.
pub trait Sink: Send + Sync + 'static {
    /// Makes it the whole status of the object with this UID, in the words of its kind.
    fn write(
        &self,
        id: &WorkloadId,
        uid: &str,
        origin: &Origin,
        status: &Status,
    ) -> impl Future<Output = Outcome> + Send;
}

/// The API server, by server-side apply.
#[derive(Clone)]
pub struct KubeSink {
    client: Client,
}

impl std::fmt::Debug for KubeSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeSink").finish_non_exhaustive()
    }
}

impl KubeSink {
    /// With this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Sink for KubeSink {
    async fn write(&self, id: &WorkloadId, uid: &str, origin: &Origin, status: &Status) -> Outcome {
        let (api_version, kind, plural) = origin.resource();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let known = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&known, plural);
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), id.namespace(), &resource);
        let status = match origin.adopted() {
            Some(adopted) => super::keda::status(adopted, status),
            None => serde_json::json!(status),
        };
        let object = serde_json::json!({
            "apiVersion": api_version, "kind": kind,
            "metadata": {"name": id.name(), "namespace": id.namespace(), "uid": uid},
            "status": status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(object);
        let written = api.patch_status(id.name(), &params, &patch);
        match tokio::time::timeout(DEADLINE, written).await {
            Ok(Ok(_)) => Outcome::Written,
            Ok(Err(error)) => failed(&error),
            Err(_) => Outcome::Failed("no answer in time".to_owned()),
        }
    }
}

fn failed(error: &Error) -> Outcome {
    match error {
        // A conflict is of the UID: fields are taken by force.
        Error::Api(status) if matches!(status.code, 404 | 409) => Outcome::Gone,
        // Its definition knows other fields; tried again when there is something new to tell.
        Error::Api(status) if status.code == 422 => {
            tracing::warn!("a status is refused: {}", status.message);
            Outcome::Gone
        }
        Error::Api(status) if status.code == 429 => {
            let details = status.details.as_ref();
            let seconds = details.map_or(0, |details| details.retry_after_seconds);
            let asked = Duration::from_secs(seconds.into());
            Outcome::Throttled(asked.clamp(PAUSE, LONGEST_PAUSE))
        }
        error => Outcome::Failed(error.to_string()),
    }
}
