//! A new set of workloads against the old one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rouse_api::link::{RoutedWorkload, Routes, ToProxy};
use rouse_api::load;
use rouse_api::workload::{Http, Workload, WorkloadId};
use tokio::time::Instant;

use super::entry::Entry;
use super::verify::Verify;
use super::{Action, Controller, Turn};

impl Controller {
    pub(super) fn applied(
        &mut self,
        workloads: Vec<Workload>,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        self.route(&workloads, out);
        let wakes = load::wakes(&workloads).wakes;
        let kept: BTreeSet<WorkloadId> = workloads
            .iter()
            .map(|workload| workload.id.clone())
            .collect();
        let removed: Vec<WorkloadId> = self
            .entries
            .keys()
            .filter(|id| !kept.contains(*id))
            .cloned()
            .collect();
        for id in removed {
            self.with(&id, now, out, |entry, _| entry.removed = true);
        }
        for workload in workloads {
            let known = self.entries.get(&workload.id);
            // One new workload among thousands must not cost a look at each.
            if known.is_some_and(|known| !known.removed && *known.workload == workload) {
                continue;
            }
            let window = workload.scale.behavior.stable_window;
            self.members.roster.keep(window);
            let workload = Arc::new(workload);
            let id = workload.id.clone();
            if !self.entries.contains_key(&id) {
                out.push(Action::Apply(workload.clone()));
                let entry = Entry::new(workload.clone(), now);
                self.entries.insert(id.clone(), entry);
            }
            self.with(&id, now, out, |entry, turn| entry.specify(workload, turn));
        }
        self.set_wakes(wakes, now, out);
    }

    fn route(&mut self, workloads: &[Workload], out: &mut Vec<Action>) {
        let old = &self.routes.workloads;
        let known: HashMap<&WorkloadId, &Arc<Http>> =
            old.iter().map(|old| (&old.id, &old.http)).collect();
        let mut routed = Vec::with_capacity(workloads.len());
        for workload in workloads {
            if let Some(http) = &workload.http {
                let same = known.get(&workload.id).filter(|known| ****known == *http);
                routed.push(RoutedWorkload {
                    id: workload.id.clone(),
                    http: same.map_or_else(|| Arc::new(http.clone()), |same| Arc::clone(*same)),
                    rank: workload.rank,
                });
            }
        }
        if *old == routed {
            return;
        }
        let version = self.routes.version + 1;
        self.routes = Arc::new(Routes {
            version,
            workloads: routed,
        });
        for session in self.members.sessions() {
            out.push(Action::Send(session, ToProxy::Routes(self.routes.clone())));
        }
    }
}

impl Entry {
    /// The workload as it shall be from now on.
    fn specify(&mut self, workload: Arc<Workload>, turn: &mut Turn<'_>) {
        self.removed = false;
        if self.workload == workload {
            return;
        }
        if self.workload.target != workload.target {
            turn.out.push(Action::Apply(workload.clone()));
            if self.is_shared() {
                // Counts of another target say nothing about this one.
                self.stay_awake("it has another target", turn);
                self.drain.clear();
                self.seen = false;
                self.known = None;
                self.verify = Verify::default();
                if let Some(scaling) = &mut self.scaling {
                    scaling.void = true;
                }
            }
        }
        self.set(workload, turn.now);
    }
}
