//! The route table as it travels: whole at first, then what changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rouse_api::link::{RoutedWorkload, Routes};
use rouse_api::workload::{Http, WorkloadId};

use crate::convert::{Malformed, read_routed, write_routed};
use crate::wire;

#[cfg(test)]
mod tests;

/// Workloads in one message: far below the largest message, even with many routes each.
const PART: usize = 1_000;

/// More are refused: a bound on what a scaler can make a proxy keep.
const MOST: usize = 1_000_000;

/// Remembers what one session has been told.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    told: Option<Arc<Routes>>,
}

impl Encoder {
    /// The messages that take the other side to `routes`; none when it is there already.
    pub(crate) fn encode(&mut self, routes: Arc<Routes>) -> Vec<wire::Routes> {
        let told = self.told.replace(routes.clone());
        let Some(told) = told else {
            let upserts = routes.workloads.iter().map(write_routed).collect();
            return parts(routes.version, None, upserts, Vec::new());
        };
        if Arc::ptr_eq(&told, &routes) {
            return Vec::new();
        }
        let mut old: HashMap<&WorkloadId, &RoutedWorkload> =
            told.workloads.iter().map(|old| (&old.id, old)).collect();
        let mut upserts = Vec::new();
        for new in &routes.workloads {
            let old = old.remove(&new.id);
            if !old.is_some_and(|old| same(old, new)) {
                upserts.push(write_routed(new));
            }
        }
        let removals = old.into_keys().map(|id| id.as_str().to_owned()).collect();
        parts(routes.version, Some(told.version), upserts, removals)
    }
}

fn same(old: &RoutedWorkload, new: &RoutedWorkload) -> bool {
    old.rank == new.rank && (Arc::ptr_eq(&old.http, &new.http) || old.http == new.http)
}

fn parts(
    version: u64,
    base: Option<u64>,
    mut upserts: Vec<wire::RoutedWorkload>,
    mut removals: Vec<String>,
) -> Vec<wire::Routes> {
    let mut parts = Vec::new();
    loop {
        let rest = upserts.split_off(upserts.len().min(PART));
        // Ids are short: many more fit, but removals are rare.
        let kept = removals.split_off(removals.len().min(PART));
        let more = !rest.is_empty() || !kept.is_empty();
        parts.push(wire::Routes {
            version,
            base,
            removals,
            upserts,
            more,
        });
        if !more {
            return parts;
        }
        (upserts, removals) = (rest, kept);
    }
}

/// Puts together what one session is told.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    version: Option<u64>,
    /// A change whose last part has not come: its version.
    partial: Option<u64>,
    ranks: HashMap<WorkloadId, i64>,
    table: BTreeMap<(i64, WorkloadId), Arc<Http>>,
}

impl Decoder {
    /// Takes one part; the table when it was the last of a change.
    ///
    /// # Errors
    /// When the part is malformed or changes another version than the one that is here. What is here is then worthless.
    pub(crate) fn decode(&mut self, part: wire::Routes) -> Result<Option<Arc<Routes>>, Malformed> {
        self.begin(&part)?;
        for id in part.removals {
            let (namespace, name) = id.split_once('/').unwrap_or_default();
            self.remove(&WorkloadId::new(namespace, name));
        }
        for upsert in part.upserts {
            let RoutedWorkload { id, http, rank } = read_routed(upsert)?;
            self.remove(&id);
            self.ranks.insert(id.clone(), rank);
            self.table.insert((rank, id), http);
        }
        if self.table.len() > MOST {
            let problem = format!("lead to {} workloads; at most {MOST}", self.table.len());
            return Err(Malformed::new("routes.upserts", problem));
        }
        if part.more {
            self.partial = Some(part.version);
            return Ok(None);
        }
        self.partial = None;
        self.version = Some(part.version);
        let workloads = self
            .table
            .iter()
            .map(|((rank, id), http)| RoutedWorkload {
                id: id.clone(),
                http: http.clone(),
                rank: *rank,
            })
            .collect();
        Ok(Some(Arc::new(Routes {
            version: part.version,
            workloads,
        })))
    }

    fn begin(&mut self, part: &wire::Routes) -> Result<(), Malformed> {
        match (self.partial, part.base) {
            (Some(version), _) if version == part.version => {}
            (Some(version), _) => {
                let problem = format!("is {}, but parts of {version} are missing", part.version);
                return Err(Malformed::new("routes.version", problem));
            }
            (None, None) => {
                self.ranks.clear();
                self.table.clear();
            }
            (None, base) if base == self.version => {}
            (None, Some(base)) => {
                let here = self
                    .version
                    .map_or("none".to_owned(), |here| here.to_string());
                let problem = format!("is {base}, but the version here is {here}");
                return Err(Malformed::new("routes.base", problem));
            }
        }
        Ok(())
    }

    fn remove(&mut self, id: &WorkloadId) {
        if let Some(rank) = self.ranks.remove(id) {
            self.table.remove(&(rank, id.clone()));
        }
    }
}
