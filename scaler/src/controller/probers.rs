//! Who finds out that a starting replica is ready: at most two proxies, and their word counts until the platform's does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rouse_api::link::{EndpointId, EndpointState};
use tokio::time::Instant;

use super::entry::Entry;
use super::members::Members;
use crate::demand::{Demand, MemberNo};
use crate::platform::{Replica, ReplicaState};

/// Probers of one workload at a time.
const PROBERS: usize = 2;

/// Without a result for this long others take over, if there are any.
const TURN: Duration = Duration::from_secs(1);

/// Another scaler's replicas may be proven before they are observed here: so long, and so many, are remembered.
const REMEMBERED: Duration = Duration::from_secs(10);
const MOST_REMEMBERED: usize = 64;

/// What is known by probing, and who does it.
#[derive(Debug, Default)]
pub(super) struct Probing {
    /// Endpoints that a proxy has found ready, and when.
    proven: BTreeMap<EndpointId, Instant>,
    chosen: Vec<MemberNo>,
    since: Option<Instant>,
}

impl Probing {
    /// A proxy has found it ready. What is unknown may be observed soon.
    pub(super) fn proven(&mut self, endpoint: EndpointId, now: Instant) {
        if self.proven.len() >= MOST_REMEMBERED && !self.proven.contains_key(&endpoint) {
            return;
        }
        self.proven.entry(endpoint).or_insert(now);
    }

    pub(super) fn proven_at(&self, endpoint: &EndpointId) -> Option<Instant> {
        self.proven.get(endpoint).copied()
    }

    /// Forgets what is neither observed nor said lately.
    pub(super) fn observed(
        &mut self,
        live: &BTreeSet<EndpointId>,
        service: Option<&EndpointId>,
        now: Instant,
    ) {
        self.proven.retain(|id, at| {
            let known = live.contains(id) || service == Some(id);
            known || now.saturating_duration_since(*at) < REMEMBERED
        });
    }

    pub(super) fn unproven(&mut self, endpoint: &EndpointId) {
        self.proven.remove(endpoint);
    }

    pub(super) fn chosen(&self) -> &[MemberNo] {
        &self.chosen
    }

    /// When others would take over.
    pub(super) fn turn_ends(&self) -> Option<Instant> {
        self.since.map(|since| since + TURN)
    }

    fn rest(&mut self) {
        self.chosen.clear();
        self.since = None;
    }

    /// Those that hold most come first. The chosen stay while they are connected, for a turn.
    fn choose(&mut self, demand: &Demand, members: &Members, now: Instant) {
        let over = self.turn_ends().is_some_and(|end| now >= end);
        let linked: BTreeSet<MemberNo> = members.linked().map(|(no, _)| no).collect();
        self.chosen.retain(|no| linked.contains(no));
        let mut others: Vec<MemberNo> = linked
            .into_iter()
            .filter(|no| !self.chosen.contains(no))
            .collect();
        others.sort_by_key(|no| (Reverse(demand.held_by(*no)), members.id(*no)));
        if over && !others.is_empty() {
            others.append(&mut self.chosen);
            self.since = None;
        }
        let free = PROBERS.saturating_sub(self.chosen.len());
        self.chosen.extend(others.into_iter().take(free));
        if self.since.is_none() || over {
            self.since = Some(now);
        }
    }
}

impl Entry {
    /// Named while something starts that a proxy can probe.
    pub(super) fn choose_probers(&mut self, members: &Members, now: Instant) {
        let wanted = self
            .endpoints()
            .iter()
            .any(|one| one.state == EndpointState::Starting && one.probe.is_some());
        if wanted {
            self.probing.choose(&self.demand, members, now);
        } else {
            self.probing.rest();
        }
    }

    /// By the platform's word, or a proxy's as long as the platform never gave its own.
    pub(super) fn is_ready(&self, replica: &Replica) -> bool {
        replica.state == ReplicaState::Ready || self.proven_since(replica).is_some()
    }

    fn proven_since(&self, replica: &Replica) -> Option<Instant> {
        let open = replica.state == ReplicaState::Starting
            && replica.ready_since.is_none()
            && replica.probe.is_some();
        self.probing.proven_at(&replica.id).filter(|_| open)
    }

    /// When it was ready for the first time, whoever found that out.
    pub(super) fn ready_since(&self, replica: &Replica) -> Option<Instant> {
        let proven = self.probing.proven_at(&replica.id);
        let proven = proven.filter(|_| replica.probe.is_some());
        [replica.ready_since, proven].into_iter().flatten().min()
    }
}
