//! Targets of custom kinds: their metadata is watched, and their scale subresource read when their specification has changed.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, PartialObjectMeta};
use kube::runtime::watcher::{self, watcher};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::index::event::{Change, Event, KindSaid, Scope};
use crate::index::selector::PodSelector;
use crate::index::target::{Target, TargetKey};
use crate::scale::discover;
use crate::shared::Shared;

/// Many workloads may come at once.
const COALESCE: Duration = Duration::from_millis(100);

const PAUSE: Duration = Duration::from_secs(2);
const REQUEST: Duration = Duration::from_secs(5);

/// Scales read at once, of one kind.
const AT_ONCE: usize = 16;

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
                let kind = kind_of(&kind.0, &kind.1);
                for namespace in scopes(namespaces.as_deref()) {
                    let (kind, said) = (kind.clone(), KindSaid::Unwatched);
                    shared.handle(Event::Kind(Scope { namespace, kind }, said));
                }
            }
            keep
        });
        while tasks.try_join_next().is_some() {}
        for kind in wanted {
            if watched.contains_key(&kind) {
                continue;
            }
            let start = |namespace| {
                let (client, shared, (version, name)) =
                    (client.clone(), shared.clone(), kind.clone());
                tasks.spawn(follow(client, shared, version, name, namespace))
            };
            let handles = scopes(namespaces.as_deref())
                .into_iter()
                .map(start)
                .collect();
            watched.insert(kind, handles);
        }
    }
}

/// What a list covers: `None` is all namespaces.
fn scopes(namespaces: Option<&[String]>) -> Vec<Option<String>> {
    match namespaces {
        Some(named) => named.iter().cloned().map(Some).collect(),
        None => vec![None],
    }
}

async fn follow(
    client: Client,
    shared: Arc<Shared>,
    api_version: String,
    kind: String,
    namespace: Option<String>,
) {
    let scope = Scope {
        namespace,
        kind: kind_of(&api_version, &kind),
    };
    let tell = |said: KindSaid| {
        let scope = scope.clone();
        shared.handle(Event::Kind(scope, said));
    };
    let resource = loop {
        match discover(&client, &api_version, &kind).await {
            Ok(resource) => break resource,
            Err(error) => {
                tell(KindSaid::Trouble(error));
                sleep(PAUSE).await;
            }
        }
    };
    let namespace = scope.namespace.clone();
    let metas: Api<PartialObjectMeta<DynamicObject>> = match &namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let mut stream = std::pin::pin!(watcher(metas, watcher::Config::default().timeout(240)));
    let mut custom = Custom {
        client,
        resource,
        shared: shared.clone(),
        known: BTreeMap::new(),
        due: BTreeSet::new(),
        reading: BTreeSet::new(),
    };
    let mut reads = FuturesUnordered::new();
    let mut seen = HashSet::new();
    // Told once what it names was read: until then nothing is known to be missing.
    let mut listed = None;
    let mut missing = tokio::time::interval(PAUSE);
    loop {
        while reads.len() < AT_ONCE
            && let Some(read) = custom.next_read()
        {
            reads.push(read);
        }
        if reads.is_empty()
            && let Some(seen) = listed.take()
        {
            let scope = scope.clone();
            shared.handle(Event::Target(Change::Listed { scope, seen }));
        }
        tokio::select! {
            event = stream.next() => match event {
                Some(Ok(watcher::Event::Init)) => seen.clear(),
                Some(Ok(watcher::Event::InitApply(object))) => {
                    seen.extend(custom.key(&object.metadata));
                    custom.apply(object.metadata);
                }
                Some(Ok(watcher::Event::Apply(object))) => custom.apply(object.metadata),
                Some(Ok(watcher::Event::InitDone)) => {
                    custom.known.retain(|key, _| seen.contains(key));
                    listed = Some(std::mem::take(&mut seen));
                }
                Some(Ok(watcher::Event::Delete(object))) => {
                    if let Some(key) = custom.key(&object.metadata) {
                        custom.known.remove(&key);
                        shared.handle(Event::Target(Change::Delete(key)));
                    }
                }
                Some(Err(error)) => {
                    tracing::warn!("{kind}: the watch is broken, what is known stays: {error}");
                    tell(KindSaid::Trouble(format!("{kind} can't be listed or watched: {error}")));
                    sleep(PAUSE).await;
                }
                None => return,
            },
            Some(read) = reads.next() => custom.done(read),
            // Workloads may name others of them now; and a read that failed is due again.
            _ = missing.tick() => custom.look_for_missing(),
        }
    }
}

