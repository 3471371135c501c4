//! Which ports are to be open; pure: what is wanted and the time go in, what to do comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use rouse_api::link::Fronts;
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

/// A port that isn't wanted any more takes connections for so long: those who dial it hear a moment later that they shouldn't.
pub(super) const LINGER: Duration = Duration::from_secs(10);

/// Between two tries of a port that can't be bound.
pub(super) const AGAIN: Duration = Duration::from_secs(10);

/// All ports that are open, or should be.
#[derive(Debug, Default)]
pub(super) struct Doors(BTreeMap<u16, Door>);

#[derive(Debug)]
struct Door {
    workload: WorkloadId,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is being bound.
    Opening,
    Open,
    /// Open until then, though not wanted.
    Lingering(Instant),
    /// It could not be bound, and is tried again then.
    Failed(Instant),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Bind it, and say how that went: [`Doors::opened`].
    Open(u16, WorkloadId),
    /// Take no more connections there.
    Close(u16),
}

impl Doors {
    /// What leads to `wanted` from what is open, in order.
    pub(super) fn want(&mut self, wanted: &Fronts, now: Instant) -> Vec<Step> {
        // No scaler gives a port to two; should one do so, it is the first's.
        let mut by_port = BTreeMap::new();
        for (workload, port) in wanted {
            by_port.entry(*port).or_insert(workload);
        }
        let mut steps = Vec::new();
        self.0.retain(|port, door| {
            let keep = match by_port.get(port) {
                Some(wanted) if **wanted == door.workload => door.stay(now),
                Some(_) => false,
                None => door.go(now),
            };
            if !keep && door.is_open() {
                steps.push(Step::Close(*port));
            }
            keep
        });
        for (port, workload) in by_port {
            self.0.entry(port).or_insert_with(|| {
                steps.push(Step::Open(port, workload.clone()));
                let workload = workload.clone();
                let state = State::Opening;
                Door { workload, state }
            });
        }
        steps
    }

    /// What became of a [`Step::Open`].
    pub(super) fn opened(&mut self, port: u16, bound: bool, now: Instant) {
        if let Some(door) = self.0.get_mut(&port) {
            door.state = if bound {
                State::Open
            } else {
                State::Failed(now + AGAIN)
            };
        }
    }

    /// What is open and wanted.
    pub(super) fn open(&self) -> Fronts {
        let open = self.0.iter().filter(|(_, door)| door.state == State::Open);
        open.map(|(port, door)| (door.workload.clone(), *port))
            .collect()
    }

    /// When something is due without anything being said.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.0.values().filter_map(|door| match door.state {
            State::Lingering(until) => Some(until),
            State::Failed(again) => Some(again),
            State::Opening | State::Open => None,
        });
        due.min()
    }
}

impl Door {
    /// It is wanted. False: it is to be bound anew.
    fn stay(&mut self, now: Instant) -> bool {
        match self.state {
            State::Lingering(_) => self.state = State::Open,
            State::Failed(again) => return again > now,
            State::Opening | State::Open => {}
        }
        true
    }

    /// It isn't wanted. False: its time is over.
    fn go(&mut self, now: Instant) -> bool {
        match self.state {
            State::Open => self.state = State::Lingering(now + LINGER),
            State::Lingering(until) => return until > now,
            State::Opening | State::Failed(_) => return false,
        }
        true
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Lingering(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> WorkloadId {
        WorkloadId::new("default", name)
    }

    fn fronts(all: &[(&str, u16)]) -> Fronts {
        all.iter().map(|(name, port)| (id(name), *port)).collect()
    }

    fn open(port: u16, name: &str) -> Step {
        Step::Open(port, id(name))
    }

    /// With `a` at 1 and `b` at 2, both open.
    fn two(now: Instant) -> Doors {
        let mut doors = Doors::default();
        let steps = doors.want(&fronts(&[("a", 1), ("b", 2)]), now);
        assert_eq!(steps, [open(1, "a"), open(2, "b")]);
        assert!(doors.open().is_empty(), "not before they are bound");
        doors.opened(1, true, now);
        doors.opened(2, true, now);
        assert_eq!(doors.open(), fronts(&[("a", 1), ("b", 2)]));
        doors
    }

    #[test]
    fn what_is_not_wanted_lingers_and_is_not_told() {
        let now = Instant::now();
        let mut doors = two(now);
        let rest = fronts(&[("b", 2)]);
        assert_eq!(doors.want(&rest, now), []);
        assert_eq!(doors.open(), rest);
        assert_eq!(doors.due(), Some(now + LINGER));
        assert_eq!(doors.want(&rest, now + LINGER / 2), []);
        assert_eq!(doors.want(&rest, now + LINGER), [Step::Close(1)]);
        assert_eq!(doors.due(), None);
    }

    #[test]
    fn what_is_wanted_again_stays_as_it_is() {
        let now = Instant::now();
        let mut doors = two(now);
        let both = doors.open();
        doors.want(&fronts(&[]), now);
        assert_eq!(doors.want(&both, now + LINGER / 2), []);
        assert_eq!(doors.open(), both);
        assert_eq!(doors.want(&both, now + LINGER * 2), []);
    }

    #[test]
    fn a_port_that_becomes_anothers_is_closed_first() {
        let now = Instant::now();
        let mut doors = two(now);
        let steps = doors.want(&fronts(&[("c", 1), ("b", 3)]), now);
        assert_eq!(steps, [Step::Close(1), open(1, "c"), open(3, "b")]);
        doors.opened(1, true, now);
        assert_eq!(doors.open(), fronts(&[("c", 1)]), "2 only lingers");
    }

    #[test]
    fn what_cannot_be_bound_is_tried_again() {
        let now = Instant::now();
        let mut doors = Doors::default();
        let wanted = fronts(&[("a", 1)]);
        assert_eq!(doors.want(&wanted, now), [open(1, "a")]);
        doors.opened(1, false, now);
        assert_eq!(doors.open(), fronts(&[]));
        assert_eq!(doors.want(&wanted, now), []);
        let later = doors.due().unwrap();
        assert_eq!(doors.want(&wanted, later), [open(1, "a")]);
        doors.opened(1, false, later);
        assert_eq!(doors.want(&fronts(&[]), later), [], "there is nothing open");
        assert_eq!(doors.due(), None);
    }

    #[test]
    fn of_two_with_one_port_only_one_gets_it() {
        let mut doors = Doors::default();
        let steps = doors.want(&fronts(&[("a", 1), ("b", 1)]), Instant::now());
        assert_eq!(steps, [open(1, "a")]);
    }
}
