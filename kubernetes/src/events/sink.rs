use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use rouse_api::workload::WorkloadId;

use crate::origin::Origin;

use super::said::Said;

/// For one write.
const DEADLINE: Duration = Duration::from_secs(5);

/// Who tells it.
const CONTROLLER: &str = "rouse.dev/scaler";

/// What became of a write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is there.
    Written,
    /// This account may not.
    Forbidden(String),
    /// This one can't be written, and that says nothing about others.
    Dropped,
    /// Whatever else.
    Failed(String),
}

pub(super) struct Sink {
    client: Client,
    instance: String,
}

impl Sink {
    pub(super) fn new(client: Client, instance: &str) -> Self {
        let instance = instance.chars().take(128).collect();
        Self { client, instance }
    }

    pub(super) async fn write(
        &self,
        id: &WorkloadId,
        (uid, origin): (&str, &Origin),
        said: &Said,
    ) -> Outcome {
        let event = self.event(id, (uid, origin), said, jiff::Timestamp::now());
        let api: Api<Event> = Api::namespaced(self.client.clone(), id.namespace());
        let (params, deadline) = (PostParams::default(), DEADLINE);
        match tokio::time::timeout(deadline, api.create(&params, &event)).await {
            Ok(Ok(_)) => Outcome::Written,
            Ok(Err(error)) => failed(&error),
            Err(_) => Outcome::Failed("the API server did not answer".to_owned()),
        }
    }

    fn event(
        &self,
        id: &WorkloadId,
        (uid, origin): (&str, &Origin),
        said: &Said,
        now: jiff::Timestamp,
    ) -> Event {
        let (api_version, of_kind, _) = origin.resource();
        let kind = if said.warning { "Warning" } else { "Normal" };
        Event {
            metadata: ObjectMeta {
                namespace: Some(id.namespace().to_owned()),
                name: Some(format!("{}.{:x}", id.name(), now.as_nanosecond())),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            type_: Some(kind.to_owned()),
            reason: Some(said.reason.clone()),
            action: Some(said.action.to_owned()),
            note: Some(said.note.clone()),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            regarding: Some(ObjectReference {
                api_version: Some(api_version.to_owned()),
                kind: Some(of_kind.to_owned()),
                namespace: Some(id.namespace().to_owned()),
                name: Some(id.name().to_owned()),
                uid: Some(uid.to_owned()),
                ..ObjectReference::default()
            }),
            ..Event::default()
        }
    }
}

fn failed(error: &Error) -> Outcome {
    let Error::Api(status) = error else {
        return Outcome::Failed(error.to_string());
    };
    let details = status.details.as_ref();
    let ends = details.is_some_and(|details| {
        let mut causes = details.causes.iter();
        causes.any(|cause| cause.reason == "NamespaceTerminating")
    });
    match status.code {
        // Its namespace goes, or is gone, or it is not as the API server wants it.
        _ if ends => Outcome::Dropped,
        404 | 409 | 422 => Outcome::Dropped,
        403 => Outcome::Forbidden(status.message.clone()),
        _ => Outcome::Failed(error.to_string()),
    }
}
