//! Streams of what changes in the cluster, into the index.

mod custom;
mod events;
mod keda;
mod run;
#[cfg(test)]
mod tests;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Resource};
use rouse_api::resource::{API_VERSION, KIND};
use std::sync::Arc;
use tokio::task::JoinSet;

use crate::index::event::{Event, Key, Scope};
use crate::index::object::Object;
use crate::index::owner::Governing;
use crate::index::slice::Slice;
use crate::index::target::{Target, TargetKey};
use crate::index::{pod, service};
use crate::platform::WatchConfig;
use crate::shared::Shared;
use run::{Kind, Need};

/// Starts everything that watches; it ends when the set is dropped.
pub(crate) fn start(client: &Client, config: &WatchConfig, shared: &Arc<Shared>) -> JoinSet<()> {
    let namespaces = config.namespaces.as_deref();
    let mut tasks = JoinSet::new();
    let scopes: Vec<Option<String>> = match namespaces {
        Some(named) => named.iter().cloned().map(Some).collect(),
        None => vec![None],
    };
    keda::of_cluster(&mut tasks, client, shared, config.adoption);
    for namespace in scopes {
        if config.fronts.is_some() {
            slices(&mut tasks, client, namespace.as_deref(), shared);
        }
        keda::start(
            &mut tasks,
            client,
            namespace.as_deref(),
            shared,
            config.adoption,
        );
        in_namespace(&mut tasks, client, namespace, shared);
    }
    tasks.spawn(custom::run(
        client.clone(),
        namespaces.map(<[String]>::to_vec),
        shared.clone(),
    ));
    tasks.spawn(tick(shared.clone()));
    tasks
}

fn in_namespace(
    tasks: &mut JoinSet<()>,
    client: &Client,
    namespace: Option<String>,
    shared: &Arc<Shared>,
) {
    let scope = |kind: &str| Scope {
        namespace: namespace.clone(),
        kind: kind.to_owned(),
    };
    let namespace = namespace.as_deref();
    let objects = dynamic(API_VERSION, KIND, "scaledworkloads");
    tasks.spawn(run::run(
        shared.clone(),
        Kind {
            name: "ScaledWorkloads",
            need: Need::Must,
            of: |object: DynamicObject| Object::of(&object),
            key: |object: &Object| object.key.clone(),
            event: Event::Object,
        },
        dynamic_api(client, namespace, &objects),
        scope(""),
    ));
    tasks.spawn(run::run(
        shared.clone(),
        Kind {
            name: "Pods",
            need: Need::Must,
            of: |object: Pod| pod::Pod::of(&object),
            key: |pod: &pod::Pod| pod.key.clone(),
            event: Event::Pod,
        },
        typed::<Pod>(client, namespace),
        scope(""),
    ));
    tasks.spawn(run::run(
        shared.clone(),
        Kind {
            name: "Services",
            need: Need::Must,
            of: service::Service::of,
            key: |service: &service::Service| service.key.clone(),
            event: Event::Service,
        },
        typed::<Service>(client, namespace),
        scope(""),
    ));
    targets(tasks, client, namespace, shared);
    others(tasks, client, namespace, shared);
}

/// All of them: also those that others make for a front's Service, and those of ours that somebody has changed.
fn slices(tasks: &mut JoinSet<()>, client: &Client, namespace: Option<&str>, shared: &Arc<Shared>) {
    tasks.spawn(run::run(
        shared.clone(),
        Kind {
            name: "EndpointSlices",
            need: Need::May,
            of: Slice::of,
            key: |slice: &Slice| slice.key.clone(),
            event: Event::Slice,
        },
        typed::<EndpointSlice>(client, namespace),
        Scope {
            namespace: namespace.map(ToOwned::to_owned),
            kind: String::new(),
        },
    ));
}

fn targets(
    tasks: &mut JoinSet<()>,
    client: &Client,
    namespace: Option<&str>,
    shared: &Arc<Shared>,
) {
    let scope = |kind: &str| Scope {
        namespace: namespace.map(ToOwned::to_owned),
        kind: format!("apps/{kind}"),
    };
    let key = |target: &Target| target.key.clone();
    tasks.spawn(run::run(
        shared.clone(),
        Kind {
            name: "Deployments",
            need: Need::Must,
            of: Target::deployment,
            key,
            event: Event::Target,
        },
        typed::<Deployment>(client, namespace),
        scope("Deployment"),
    ));
    tasks.spawn(run::run(
        shared.clone(),
        Kind {
            name: "StatefulSets",
            need: Need::Must,
            of: Target::stateful_set,
            key,
            event: Event::Target,
        },
        typed::<StatefulSet>(client, namespace),
        scope("StatefulSet"),
    ));
    // Those of Deployments are none that a workload could name, and there are many.
    let own = |object: ReplicaSet| {
        let owners = object
            .metadata
            .owner_references
            .as_deref()
            .unwrap_or_default();
        let owned = owners
            .iter()
            .any(|owner| owner.controller == Some(true) && owner.kind == "Deployment");
        if owned {
            None
        } else {
            Target::replica_set(object)
        }
    };
    tasks.spawn(run::run(
        shared.clone(),
        Kind {
            name: "ReplicaSets",
            need: Need::Must,
            of: own,
            key,
            event: Event::Target,
        },
        typed::<ReplicaSet>(client, namespace),
        scope("ReplicaSet"),
    ));
}

fn others(tasks: &mut JoinSet<()>, client: &Client, namespace: Option<&str>, shared: &Arc<Shared>) {
    let scope = || Scope {
        namespace: namespace.map(ToOwned::to_owned),
        kind: String::new(),
    };
    tasks.spawn(run::run(
        shared.clone(),
        Kind {
            name: "HorizontalPodAutoscalers",
            need: Need::May,
            of: governing,
            key: |hpa: &Governing| hpa.key.clone(),
            event: Event::Hpa,
        },
        typed::<HorizontalPodAutoscaler>(client, namespace),
        scope(),
    ));
    events::start(tasks, client, namespace, shared);
}

fn typed<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

fn dynamic_api(
    client: &Client,
    namespace: Option<&str>,
    resource: &ApiResource,
) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

fn dynamic(api_version: &str, kind: &str, plural: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

fn governing(object: HorizontalPodAutoscaler) -> Option<Governing> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let owners = object.metadata.owner_references.unwrap_or_default();
    let spec = object.spec;
    let target = &spec.scale_target_ref;
    let api_version = target.api_version.as_deref().unwrap_or("apps/v1");
    Some(Governing {
        key: Key::new(namespace, object.metadata.name.as_deref()?),
        target: TargetKey::new(namespace, api_version, &target.kind, &target.name),
        min: spec
            .min_replicas
            .map_or(1, |min| u32::try_from(min).unwrap_or(1)),
        of_keda: owners.iter().any(|owner| owner.kind == "ScaledObject"),
    })
}

/// Looks at what changes by time alone, when it does.
async fn tick(shared: Arc<Shared>) {
    loop {
        let due = shared.tick();
        let wait = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = shared.due.notified() => {}
        }
    }
}
