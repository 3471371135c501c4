//! Which workload a request is for. Immutable once made: the proxy swaps tables whole, so no request ever waits for one.
//!
//! An exact host is tried first, then wildcards from the longest suffix on, then routes for any host. Within a host the longest
//! path prefix on segment borders wins, and of equals the one with more headers, then the one that names more of their values, then
//! the earlier workload. A candidate whose headers do not match is passed over for the next: a shorter prefix, then a less specific
//! host. Paths are compared as they are written, without decoding.

mod host;
mod paths;

use std::collections::HashMap;

use http::HeaderMap;
use rouse_api::link::Routes;
use rouse_api::workload::{HostPattern, PathPrefix};

pub(crate) use host::normal as normal_host;
use paths::{Candidate, Paths};

/// A route table; see the module.
#[derive(Debug, Default)]
pub struct RouteTable {
    exact: HashMap<Box<str>, Paths>,
    /// By suffix, without `*.`.
    wildcard: HashMap<Box<str>, Paths>,
    any: Paths,
}

impl RouteTable {
    /// Makes the table of all routes of all workloads.
    #[must_use]
    pub fn new(routes: &Routes) -> Self {
        let mut table = Self::default();
        let root = [PathPrefix::default()];
        for (workload, routed) in routes.workloads.iter().enumerate() {
            for route in &routed.http.routes {
                // What is no header (validation lets none through) could never match.
                let Some(candidate) = Candidate::new(workload, &route.headers) else {
                    continue;
                };
                let hosts = if route.hosts.is_empty() {
                    &[HostPattern::Any][..]
                } else {
                    &route.hosts
                };
                let prefixes = if route.path_prefixes.is_empty() {
                    &root[..]
                } else {
                    &route.path_prefixes
                };
                for host in hosts {
                    let paths = match host {
                        HostPattern::Exact(host) => {
                            table.exact.entry(host.as_str().into()).or_default()
                        }
                        HostPattern::Wildcard(suffix) => {
                            table.wildcard.entry(suffix.as_str().into()).or_default()
                        }
                        HostPattern::Any => &mut table.any,
                    };
                    for prefix in prefixes {
                        paths.add(prefix.as_str(), candidate.clone());
                    }
                }
            }
        }
        let levels = table
            .exact
            .values_mut()
            .chain(table.wildcard.values_mut())
            .chain([&mut table.any]);
        levels.for_each(Paths::sort);
        table
    }

    /// The workload (its index in [`Routes::workloads`]) that a request is for. `host` as the client wrote it, with or without a
    /// port; `path` without the query.
    #[must_use]
    pub fn find(&self, host: &str, path: &str, headers: &HeaderMap) -> Option<usize> {
        let host = host::normal(host);
        if host.len() > host::LONGEST {
            return self.any.find(path, headers);
        }
        let exact = || self.exact.get(&*host)?.find(path, headers);
        let wildcard = || {
            if self.wildcard.is_empty() {
                return None;
            }
            host::suffixes(&host).find_map(|suffix| self.wildcard.get(suffix)?.find(path, headers))
        };
        exact()
            .or_else(wildcard)
            .or_else(|| self.any.find(path, headers))
    }
}

#[cfg(test)]
mod tests;
