//! Where the Lease is kept.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Error};

use super::LeaseConfig;
use super::election::{Answer, Claim, Record};

/// Whose writes these are, in `metadata.managedFields`.
const FIELD_MANAGER: &str = "rouse-scaler";

/// One Lease.
pub(super) trait Store: Sync {
    /// As it is now, by a read that is never older than a write that was answered before.
    fn get(&self) -> impl Future<Output = Answer> + Send;

    /// Writes it if it is as the claim wants it.
    fn write(&self, claim: &Claim) -> impl Future<Output = Answer> + Send;
}

/// The API server's.
pub(super) struct KubeStore {
    api: Api<Lease>,
    name: String,
}

impl KubeStore {
    pub(super) fn new(client: Client, config: &LeaseConfig) -> Self {
        Self {
            api: Api::namespaced(client, &config.namespace),
            name: config.name.clone(),
        }
    }
}

impl Store for KubeStore {
    async fn get(&self) -> Answer {
        answer(self.api.get(&self.name).await)
    }

    async fn write(&self, claim: &Claim) -> Answer {
        let spec = spec(claim, Timestamp::now());
        answer(match &claim.version {
            None => {
                let lease = Lease {
                    metadata: ObjectMeta {
                        name: Some(self.name.clone()),
                        ..ObjectMeta::default()
                    },
                    spec: Some(spec),
                };
                let params = PostParams {
                    field_manager: Some(FIELD_MANAGER.to_owned()),
                    ..PostParams::default()
                };
                self.api.create(&params, &lease).await
            }
            Some(version) => {
                let params = PatchParams {
                    field_manager: Some(FIELD_MANAGER.to_owned()),
                    ..PatchParams::default()
                };
                let patch = Patch::Merge(patch(version, claim, &spec));
                self.api.patch(&self.name, &params, &patch).await
            }
        })
    }
}

fn spec(claim: &Claim, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: claim.holder.clone(),
        lease_duration_seconds: Some(seconds(claim.lasts)),
        lease_transitions: i32::try_from(claim.term).ok(),
        renew_time: Some(MicroTime(now)),
        acquire_time: claim.acquires.then_some(MicroTime(now)),
        ..LeaseSpec::default()
    }
}

/// A version in a patch is a precondition; what others have put on the object stays.
fn patch(version: &str, claim: &Claim, spec: &LeaseSpec) -> serde_json::Value {
    let mut spec = serde_json::json!(spec);
    if claim.holder.is_none() {
        spec["holderIdentity"] = serde_json::Value::Null;
    }
    serde_json::json!({"metadata": {"resourceVersion": version}, "spec": spec})
}

/// Rounded up.
fn seconds(duration: Duration) -> i32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

fn answer(result: Result<Lease, Error>) -> Answer {
    match result {
        Ok(lease) => record(lease),
        Err(Error::Api(status)) if status.code == 404 => Answer::Missing,
        Err(Error::Api(status)) if status.code == 409 => Answer::Conflict,
        Err(error) => Answer::Failed(error.to_string()),
    }
}

fn record(lease: Lease) -> Answer {
    let Some(version) = lease.metadata.resource_version else {
        return Answer::Failed("the Lease has no metadata.resourceVersion".to_owned());
    };
    let spec = lease.spec.unwrap_or_default();
    let lasts = spec.lease_duration_seconds.unwrap_or(0);
    let transitions = spec.lease_transitions.unwrap_or(0);
    if transitions == i32::MAX {
        return Answer::Failed("the Lease's leaseTransitions can't go up: set it to 1".to_owned());
    }
    Answer::Found(Record {
        version,
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        term: unsigned(transitions),
        lasts: Duration::from_secs(unsigned(lasts).into()),
    })
}

fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
