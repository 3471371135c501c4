//! Documents against each other: names, targets, routes, and who wakes whom.

use std::collections::{HashMap, HashSet};

use super::path::FieldPath;
use super::resolve::Single;
use super::{Entry, resolve};
use crate::workload::{HeaderMatch, HostPattern, Route, WorkloadId};

/// Notes what contradicts between documents, at the later of two. `complete`: there are no documents but these.
pub(super) fn check(entries: &mut [Entry], complete: bool) {
    names(entries);
    targets(entries);
    routes(entries);
    wakes(entries, complete);
}

/// Notes in a later document that `key` is taken, with the first one's place.
struct Claims<K>(HashMap<K, String>);

impl<K: Eq + std::hash::Hash> Claims<K> {
    fn new() -> Self {
        Self(HashMap::new())
    }

    /// Who has the key already; otherwise it is `who`'s.
    fn claim(&mut self, key: K, who: impl FnOnce() -> String) -> Option<&str> {
        match self.0.entry(key) {
            std::collections::hash_map::Entry::Occupied(taken) => Some(taken.into_mut()),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(who());
                None
            }
        }
    }
}

fn names(entries: &mut [Entry]) {
    let at = FieldPath::of("metadata.name");
    let mut claims = Claims::new();
    for entry in entries {
        let (document, Some(id)) = (&mut entry.document, &entry.id) else {
            continue;
        };
        let place = || document.place(&at);
        if let Some(first) = claims.claim(id.clone(), place) {
            let message = format!(
                "is taken: {id} stands at {first} already; names are unique in a namespace"
            );
            document.refuse(&at, message);
        }
    }
}

fn targets(entries: &mut [Entry]) {
    let at = FieldPath::of("spec.target.name");
    let mut claims = Claims::new();
    for entry in entries {
        let Some(id) = &entry.id else { continue };
        let target = entry
            .resource
            .spec
            .as_ref()
            .and_then(|spec| spec.target.as_ref());
        let Some((target, name)) = target.and_then(|target| Some((target, target.name.as_ref()?)))
        else {
            continue;
        };
        let key = (
            id.namespace().to_owned(),
            target
                .api_version
                .clone()
                .unwrap_or_else(|| "apps/v1".to_owned()),
            target
                .kind
                .clone()
                .unwrap_or_else(|| "Deployment".to_owned()),
            name.clone(),
        );
        let document = &mut entry.document;
        let place = || format!("{id} ({})", document.place(&at));
        if let Some(first) = claims.claim(key, place) {
            document.refuse(
                &at,
                format!("is the target of {first} already; one workload scales it"),
            );
        }
    }
}

/// A host, a path prefix, and headers sorted by name (`None`: any value).
type RouteKey = (HostPattern, String, Vec<(String, Option<String>)>);

fn key(single: &Single<'_>, route: &Route) -> RouteKey {
    let header = |(name, wanted): &(String, HeaderMatch)| match wanted {
        HeaderMatch::Present => (name.clone(), None),
        HeaderMatch::Exact(value) => (name.clone(), Some(value.clone())),
    };
    let mut headers: Vec<_> = route.headers.iter().map(header).collect();
    headers.sort();
    (single.host.clone(), single.path.to_owned(), headers)
}

fn routes(entries: &mut [Entry]) {
    let mut claims = Claims::new();
    for entry in entries {
        let Some(http) = entry
            .resource
            .spec
            .as_ref()
            .and_then(|spec| spec.http.as_ref())
        else {
            continue;
        };
        let short = !http.hosts.is_empty();
        let owner = entry
            .id
            .as_ref()
            .map_or("another workload", WorkloadId::as_str);
        let at = FieldPath::of("spec.http");
        let all = at.key("routes");
        for (i, route) in resolve::routes(http).iter().enumerate() {
            let route_at = if short { at.clone() } else { all.index(i) };
            // A part that was refused widens what is left.
            if !short && entry.document.touched(&route_at) {
                continue;
            }
            for single in resolve::expanded(route) {
                let at = match (single.host_index, single.path_index) {
                    (Some(i), _) => route_at.key("hosts").index(i),
                    (None, Some(i)) => route_at.key("pathPrefixes").index(i),
                    (None, None) => route_at.clone(),
                };
                let document = &mut entry.document;
                let place = || format!("{owner} ({})", document.place(&at));
                if let Some(first) = claims.claim(key(&single, route), place) {
                    let path = if single.path.is_empty() {
                        "/"
                    } else {
                        single.path
                    };
                    let message = format!(
                        "takes host {}, path {path}, which is a route of {first} already; a route belongs to one workload",
                        single.host
                    );
                    document.refuse(&at, message);
                }
            }
        }
    }
}

fn wakes(entries: &mut [Entry], complete: bool) {
    let known: HashSet<_> = entries
        .iter()
        .filter_map(|entry| entry.id.clone())
        .collect();
    // A document that could not be read may be the one that is meant.
    let complete = complete && entries.iter().all(|entry| entry.id.is_some());
    let mut woken = HashSet::new();
    for entry in entries.iter_mut() {
        let (Some(id), Some(spec)) = (&entry.id, &entry.resource.spec) else {
            continue;
        };
        for (i, name) in spec.wakes.iter().enumerate() {
            let other = WorkloadId::new(id.namespace(), name.as_str());
            let at = FieldPath::of("spec.wakes").index(i);
            if other == *id {
                entry
                    .document
                    .refuse(&at, "is the workload itself; leave it out");
            } else if complete && !known.contains(&other) {
                entry.document.refuse(&at, format!("is {other}, which is not there; write the name of a workload of this namespace"));
            } else {
                woken.insert(other);
            }
        }
    }
    for entry in entries {
        let Some(spec) = &entry.resource.spec else {
            continue;
        };
        let min = spec
            .replicas
            .as_ref()
            .and_then(|replicas| replicas.min)
            .unwrap_or(0);
        let is_woken = !complete || entry.id.as_ref().is_some_and(|id| woken.contains(id));
        if min > 0 || spec.http.is_some() || !spec.triggers.is_empty() || is_woken {
            continue;
        }
        let others = ["http", "triggers"].map(|field| FieldPath::of("spec").key(field));
        let message = "is 0 (the default), but there is neither http nor a trigger nor a workload that wakes this one: it would never run; add one of them, or write min: 1";
        entry
            .document
            .refuse_between(&FieldPath::of("spec.replicas.min"), &others, message);
    }
}
