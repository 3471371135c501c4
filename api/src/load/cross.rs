//! Documents against each other: names, targets, routes, and who wakes whom.

use std::collections::{HashMap, HashSet};

use super::conflict::claim;
use super::path::FieldPath;
use super::{Entry, Mode, resolve};
use crate::workload::WorkloadId;

/// Notes what contradicts between documents, at the later of two. `complete`: there are no documents but these.
pub(super) fn check(entries: &mut [Entry], complete: bool, mode: Mode) {
    names(entries);
    targets(entries, mode);
    routes(entries);
    wakes(entries, complete);
}

/// Notes what contradicts within one object, whatever others there are.
pub(super) fn check_alone(entry: &mut Entry) {
    // Whom it wakes and who wakes it is looked at with all of them together.
    routes(std::slice::from_mut(entry));
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

fn targets(entries: &mut [Entry], mode: Mode) {
    let at = FieldPath::of("spec.target.name");
    let mut claims = Claims::new();
    for entry in entries {
        let (Some(id), Some(spec)) = (&entry.id, &entry.resource.spec) else {
            continue;
        };
        let document = &mut entry.document;
        let target = spec.target.clone().unwrap_or_default();
        let name = match target.name {
            Some(name) => name.into(),
            // A name that was refused is not the default.
            None if mode == Mode::Cluster && !document.touched(&at) => id.name().to_owned(),
            None => continue,
        };
        let or = |given: Option<String>, default: &str| given.unwrap_or_else(|| default.to_owned());
        let key = (
            id.namespace().to_owned(),
            or(
                target.api_version.map(Into::into),
                resolve::DEFAULT_API_VERSION,
            ),
            or(target.kind.map(Into::into), resolve::DEFAULT_KIND),
            name,
        );
        let place = || format!("{id} ({})", document.place(&at));
        if let Some(first) = claims.claim(key, place) {
            document.refuse(
                &at,
                format!("is the target of {first} already; one workload scales it"),
            );
        }
    }
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
                if let Some(first) = claims.claim(claim(&single, route), place) {
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
    let named: Vec<(WorkloadId, Vec<WorkloadId>)> = entries.iter().filter_map(named).collect();
    let places: HashMap<&WorkloadId, usize> = named
        .iter()
        .enumerate()
        .map(|(i, (id, _))| (id, i))
        .collect();
    let steps: Vec<_> = named.iter().map(|(id, names)| (id, &**names)).collect();
    let closing = super::wakes::closing(&steps, &places);
    let known: HashSet<_> = entries
        .iter()
        .filter_map(|entry| entry.id.clone())
        .collect();
    // A document that could not be read may be the one that is meant.
    let complete = complete && entries.iter().all(|entry| entry.id.is_some());
    let mut woken = HashSet::new();
    let with_spec = |entry: &&mut Entry| entry.id.is_some() && entry.resource.spec.is_some();
    for (place, entry) in entries.iter_mut().filter(with_spec).enumerate() {
        let Some((id, names)) = named.get(place) else {
            continue;
        };
        for (i, other) in names.iter().enumerate() {
            let at = FieldPath::of("spec.wakes").index(i);
            let document = &mut entry.document;
            if other == id {
                // Told already.
            } else if complete && !known.contains(other) {
                document.refuse(&at, format!("is {other}, which is not there; write the name of a workload of this namespace"));
            } else if closing.contains(&(place, i)) {
                document.refuse(&at, format!("is {other}, which wakes {id} in turn: neither could ever sleep; leave one of them out"));
            } else {
                woken.insert(other.clone());
            }
        }
    }
    for entry in entries {
        let is_woken = !complete || entry.id.as_ref().is_some_and(|id| woken.contains(id));
        never_runs(entry, is_woken);
    }
}

/// Who wakes whom, as it is written.
fn named(entry: &Entry) -> Option<(WorkloadId, Vec<WorkloadId>)> {
    let (id, spec) = (entry.id.as_ref()?, entry.resource.spec.as_ref()?);
    let of = |name: &crate::resource::Name| WorkloadId::new(id.namespace(), name.as_str());
    Some((id.clone(), spec.wakes.iter().map(of).collect()))
}

fn never_runs(entry: &mut Entry, is_woken: bool) {
    let Some(spec) = &entry.resource.spec else {
        return;
    };
    let replicas = spec.replicas.as_ref();
    let min = replicas.and_then(|replicas| replicas.min).unwrap_or(0);
    if min > 0 || spec.http.is_some() || !spec.triggers.is_empty() || is_woken {
        return;
    }
    let others = ["http", "triggers"].map(|field| FieldPath::of("spec").key(field));
    let message = "is 0 (the default), but there is neither http nor a trigger nor a workload that wakes this one: it would never run; add one of them, or write min: 1";
    let min_at = FieldPath::of("spec.replicas.min");
    entry.document.refuse_between(&min_at, &others, message);
}
