//! Permits on the link: what a proxy owns and wants, what the leader gives and asks back.
//!
//! A permit is owned by one proxy until that proxy gives it back or is proven dead. Every endpoint that a proxy knows has an account
//! there; its number is drawn anew whenever what was said of it before shall be void: when the proxy learns of the endpoint, and
//! when it begins to tell a leader. What the leader gives is a sum per account that only grows, so a message that comes late, twice
//! or not at all gives nothing away; what it asks back is a level that may go either way, for only the proxy gives back.

use std::time::Duration;

use super::{EndpointId, Term};
use crate::workload::WorkloadId;

/// From a proxy to the leader: what it owns and wants. Sent when it changes, and repeated while something is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The leader that it is said to. Any other ignores it.
    pub term: Term,
    /// Counts up over all of a proxy's connections, with those of its workloads; of two the larger is the newer.
    pub sequence: u64,
    /// The first word to a leader: of a workload that is not listed the proxy owns nothing.
    pub whole: bool,
    /// Workloads with a limit of which something has changed.
    pub workloads: Vec<OwnedOf>,
}

/// One workload's part of [`Owned`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedOf {
    /// The workload.
    pub workload: WorkloadId,
    /// Larger is newer.
    pub sequence: u64,
    /// Every account is listed: of another endpoint the proxy owns nothing.
    pub whole: bool,
    /// Permits that held requests wait for, beyond those it owns.
    pub wanted: u32,
    /// How long the oldest held request has waited; zero when nothing is held.
    pub oldest: Duration,
    /// Given back since the proxy knows the workload; the sum over all endpoints only grows.
    pub returned: u64,
    /// Accounts that have changed.
    pub accounts: Vec<Account>,
}

/// What a proxy owns of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Larger is newer; over all endpoints of a proxy.
    pub number: u64,
    /// Owned, used or not.
    pub owned: u32,
    /// What has come of [`Given::granted`] in this account.
    pub granted: u64,
}

/// From the leader to a proxy, about one workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The workload.
    pub workload: WorkloadId,
    /// The leader's. Of any but the one that the proxy tells it is void.
    pub term: Term,
    /// Others wait for what the proxy owns.
    pub recall: Recall,
    /// Accounts that have changed.
    pub given: Vec<Given>,
}

/// What the proxy is to give back: idle permits at once, others as they fall free while those who wait are older than its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recall {
    /// Until [`OwnedOf::returned`] is as much.
    pub until: u64,
    /// How long the oldest of the others has waited.
    pub oldest: Duration,
}

/// What the leader has given of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The account's number; of any other it is void.
    pub number: u64,
    /// Permits given in this account, all together; it only grows.
    pub granted: u64,
    /// What is owned beyond this is given back as it falls free, whoever waits: the limit was lowered. `None`: as much as was given.
    pub most: Option<u32>,
}

/// What a proxy can do beyond the first release's link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It sends no more to an endpoint than it owns permits, where there is a limit. One that doesn't is not told endpoints of
    /// workloads with a limit.
    pub permits: bool,
    /// It speaks TLS to replicas. One that doesn't is not told workloads that want it.
    pub tls: bool,
}

impl Capabilities {
    /// All that this version can.
    pub const ALL: Self = Self {
        permits: true,
        tls: true,
    };
}

impl Owned {
    /// Makes this say what it and then `later` say.
    pub fn absorb(&mut self, later: Self) {
        if later.whole || later.term != self.term {
            *self = later;
            return;
        }
        self.sequence = later.sequence;
        for part in later.workloads {
            let same = |known: &&mut OwnedOf| known.workload == part.workload;
            match self.workloads.iter_mut().find(same) {
                Some(known) => known.absorb(part),
                None => self.workloads.push(part),
            }
        }
    }
}

impl OwnedOf {
    fn absorb(&mut self, later: Self) {
        if later.whole {
            *self = later;
            return;
        }
        let mut accounts = std::mem::take(&mut self.accounts);
        replace(&mut accounts, later.accounts, |account| &account.endpoint);
        *self = Self {
            whole: self.whole,
            accounts,
            ..later
        };
    }
}

impl Granted {
    /// Makes this say what it and then `later` say, about the same workload.
    pub fn absorb(&mut self, later: Self) {
        if later.term != self.term {
            *self = later;
            return;
        }
        self.recall = later.recall;
        replace(&mut self.given, later.given, |given| &given.endpoint);
    }
}

/// Puts each of `later` in the place of the one with its name, or at the end.
fn replace<T>(known: &mut Vec<T>, later: Vec<T>, name: impl Fn(&T) -> &EndpointId) {
    for new in later {
        match known.iter_mut().find(|old| name(old) == name(&new)) {
            Some(old) => *old = new,
            None => known.push(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(endpoint: &str, owned: u32) -> Account {
        Account {
            endpoint: EndpointId(endpoint.into()),
            number: 1,
            owned,
            granted: 0,
        }
    }

    fn part(name: &str, sequence: u64, accounts: Vec<Account>) -> OwnedOf {
        OwnedOf {
            workload: WorkloadId::new("default", name),
            sequence,
            whole: false,
            wanted: 0,
            oldest: Duration::ZERO,
            returned: sequence,
            accounts,
        }
    }

    fn owned(term: Term, sequence: u64, workloads: Vec<OwnedOf>) -> Owned {
        Owned {
            term,
            sequence,
            whole: false,
            workloads,
        }
    }

    #[test]
    fn what_changed_twice_is_told_as_it_is_last() {
        let first = part("a", 1, vec![account("x", 1), account("y", 1)]);
        let mut first = owned(3, 1, vec![first]);
        first.whole = true;
        let later = part("a", 2, vec![account("y", 0), account("z", 2)]);
        let other = part("b", 2, vec![account("u", 1)]);
        first.absorb(owned(3, 2, vec![later, other.clone()]));
        let accounts = vec![account("x", 1), account("y", 0), account("z", 2)];
        assert_eq!(first.workloads, [part("a", 2, accounts), other]);
        assert!(first.whole, "it still is the first word");
    }

    #[test]
    fn what_is_whole_or_said_to_another_leader_replaces_all() {
        let old = owned(3, 1, vec![part("a", 1, vec![account("x", 1)])]);
        for (term, whole) in [(3, true), (4, false)] {
            let mut new = owned(term, 2, vec![part("b", 2, Vec::new())]);
            new.whole = whole;
            let mut merged = old.clone();
            merged.absorb(new.clone());
            assert_eq!(merged, new);
        }
        let mut whole = part("a", 2, vec![account("y", 1)]);
        whole.whole = true;
        let mut merged = old;
        merged.absorb(owned(3, 2, vec![whole.clone()]));
        assert_eq!(merged.workloads, [whole]);
    }

    #[test]
    fn grants_of_one_leader_add_up() {
        let given = |endpoint: &str, granted| Given {
            endpoint: EndpointId(endpoint.into()),
            number: 1,
            granted,
            most: None,
        };
        let granted = |term, until, given| Granted {
            workload: WorkloadId::new("default", "a"),
            term,
            recall: Recall {
                until,
                oldest: Duration::ZERO,
            },
            given,
        };
        let mut first = granted(3, 1, vec![given("x", 1), given("y", 1)]);
        first.absorb(granted(3, 0, vec![given("y", 4)]));
        assert_eq!(first, granted(3, 0, vec![given("x", 1), given("y", 4)]));
        let other = granted(4, 0, vec![given("z", 1)]);
        first.absorb(other.clone());
        assert_eq!(first, other);
    }
}