/// As a [`Scope`] names it.
fn kind_of(api_version: &str, kind: &str) -> String {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    format!("{group}/{kind}")
}

struct Custom {
    client: Client,
    resource: ApiResource,
    shared: Arc<Shared>,
    /// All of the kind; with the generation at which its scale was read.
    known: BTreeMap<TargetKey, (ObjectMeta, Option<i64>)>,
    /// To be looked at: perhaps their scale is to be read.
    due: BTreeSet<TargetKey>,
    /// Their scale is being read.
    reading: BTreeSet<TargetKey>,
}

/// A scale that was read, or why not; with the object's metadata as it was known when the read began.
struct Read {
    key: TargetKey,
    meta: ObjectMeta,
    scale: Result<Scale, String>,
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

    fn apply(&mut self, mut meta: ObjectMeta) {
        let Some(key) = self.key(&meta) else {
            return;
        };
        meta.labels = None;
        let read = self.known.get(&key).and_then(|(_, read)| *read);
        self.known.insert(key.clone(), (meta, read));
        self.due.insert(key);
    }

    fn look_for_missing(&mut self) {
        let unread = self
            .known
            .iter()
            .filter(|(_, (meta, read))| *read != meta.generation);
        self.due.extend(unread.map(|(key, _)| key.clone()));
    }

    /// The next read that is due: when a workload names the object and its scale may be another than was read.
    fn next_read(&mut self) -> Option<impl Future<Output = Read> + use<>> {
        loop {
            let key = self.due.pop_first()?;
            if self.reading.contains(&key) || !self.is_unread(&key) {
                continue;
            }
            let Some((meta, _)) = self.known.get(&key) else {
                continue;
            };
            let read = read(
                self.client.clone(),
                self.resource.clone(),
                key.clone(),
                meta.clone(),
            );
            self.reading.insert(key);
            return Some(read);
        }
    }

    fn is_unread(&self, key: &TargetKey) -> bool {
        let Some((meta, read)) = self.known.get(key) else {
            return false;
        };
        let (wanted, selected) = self.shared.with(|index| {
            let target = index.target_of(key);
            let selected = target.is_some_and(|target| target.selector.is_some());
            (index.is_wanted(key), selected)
        });
        wanted && (*read != meta.generation || !selected)
    }

    fn done(&mut self, read: Read) {
        let Read {
            key,
            mut meta,
            scale,
        } = read;
        self.reading.remove(&key);
        let scale = match scale {
            Ok(scale) => scale,
            Err(why) => {
                tracing::warn!("{key}: its scale can't be read: {why}");
                return self.shared.handle(Event::Unreadable(key, why));
            }
        };
        let replicas = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
        let selector = scale.status.and_then(|status| status.selector);
        let selector = selector
            .as_deref()
            .filter(|text| !text.is_empty())
            .and_then(PodSelector::parse);
        let generation = meta.generation;
        meta.resource_version = scale.metadata.resource_version.or(meta.resource_version);
        let replicas = u32::try_from(replicas).unwrap_or(0);
        let target = Target::of_meta(&key.group, &key.kind, &meta, replicas, selector);
        let Some((now, read)) = self.known.get_mut(&key) else {
            // Deleted meanwhile.
            return;
        };
        *read = generation;
        if now.generation != generation {
            self.due.insert(key);
        }
        if let Some(target) = target {
            self.shared.handle(Event::Target(Change::Apply(target)));
        }
    }
}

async fn read(client: Client, resource: ApiResource, key: TargetKey, meta: ObjectMeta) -> Read {
    let objects: Api<DynamicObject> = Api::namespaced_with(client, key.name.namespace(), &resource);
    let scale = match timeout(REQUEST, objects.get_scale(key.name.name())).await {
        Ok(Ok(scale)) => Ok(scale),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the API server does not answer".to_owned()),
    };
    Read { key, meta, scale }
}
