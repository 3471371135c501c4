//! Workloads against each other in a cluster, where nobody can refuse the younger of two that claim the same.

use std::collections::HashMap;
use std::fmt;

use super::resolve;
use crate::workload::{HeaderMatch, HostPattern, Route, Scalable, Target, Workload, WorkloadId};

/// What a workload claims and an older one has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Who does without it.
    pub loser: WorkloadId,
    /// Who has it.
    pub keeper: WorkloadId,
    /// What it is.
    pub claim: Claim,
}

/// What belongs to one workload only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// A route, with one host and one path prefix. The loser keeps its other routes.
    Route(RouteClaim),
    /// A target. The loser may not scale it.
    Target(Scalable),
}

/// One host and one path prefix of a route, with its headers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouteClaim {
    /// The host.
    pub host: HostPattern,
    /// As [`PathPrefix::as_str`](crate::workload::PathPrefix::as_str) has it.
    pub path: String,
    /// By name; `None`: any value.
    pub headers: Vec<(String, Option<String>)>,
}

impl fmt::Display for RouteClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() {
            "/"
        } else {
            &self.path
        };
        write!(f, "host {}, path {path}", self.host)?;
        for (name, value) in &self.headers {
            let value = value.as_deref().unwrap_or("*");
            write!(f, ", header {name}: {value}")?;
        }
        Ok(())
    }
}

/// Reads `host a.example.com, path / belongs to team/a, which is older`.
impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.claim {
            Claim::Route(route) => write!(f, "{route}")?,
            Claim::Target(Scalable { kind, name, .. }) => write!(f, "{kind} {name}")?,
        }
        write!(f, " belongs to {}, which is older", self.keeper)
    }
}

/// What workloads, in any order, claim although an older one has it: the older is the one of smaller rank, and of two alike the one
/// whose id is smaller. In the order of the losers' age. The workloads need no change for routes: a proxy gives each to the older.
#[must_use]
pub fn conflicts<'a>(workloads: impl IntoIterator<Item = &'a Workload>) -> Vec<Conflict> {
    let mut workloads: Vec<_> = workloads.into_iter().collect();
    workloads.sort_by_key(|workload| (workload.rank, &workload.id));
    let mut routes: HashMap<RouteClaim, &WorkloadId> = HashMap::new();
    let mut targets = HashMap::new();
    let mut conflicts = Vec::new();
    for workload in workloads {
        let id = &workload.id;
        let mut lost = |keeper: &WorkloadId, claim| {
            // Claims twice by one workload are refused when it is loaded.
            if keeper != id {
                conflicts.push(Conflict {
                    loser: id.clone(),
                    keeper: keeper.clone(),
                    claim,
                });
            }
        };
        if let Target::Scalable(target) = &workload.target {
            let keeper = *targets.entry((id.namespace(), target)).or_insert(id);
            lost(keeper, Claim::Target(target.clone()));
        }
        for route in workload.http.iter().flat_map(|http| &http.routes) {
            for single in resolve::expanded(route) {
                let claim = claim(&single, route);
                match routes.get(&claim) {
                    Some(keeper) => lost(keeper, Claim::Route(claim)),
                    None => {
                        routes.insert(claim, id);
                    }
                }
            }
        }
    }
    conflicts
}

pub(super) fn claim(single: &resolve::Single<'_>, route: &Route) -> RouteClaim {
    let header = |(name, wanted): &(String, HeaderMatch)| match wanted {
        HeaderMatch::Present => (name.clone(), None),
        HeaderMatch::Exact(value) => (name.clone(), Some(value.clone())),
    };
    let mut headers: Vec<_> = route.headers.iter().map(header).collect();
    headers.sort();
    RouteClaim {
        host: single.host.clone(),
        path: single.path.to_owned(),
        headers,
    }
}
