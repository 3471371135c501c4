//! One watch, for as long as Rouse runs: over disconnects, expired versions and API servers that are away.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use kube::api::Api;
use kube::runtime::watcher::{self, watcher};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use crate::index::event::{Change, Event, Scope};
use crate::shared::Shared;

/// How long the API server keeps one watch open, in seconds: less than the client would wait for a silent one.
const OPEN: u32 = 240;

/// Objects per page of a list.
const PAGE: u32 = 500;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is missing, or not allowed, may be there or allowed later.
const ABSENT: Duration = Duration::from_secs(60);

/// What to do when a kind can't be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing is decided without it.
    Must,
    /// Its feature is off, said once.
    May,
    /// The same, but a kind that is not served is nothing to speak of.
    IfServed,
    /// Nothing is decided without it, unless the kind is not served; and once it has been, what is known stays.
    MustIfServed,
}

/// One kind of object and what becomes of it.
pub(super) struct Kind<O, T, K> {
    pub(super) name: &'static str,
    pub(super) need: Need,
    /// `None`: it is nothing to us.
    pub(super) of: fn(O) -> Option<T>,
    pub(super) key: fn(&T) -> K,
    pub(super) event: fn(Change<T, K>) -> Event,
}

/// The name under which a watch is waited for.
fn name_of(kind: &str, scope: &Scope) -> String {
    match &scope.namespace {
        Some(namespace) => format!("{kind} of namespace {namespace}"),
        None => format!("{kind} of all namespaces"),
    }
}

/// Notes at once that this watch is waited for.
pub(super) fn run<O, T, K>(
    shared: Arc<Shared>,
    kind: Kind<O, T, K>,
    api: Api<O>,
    scope: Scope,
) -> impl Future<Output = ()> + Send + 'static
where
    O: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    T: Send + 'static,
    K: Eq + Hash + Clone + Send + 'static,
{
    let name = name_of(kind.name, &scope);
    shared.expect(&name);
    follow(shared, kind, api, scope, name)
}

async fn follow<O, T, K>(
    shared: Arc<Shared>,
    kind: Kind<O, T, K>,
    api: Api<O>,
    scope: Scope,
    name: String,
) where
    O: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    T: Send + 'static,
    K: Eq + Hash + Clone + Send + 'static,
{
    let config = watcher::Config::default().timeout(OPEN).page_size(PAGE);
    let mut stream = pin!(watcher(api, config));
    let mut seen = HashSet::new();
    let (mut pause, mut said, mut listed) = (FIRST_PAUSE, false, false);
    while let Some(event) = stream.next().await {
        let error = match event {
            Ok(event) => {
                // A list begins without a word of the API server.
                if !matches!(event, watcher::Event::Init) {
                    pause = FIRST_PAUSE;
                    said = false;
                    shared.well(&name);
                }
                listed |= matches!(event, watcher::Event::InitDone);
                take(&shared, &kind, &scope, &mut seen, &name, event);
                continue;
            }
            Err(error) => error,
        };
        let code = status_of(&error);
        let absent = match kind.need {
            Need::Must => false,
            Need::May | Need::IfServed => matches!(code, Some(403 | 404)),
            Need::MustIfServed => code == Some(404) && !listed,
        };
        shared.broken(&name, explain(&kind, code, &error));
        if absent {
            let silent = kind.need != Need::May && code == Some(404);
            if !silent && !std::mem::replace(&mut said, true) {
                tracing::warn!(
                    "{name} can't be watched ({error}): Rouse does without what they would tell"
                );
            }
            // Nothing is known of them any more.
            seen.clear();
            shared.handle((kind.event)(Change::Listed {
                scope: scope.clone(),
                seen: HashSet::new(),
            }));
            shared.listed(&name);
            sleep(ABSENT).await;
            continue;
        }
        if !std::mem::replace(&mut said, true) {
            tracing::warn!("{name}: the watch is broken, what is known stays: {error}");
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn take<O, T, K>(
    shared: &Shared,
    kind: &Kind<O, T, K>,
    scope: &Scope,
    seen: &mut HashSet<K>,
    name: &str,
    event: watcher::Event<O>,
) where
    K: Eq + Hash + Clone,
{
    match event {
        watcher::Event::Init => seen.clear(),
        watcher::Event::InitApply(object) => {
            if let Some(item) = (kind.of)(object) {
                seen.insert((kind.key)(&item));
                shared.handle((kind.event)(Change::Apply(item)));
            }
        }
        watcher::Event::InitDone => {
            let seen = std::mem::take(seen);
            let scope = scope.clone();
            shared.handle((kind.event)(Change::Listed { scope, seen }));
            shared.listed(name);
        }
        watcher::Event::Apply(object) => {
            if let Some(item) = (kind.of)(object) {
                shared.handle((kind.event)(Change::Apply(item)));
            }
        }
        watcher::Event::Delete(object) => {
            if let Some(item) = (kind.of)(object) {
                let key = (kind.key)(&item);
                shared.handle((kind.event)(Change::Delete(key)));
            }
        }
    }
}

fn status_of(error: &watcher::Error) -> Option<u16> {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => Some(status.code),
        _ => None,
    }
}

fn explain<O, T, K>(kind: &Kind<O, T, K>, code: Option<u16>, error: &watcher::Error) -> String {
    match code {
        Some(403) => format!(
            "not allowed; give the scaler's service account list and watch on them, as deploy/ does ({error})"
        ),
        Some(404) => format!(
            "{} are not served; apply the CustomResourceDefinition in deploy/ ({error})",
            kind.name
        ),
        _ => error.to_string(),
    }
}
