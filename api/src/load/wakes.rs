//! Who wakes whom: a graph without circles.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use crate::workload::{Workload, WorkloadId};

/// Who wakes whom, as far as that can be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wakes {
    /// By who wakes; nobody wakes itself, not through others either.
    pub wakes: BTreeMap<WorkloadId, Vec<WorkloadId>>,
    /// What was left out, and those that nothing ever wakes.
    pub problems: Vec<WakesProblem>,
}

/// Why a workload's `wakes` is not done as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WakesProblem {
    /// There is no such workload.
    Missing {
        /// Who names it.
        of: WorkloadId,
        /// What it names.
        missing: WorkloadId,
    },
    /// It would wake itself through others.
    Circle {
        /// Who names it.
        of: WorkloadId,
        /// What it names, which wakes `of` in turn.
        wakes: WorkloadId,
    },
    /// It has neither HTTP nor a trigger nor a minimum, and none wakes it.
    NeverRuns {
        /// Which one.
        of: WorkloadId,
    },
}

impl WakesProblem {
    /// Whose it is.
    #[must_use]
    pub fn of(&self) -> &WorkloadId {
        match self {
            Self::Missing { of, .. } | Self::Circle { of, .. } | Self::NeverRuns { of } => of,
        }
    }
}

impl fmt::Display for WakesProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { missing, .. } => {
                write!(f, "wakes {missing}, which is not there: it is passed over")
            }
            Self::Circle { of, wakes } => write!(
                f,
                "wakes {wakes}, which wakes {of} in turn: neither could ever sleep, so this is passed over"
            ),
            Self::NeverRuns { .. } => f.write_str(
                "there is neither http nor a trigger nor a workload that wakes this one: it never runs; add one of them, or write min: 1",
            ),
        }
    }
}

/// Looks at all workloads together. Of a circle the step is left out that closes it, when one goes from workload to workload in their
/// order: the same on every scaler.
#[must_use]
pub fn wakes(workloads: &[Workload]) -> Wakes {
    if workloads.iter().all(|workload| workload.wakes.is_empty()) {
        let problems = never_run(workloads, &BTreeSet::new());
        return Wakes {
            problems,
            ..Wakes::default()
        };
    }
    let named: Vec<(&WorkloadId, &[WorkloadId])> = workloads
        .iter()
        .map(|workload| (&workload.id, &*workload.wakes))
        .collect();
    let places: HashMap<&WorkloadId, usize> = named
        .iter()
        .enumerate()
        .map(|(i, (id, _))| (*id, i))
        .collect();
    let closing = closing(&named, &places);
    let mut all = Wakes::default();
    let mut woken = BTreeSet::new();
    for (place, (of, names)) in named.into_iter().enumerate() {
        let mut kept = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let (of, name) = (of.clone(), name.clone());
            if !places.contains_key(&name) {
                all.problems
                    .push(WakesProblem::Missing { of, missing: name });
            } else if closing.contains(&(place, i)) {
                all.problems.push(WakesProblem::Circle { of, wakes: name });
            } else {
                woken.insert(name.clone());
                kept.push(name);
            }
        }
        if !kept.is_empty() {
            all.wakes.insert(of.clone(), kept);
        }
    }
    all.problems.extend(never_run(workloads, &woken));
    all
}

fn never_run(workloads: &[Workload], woken: &BTreeSet<WorkloadId>) -> Vec<WakesProblem> {
    let idle = workloads.iter().filter(|one| {
        let none = one.http.is_none() && one.triggers.is_empty() && one.scale.min == 0;
        none && !woken.contains(&one.id)
    });
    let of = |one: &Workload| WakesProblem::NeverRuns { of: one.id.clone() };
    idle.map(of).collect()
}

/// The steps (from whom, the how manieth of its names) that close a circle. Every step is gone once, without recursion: a chain may be
/// as long as there are workloads.
pub(super) fn closing(
    named: &[(&WorkloadId, &[WorkloadId])],
    places: &HashMap<&WorkloadId, usize>,
) -> BTreeSet<(usize, usize)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnTheWay,
        Done,
    }
    let mut seen = vec![Seen::No; named.len()];
    let mut closing = BTreeSet::new();
    for from in 0..named.len() {
        if seen[from] != Seen::No {
            continue;
        }
        seen[from] = Seen::OnTheWay;
        let mut way = vec![(from, 0)];
        while let Some((at, step)) = way.last_mut() {
            let (here, i) = (*at, *step);
            let Some(name) = named[here].1.get(i) else {
                seen[here] = Seen::Done;
                way.pop();
                continue;
            };
            *step += 1;
            let Some(&next) = places.get(name) else {
                continue;
            };
            match seen[next] {
                Seen::OnTheWay => {
                    closing.insert((here, i));
                }
                Seen::Done => {}
                Seen::No => {
                    seen[next] = Seen::OnTheWay;
                    way.push((next, 0));
                }
            }
        }
    }
    closing
}
