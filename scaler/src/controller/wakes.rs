//! Workloads that are woken together, and kept while the one that wakes them is awake.

use std::collections::{BTreeMap, BTreeSet};

use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::entry::{Entry, Phase};
use super::{Action, Controller};

/// Somebody needs another, or not any more.
#[derive(Debug)]
pub(super) struct Need {
    of: WorkloadId,
    by: WorkloadId,
    woken: Option<bool>,
}

impl Controller {
    /// From now on these wake those.
    pub(super) fn set_wakes(
        &mut self,
        wakes: BTreeMap<WorkloadId, Vec<WorkloadId>>,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        if self.wakes == wakes {
            return;
        }
        let old = std::mem::replace(&mut self.wakes, wakes);
        let concerned: BTreeSet<WorkloadId> = old
            .into_values()
            .chain(self.wakes.values().cloned())
            .flatten()
            .collect();
        let mut needed: BTreeMap<&WorkloadId, BTreeMap<WorkloadId, bool>> = BTreeMap::new();
        for (by, all) in &self.wakes {
            if let Some(woken) = self.entries.get(by).and_then(Entry::needs_others) {
                for of in all {
                    needed.entry(of).or_default().insert(by.clone(), woken);
                }
            }
        }
        let needed: Vec<_> = concerned
            .iter()
            .map(|of| (of, needed.remove(of).unwrap_or_default()))
            .collect();
        for (of, by) in needed {
            self.with(of, now, out, |entry, _| entry.triggers.needed_by(by));
        }
    }

    /// Notes for those it wakes whether a workload needs them.
    pub(super) fn note_need(&mut self, by: &WorkloadId, woken: Option<bool>) {
        let all = self.wakes.get(by).into_iter().flatten();
        self.needs.extend(all.map(|of| Need {
            of: of.clone(),
            by: by.clone(),
            woken,
        }));
    }

    /// Those that are needed are looked at, and those that they need. Ends, for there are no circles.
    pub(super) fn pass_on_needs(&mut self, now: Instant, out: &mut Vec<Action>) {
        while let Some(Need { of, by, woken }) = self.needs.pop() {
            self.with(&of, now, out, |entry, _| entry.triggers.needs(by, woken));
        }
    }
}

impl Entry {
    /// Whether those that it wakes are to be awake: while there are replicas, or shall be. `true`: this scaler has just woken it, and so
    /// wakes those as well, whether it leads or not.
    pub(super) fn needs_others(&self) -> Option<bool> {
        let woken = matches!(&self.phase, Phase::Waking(wake) if wake.own);
        (self.wanted > 0 && !self.removed).then_some(woken)
    }
}
