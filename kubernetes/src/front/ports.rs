//! Which ports are given to whom; pure: time is a parameter.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::name::start;

/// A port that was somebody's is nobody's for so long: callers of the one before may not have heard yet.
const REST: Duration = Duration::from_secs(60);

/// The range, and what of it is not to be given.
#[derive(Debug)]
pub(super) struct Ports {
    range: RangeInclusive<u16>,
    used: BTreeSet<u16>,
    resting: BTreeMap<u16, Instant>,
}

impl Ports {
    pub(super) fn new(range: RangeInclusive<u16>) -> Self {
        Self {
            range,
            used: BTreeSet::new(),
            resting: BTreeMap::new(),
        }
    }

    /// These are in use, and no others.
    pub(super) fn look(&mut self, used: BTreeSet<u16>, now: Instant) {
        let free = self.used.difference(&used);
        let rest = free.map(|port| (*port, now + REST));
        self.resting.extend(rest);
        self.resting
            .retain(|port, until| *until > now && !used.contains(port));
        self.used = used;
    }

    /// A port for a workload; `None`: there is none.
    pub(super) fn give(&mut self, workload: &WorkloadId) -> Option<u16> {
        let (first, last) = (u32::from(*self.range.start()), u32::from(*self.range.end()));
        let length = (last + 1).checked_sub(first).filter(|length| *length > 0)?;
        let begin = start(workload) % length;
        let mut all = (begin..length)
            .chain(0..begin)
            .filter_map(|at| u16::try_from(first + at).ok());
        let free = |port: &u16| !self.used.contains(port) && !self.resting.contains_key(port);
        let port = all.find(free)?;
        self.used.insert(port);
        Some(port)
    }

    /// When one may be free again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.resting.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> WorkloadId {
        WorkloadId::new("shop", name)
    }

    #[test]
    fn each_gets_its_own_until_there_are_no_more() {
        let mut ports = Ports::new(20_000..=20_009);
        let mut given = BTreeSet::new();
        for n in 0..10 {
            let port = ports.give(&id(&format!("w{n}"))).unwrap();
            assert!((20_000..=20_009).contains(&port));
            assert!(given.insert(port), "{port} twice");
        }
        assert_eq!(ports.give(&id("more")), None);
    }

    #[test]
    fn a_workload_gets_what_it_had_if_that_is_free() {
        let give = |used: &[u16]| {
            let mut ports = Ports::new(20_000..=20_999);
            ports.look(used.iter().copied().collect(), Instant::now());
            ports.give(&id("hello")).unwrap()
        };
        let first = give(&[]);
        assert_eq!(give(&[]), first);
        assert_eq!(give(&[first - 1, first + 1]), first);
        assert_ne!(give(&[first]), first);
    }

    #[test]
    fn what_was_anothers_rests() {
        let now = Instant::now();
        let mut ports = Ports::new(20_000..=20_000);
        assert_eq!(ports.give(&id("a")), Some(20_000));
        ports.look(BTreeSet::from([20_000]), now);
        ports.look(BTreeSet::new(), now);
        assert_eq!(ports.give(&id("b")), None);
        assert_eq!(ports.due(), Some(now + REST));
        ports.look(BTreeSet::new(), now + REST);
        assert_eq!(ports.due(), None);
        assert_eq!(ports.give(&id("b")), Some(20_000));
    }

    #[test]
    fn what_comes_back_into_use_does_not_rest() {
        let now = Instant::now();
        let mut ports = Ports::new(20_000..=20_001);
        ports.look(BTreeSet::from([20_000]), now);
        ports.look(BTreeSet::new(), now);
        ports.look(BTreeSet::from([20_000]), now);
        assert_eq!(ports.due(), None);
        assert_eq!(ports.give(&id("b")), Some(20_001));
    }
}
