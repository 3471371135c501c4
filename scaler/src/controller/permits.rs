//! Permits: who owns how many of each endpoint of a workload with a limit. The ledgers are the controller's, not the entries': what a
//! proxy owns outlives a workload's removal, and the workload may come back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rouse_api::link::{EndpointState, Failure, Granted, Owned, Term, ToProxy, WorkloadState};
use rouse_api::workload::WorkloadId;
use tokio::time::Instant;

use super::entry::Entry;
use super::members::Members;
use super::{Action, Controller, SessionId, Turn};
use crate::demand::MemberNo;
use crate::permits::{Ledger, Sharers, Use};

/// Ledgers by workload: of those that have a limit, and of those that are no more and of which somebody still owns something.
pub(super) type Ledgers = BTreeMap<WorkloadId, Ledger>;

/// Whether everybody who may own permits has told this leader.
#[derive(Debug, Default)]
pub(super) struct Gate {
    leads: Option<Term>,
    told: BTreeSet<MemberNo>,
    /// Hosts that proxies ran on when the term began, and that have not connected since. Those that begin later own nothing.
    awaited: BTreeSet<Arc<str>>,
    open: bool,
}

impl Gate {
    pub(super) fn lead(&mut self, leads: Option<Term>, awaited: BTreeSet<Arc<str>>) {
        (self.leads, self.awaited) = (leads, awaited);
        self.told.clear();
    }

    /// A proxy has connected from there.
    pub(super) fn meet(&mut self, host: &str) {
        self.awaited.remove(host);
    }

    /// Proxies run on these hosts only.
    pub(super) fn live(&mut self, hosts: &BTreeSet<Arc<str>>) {
        self.awaited.retain(|host| hosts.contains(host));
    }

    pub(super) fn tell(&mut self, member: MemberNo) {
        self.told.insert(member);
    }

    pub(super) fn bury(&mut self, member: MemberNo) {
        self.told.remove(&member);
    }

    /// `members`: all that keep permits.
    pub(super) fn look(&mut self, mut members: impl Iterator<Item = MemberNo>) {
        let told = self.leads.is_some() && self.awaited.is_empty();
        self.open = told && members.all(|member| self.told.contains(&member));
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }
}

impl Controller {
    /// A proxy tells what it owns and wants.
    pub(super) fn owned(
        &mut self,
        member: MemberNo,
        owned: &Owned,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        if self.leads != Some(owned.term) {
            return;
        }
        if owned.whole {
            self.ledgers.values_mut().for_each(|one| one.meet(member));
        }
        for part in &owned.workloads {
            let known = self.ledgers.get_mut(&part.workload);
            let owns = part.accounts.iter().any(|account| account.owned > 0);
            match known {
                Some(ledger) => ledger.tell(member, part, now),
                None if owns => {
                    let mut ledger = Ledger::new(0, BTreeSet::new());
                    ledger.tell(member, part, now);
                    self.ledgers.insert(part.workload.clone(), ledger);
                }
                None => {}
            }
        }
        if owned.whole {
            let listed: BTreeSet<&WorkloadId> =
                owned.workloads.iter().map(|part| &part.workload).collect();
            for (id, ledger) in &mut self.ledgers {
                if !listed.contains(id) {
                    ledger.silent(member, owned.sequence);
                }
            }
            self.members.tells_permits(member);
            self.settle_all(now, out);
        } else {
            for part in &owned.workloads {
                self.settle(&part.workload, now, out);
            }
        }
    }

    /// Nothing that the dead owned is owned any more. A look at all entries follows.
    pub(super) fn bury_permits(&mut self, dead: &[MemberNo]) {
        for ledger in self.ledgers.values_mut() {
            dead.iter().for_each(|member| ledger.bury(*member));
        }
        self.forget_ledgers();
    }

    /// Another term: all is told anew, and until then nothing is given. A look at all entries follows.
    pub(super) fn lead_permits(&mut self) {
        self.members.lead_permits(self.leads);
        self.ledgers.values_mut().for_each(Ledger::forget);
        self.forget_ledgers();
    }

