//! The Node object and the heartbeats that keep it Ready.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::context::Context;
use super::knobs::Allocatable;

/// The version that this node behaves like.
const VERSION: &str = "v1.37.2";
/// kubelet's `nodeLeaseDurationSeconds`.
const LEASE_SECONDS: u32 = 40;
const LEASES: &str = "kube-node-lease";
/// kubelet's `nodeStatusUpdateFrequency`.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How long the API server may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Creates the Node, or takes over one of the same name.
pub(crate) async fn create(
    context: &Context,
    labels: &BTreeMap<String, String>,
    cidr: &str,
) -> Result<(), kube::Error> {
    let api: Api<NodeObject> = Api::all(context.client.clone());
    let mut all = BTreeMap::from(
        [
            ("kubernetes.io/hostname", context.name.as_str()),
            ("kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", arch()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    all.extend(labels.clone());
    let object = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": context.name, "labels": all},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr]},
        "status": status(context),
    });
    let object: NodeObject = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    match api.create(&PostParams::default(), &object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(error)) if error.code == 409 => write_status(context).await,
        Err(error) => Err(error),
    }
}

/// Renews the lease every `period`, and the status now and then and whenever the settings change; until dropped.
pub(crate) async fn beat(context: &Context, period: Duration) {
    let mut settings = context.knobs.watch();
    let mut written = None;
    loop {
        context.knobs.answering().await;
        let now = settings.borrow_and_update().clone();
        let fresh = written
            .as_ref()
            .is_some_and(|(what, at): &(_, tokio::time::Instant)| {
                *what == now.allocatable && at.elapsed() < STATUS_EVERY
            });
        let beats = async {
            renew(&context.client, &context.name).await?;
            if fresh {
                return Ok(false);
            }
            write_status(context).await.map(|()| true)
        };
        match tokio::time::timeout(DEADLINE, beats).await {
            Ok(Ok(true)) => written = Some((now.allocatable, tokio::time::Instant::now())),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "heartbeat failed"),
            Err(_) => tracing::debug!("heartbeat not answered"),
        }
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            changed = settings.changed() => {
                // Silence may just have ended: the status must say Ready again.
                written = None;
                if changed.is_err() { return }
            }
        }
    }
}

async fn renew(client: &Client, name: &str) -> Result<(), kube::Error> {
    let api: Api<Lease> = Api::namespaced(client.clone(), LEASES);
    let time = Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
        .to_string();
    let spec =
        json!({"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": time});
    let patch = Patch::Merge(json!({"spec": spec}));
    match api.patch(name, &PatchParams::default(), &patch).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(error)) if error.code == 404 => {
            let lease = json!({"metadata": {"name": name, "namespace": LEASES}, "spec": spec});
            let lease: Lease = serde_json::from_value(lease).map_err(kube::Error::SerdeError)?;
            api.create(&PostParams::default(), &lease).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

async fn write_status(context: &Context) -> Result<(), kube::Error> {
    let api: Api<NodeObject> = Api::all(context.client.clone());
    let patch = Patch::Strategic(json!({"status": status(context)}));
    api.patch_status(&context.name, &PatchParams::default(), &patch)
        .await
        .map(drop)
}

fn status(context: &Context) -> Value {
    let resources = context
        .knobs
        .read(|settings| quantities(&settings.allocatable));
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |type_: &str, so: bool, reason: &str, message: &str| {
        json!({
            "type": type_, "status": if so { "True" } else { "False" }, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    json!({
        "capacity": resources,
        "allocatable": resources,
        "addresses": [
            {"type": "InternalIP", "address": context.host},
            {"type": "Hostname", "address": context.name},
        ],
        "conditions": [
            condition("Ready", true, "KubeletReady", "the node runs pods as local processes"),
            condition("MemoryPressure", false, "KubeletHasSufficientMemory", "not watched"),
            condition("DiskPressure", false, "KubeletHasNoDiskPressure", "not watched"),
            condition("PIDPressure", false, "KubeletHasSufficientPID", "not watched"),
        ],
        "nodeInfo": {
            "architecture": arch(), "operatingSystem": "linux", "osImage": "local processes",
            "kubeletVersion": VERSION, "kubeProxyVersion": "", "containerRuntimeVersion": "process://1",
            "kernelVersion": "", "machineID": context.name, "systemUUID": context.name, "bootID": context.name,
        },
    })
}

fn quantities(allocatable: &Allocatable) -> Value {
    json!({
        "cpu": allocatable.cpu,
        "memory": allocatable.memory,
        "pods": allocatable.pods.to_string(),
        "ephemeral-storage": "1Ti",
    })
}

/// Go's name of this machine's architecture.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
