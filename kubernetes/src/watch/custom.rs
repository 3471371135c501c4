//! Targets of custom kinds: their metadata is watched, and their scale subresource read when their specification has changed.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, PartialObjectMeta};
use kube::runtime::watcher::{self, watcher};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::index::event::{Change, Event, Scope};
use crate::index::selector::PodSelector;
use crate::index::target::{Target, TargetKey};
use crate::scale::discover;
use crate::shared::Shared;

/// Many workloads may come at once.
const COALESCE: Duration = Duration::from_millis(100);

const PAUSE: Duration = Duration::from_secs(2);
const REQUEST: Duration = Duration::from_secs(5);

/// Watches the kinds that workloads name, while they do.
pub(super) async fn run(client: Client, namespaces: Option<Vec<String>>, shared: Arc<Shared>) {
    let mut tasks = JoinSet::new();
    let mut watched: BTreeMap<(String, String), Vec<AbortHandle>> = BTreeMap::new();
    loop {
        shared.kinds.notified().await;
        sleep(COALESCE).await;
        let wanted = shared.custom_kinds();
        watched.retain(|kind, handles| {
            let keep = wanted.contains(kind);
            if !keep {
                handles.iter().for_each(AbortHandle::abort);
            }
            keep
        });
        while tasks.try_join_next().is_some() {}
        for kind in wanted {
            if watched.contains_key(&kind) {
                continue;
            }
            let scopes = match &namespaces {
                Some(named) => named.iter().cloned().map(Some).collect(),
                None => vec![None],
            };
            let start = |namespace| {
                let (client, shared, (version, name)) =
                    (client.clone(), shared.clone(), kind.clone());
                tasks.spawn(follow(client, shared, version, name, namespace))
            };
            let handles = scopes.into_iter().map(start).collect();
            watched.insert(kind, handles);
        }
    }
}

async fn follow(
    client: Client,
    shared: Arc<Shared>,
    api_version: String,
    kind: String,
    namespace: Option<String>,
) {
    let resource = loop {
        match discover(&client, &api_version, &kind).await {
            Ok(resource) => break resource,
            Err(error) => {
                tracing::debug!("{error}");
                sleep(PAUSE).await;
            }
        }
    };
    let metas: Api<PartialObjectMeta<DynamicObject>> = match &namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let scope = Scope {
        namespace,
        kind: format!("{}/{}", resource.group, resource.kind),
    };
    let mut stream = std::pin::pin!(watcher(metas, watcher::Config::default().timeout(240)));
    let mut custom = Custom {
        client,
        resource,
        shared,
        known: BTreeMap::new(),
    };
    let mut seen = HashSet::new();
    let mut missing = tokio::time::interval(PAUSE);
    loop {
        tokio::select! {
            event = stream.next() => match event {
                Some(Ok(watcher::Event::Init)) => seen.clear(),
                Some(Ok(watcher::Event::InitApply(object))) => {
                    seen.extend(custom.key(&object.metadata));
                    custom.apply(object.metadata).await;
                }
                Some(Ok(watcher::Event::Apply(object))) => custom.apply(object.metadata).await,
                Some(Ok(watcher::Event::InitDone)) => {
                    custom.known.retain(|key, _| seen.contains(key));
                    let (scope, seen) = (scope.clone(), std::mem::take(&mut seen));
                    custom.shared.handle(Event::Target(Change::Listed { scope, seen }));
                }
                Some(Ok(watcher::Event::Delete(object))) => {
                    if let Some(key) = custom.key(&object.metadata) {
                        custom.known.remove(&key);
                        custom.shared.handle(Event::Target(Change::Delete(key)));
                    }
                }
                Some(Err(error)) => {
                    tracing::warn!("{kind}: the watch is broken, what is known stays: {error}");
                    sleep(PAUSE).await;
                }
                None => return,
            },
            // Workloads may name others of them now; and a read that failed is due again.
            _ = missing.tick() => custom.read_missing().await,
        }
    }
}

struct Custom {
    client: Client,
    resource: ApiResource,
    shared: Arc<Shared>,
    /// All of the kind; with the generation at which its scale was read.
    known: BTreeMap<TargetKey, (ObjectMeta, Option<i64>)>,
}

impl Custom {
    fn key(&self, meta: &ObjectMeta) -> Option<TargetKey> {
        let (namespace, name) = (meta.namespace.as_deref()?, meta.name.as_deref()?);
        Some(TargetKey::new(
            namespace,
            &self.resource.api_version,
            &self.resource.kind,
            name,
        ))
    }

    async fn apply(&mut self, mut meta: ObjectMeta) {
        let Some(key) = self.key(&meta) else {
            return;
        };
        meta.labels = None;
        let read = self.known.get(&key).and_then(|(_, read)| *read);
        self.known.insert(key.clone(), (meta, read));
        self.read(&key).await;
    }

    async fn read_missing(&mut self) {
        let due =
            |(_, (meta, read)): &(&TargetKey, &(ObjectMeta, Option<i64>))| *read != meta.generation;
        let keys: Vec<TargetKey> = self
            .known
            .iter()
            .filter(due)
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            self.read(&key).await;
        }
    }

    /// Reads its scale, when a workload names it and the scale may be another than was read.
    async fn read(&mut self, key: &TargetKey) {
        let Some((meta, read)) = self.known.get(key) else {
            return;
        };
        let known = self.shared.with(|index| {
            let selected = index.target_of(key).map(|target| target.selector.is_some());
            index.is_wanted(key).then_some(selected)
        });
        let Some(selected) = known else {
            return;
        };
        if *read == meta.generation && selected == Some(true) {
            return;
        }
        let objects: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), key.name.namespace(), &self.resource);
        let scale = match timeout(REQUEST, objects.get_scale(key.name.name())).await {
            Ok(Ok(scale)) => scale,
            Ok(Err(error)) => return tracing::warn!("{key}: its scale can't be read: {error}"),
            Err(_) => {
                return tracing::warn!(
                    "{key}: its scale can't be read: the API server does not answer"
                );
            }
        };
        let replicas = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
        let selector = scale.status.and_then(|status| status.selector);
        let selector = selector
            .as_deref()
            .filter(|text| !text.is_empty())
            .and_then(PodSelector::parse);
        let mut meta = meta.clone();
        let generation = meta.generation;
        meta.resource_version = scale.metadata.resource_version.or(meta.resource_version);
        let replicas = u32::try_from(replicas).unwrap_or(0);
        let target = Target::of_meta(&key.group, &key.kind, &meta, replicas, selector);
        if let Some(target) = target {
            self.shared.handle(Event::Target(Change::Apply(target)));
            if let Some((_, read)) = self.known.get_mut(key) {
                *read = generation;
            }
        }
    }
}