    /// The workload is no more: nothing is given of its endpoints, and what is owned of them is kept until it is given back.
    pub(super) fn leave_ledger(&mut self, workload: &WorkloadId) {
        if let Some(ledger) = self.ledgers.get_mut(workload) {
            ledger.observe([]);
            if ledger.is_empty() {
                self.ledgers.remove(workload);
            }
        }
    }

    /// Of workloads that are no more, once nobody owns anything.
    fn forget_ledgers(&mut self) {
        let entries = &self.entries;
        self.ledgers
            .retain(|id, ledger| entries.contains_key(id) || !ledger.is_empty());
    }

    fn settle_all(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.forget_ledgers();
        let all: Vec<WorkloadId> = self.ledgers.keys().cloned().collect();
        for workload in all {
            self.settle(&workload, now, out);
        }
    }

    fn settle(&mut self, workload: &WorkloadId, now: Instant, out: &mut Vec<Action>) {
        let Some(ledger) = self.ledgers.get_mut(workload) else {
            return;
        };
        if self.entries.contains_key(workload) {
            settle(workload, ledger, self.leads, &self.members, now, out);
        } else if ledger.is_empty() {
            self.ledgers.remove(workload);
        }
    }
}

/// Tells each proxy what it is given, and what it is to give back.
fn settle(
    workload: &WorkloadId,
    ledger: &mut Ledger,
    leads: Option<Term>,
    members: &Members,
    now: Instant,
    out: &mut Vec<Action>,
) {
    let Some(term) = leads.filter(|_| members.permits_are_told()) else {
        return;
    };
    let sharers = Sharers {
        count: members.sharers(),
        linked: |member| members.permit_session(member).is_some(),
    };
    for news in ledger.settle(sharers, now) {
        if let Some(session) = members.permit_session(news.member) {
            let granted = Granted {
                workload: workload.clone(),
                term,
                recall: news.recall,
                given: news.given,
            };
            out.push(Action::Send(session, ToProxy::Permits(granted)));
        }
    }
}

impl Entry {
    fn limit(&self) -> Option<u32> {
        let http = self.workload.http.as_ref();
        http.and_then(|http| http.concurrency_limit)
            .map(std::num::NonZeroU32::get)
    }

    /// Brings the ledger to what is known of the workload, and moves permits. Nothing without a limit.
    pub(super) fn settle_permits(&mut self, turn: &mut Turn<'_>) {
        let limit = self.limit();
        let before = self.limited.replace(limit);
        let Some(limit) = limit else {
            if before.flatten().is_some() {
                turn.ledgers.remove(self.id());
            }
            return;
        };
        if turn.leads.is_none() {
            return;
        }
        // Without a limit until now: what was sent so far is nobody's permit, and some may not have heard of it yet.
        let unaware = match before {
            Some(None) => turn.members.permit_members().collect(),
            _ => BTreeSet::new(),
        };
        let id = self.id().clone();
        let ledger = turn.ledgers.entry(id.clone());
        let ledger = ledger.or_insert_with(|| Ledger::new(limit, unaware));
        ledger.limit(limit);
        ledger.observe(self.live().map(|replica| {
            let good_for = match self.told_state(replica) {
                Some(EndpointState::Ready) => Use::Ready,
                Some(EndpointState::Starting) => Use::Starting,
                Some(EndpointState::Draining) | None => Use::Nothing,
            };
            (replica.id.clone(), good_for)
        }));
        settle(&id, ledger, turn.leads, turn.members, turn.now, turn.out);
    }

    /// What is told over this session: to a proxy that can't share a limit with others no endpoint but those that it is to drain, or the
    /// limit would be anybody's.
    pub(super) fn told_to(
        &self,
        session: SessionId,
        told: &WorkloadState,
        members: &Members,
    ) -> WorkloadState {
        let mut told = told.clone();
        if self.limit().is_some() && !members.keeps_permits(session) {
            let draining = |state| state == EndpointState::Draining;
            told.endpoints.retain(|one| draining(one.state));
            told.failure = told.failure.or_else(|| Some(outdated()));
        }
        told
    }
}

fn outdated() -> Failure {
    Failure {
        reason: "ProxyOutdated".to_owned(),
        message: format!(
            "this proxy is of a release that can't keep concurrency.limit together with other proxies; update it to {}",
            env!("CARGO_PKG_VERSION")
        ),
    }
}
