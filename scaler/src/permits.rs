//! Who owns the permits of one workload's endpoints. Pure: what members tell and the time go in, what they are given comes out.
//!
//! What is kept of a member is never less than what it owns: what it was given counts from the moment it is given, what it gives
//! back from the moment that is heard. So as long as each endpoint's sum is within the limit, no more than that is in flight there,
//! whatever is lost, late or repeated on the way.

mod row;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rouse_api::link::{Account, EndpointId, Given, OwnedOf, Recall};
use tokio::time::Instant;

use crate::demand::MemberNo;
use row::{Held, Row};
pub use settle::Sharers;

/// What an endpoint's permits are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Nothing: it is draining, or not observed here. What is owned of it is not moved.
    Nothing,
    /// Requests, soon.
    Starting,
    /// Requests.
    Ready,
}

/// What one member is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Who.
    pub member: MemberNo,
    /// What it is to give back.
    pub recall: Recall,
    /// What it is given.
    pub given: Vec<Given>,
}

/// One workload's permits.
#[derive(Debug)]
pub struct Ledger {
    limit: u32,
    rows: BTreeMap<EndpointId, Row>,
    parts: BTreeMap<MemberNo, Part>,
    /// Members that may not know yet that there is a limit.
    unaware: BTreeSet<MemberNo>,
}

/// One member's part.
#[derive(Debug)]
struct Part {
    /// Of its newest word.
    sequence: u64,
    wanted: u32,
    /// When its oldest held request arrived.
    since: Instant,
    returned: u64,
    /// Given, and not seen by the member when it told last.
    transit: u64,
    /// Owned, of endpoints that can be used.
    usable: u64,
    /// The recall that it was told last, and the arrival of the request it was for.
    told: Option<(u64, Instant)>,
    /// Accounts of which it is to be told.
    news: BTreeSet<EndpointId>,
}

impl Part {
    fn new(now: Instant) -> Self {
        Self {
            sequence: 0,
            wanted: 0,
            since: now,
            returned: 0,
            transit: 0,
            usable: 0,
            told: None,
            news: BTreeSet::new(),
        }
    }
}

impl Ledger {
    /// Of a workload whose endpoints take `limit` requests each. `unaware`: those that may send without a limit until they tell otherwise.
    #[must_use]
    pub fn new(limit: u32, unaware: BTreeSet<MemberNo>) -> Self {
        Self {
            limit,
            rows: BTreeMap::new(),
            parts: BTreeMap::new(),
            unaware,
        }
    }

    /// Another limit from now on.
    pub fn limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Every endpoint that is observed, and what it is good for.
    pub fn observe(&mut self, observed: impl IntoIterator<Item = (EndpointId, Use)>) {
        let mut gone: BTreeSet<EndpointId> = self.rows.keys().cloned().collect();
        for (id, good_for) in observed {
            gone.remove(&id);
            self.turn(id, good_for);
        }
        for id in gone {
            self.turn(id, Use::Nothing);
        }
        // What is not observed is kept while a member tells of it: this scaler may only be late.
        self.rows
            .retain(|_, row| row.good_for > Use::Nothing || !row.held.is_empty());
    }

    fn turn(&mut self, id: EndpointId, good_for: Use) {
        let row = self.rows.entry(id).or_default();
        let before = std::mem::replace(&mut row.good_for, good_for);
        if (before > Use::Nothing) == (good_for > Use::Nothing) {
            return;
        }
        for (member, held) in &row.held {
            if let Some(part) = self.parts.get_mut(member) {
                let owned = u64::from(held.owned);
                part.usable = if good_for > Use::Nothing {
                    part.usable + owned
                } else {
                    part.usable.saturating_sub(owned)
                };
            }
        }
    }

    /// A member begins to tell: what it was to give back it has forgotten.
    pub fn meet(&mut self, member: MemberNo) {
        if let Some(part) = self.parts.get_mut(&member) {
            part.told = None;
        }
    }

    /// A member tells what it owns and wants. What is older than what is known is passed over.
    pub fn tell(&mut self, member: MemberNo, told: &OwnedOf, now: Instant) {
        self.unaware.remove(&member);
        let part = self.parts.entry(member).or_insert_with(|| Part::new(now));
        if told.sequence <= part.sequence {
            return;
        }
        part.sequence = told.sequence;
        part.wanted = told.wanted;
        part.since = now.checked_sub(told.oldest).unwrap_or(now);
        part.returned = told.returned;
        if told.whole {
            let listed: BTreeSet<&EndpointId> = told
                .accounts
                .iter()
                .map(|account| &account.endpoint)
                .collect();
            self.close(member, |id| !listed.contains(id));
        }
        for account in &told.accounts {
            self.account(member, account);
        }
    }

    fn account(&mut self, member: MemberNo, told: &Account) {
        let Some(part) = self.parts.get_mut(&member) else {
            return;
        };
        let row = self.rows.entry(told.endpoint.clone()).or_default();
        let usable = row.good_for > Use::Nothing;
        let known = row.held.get(&member).copied();
        let new = match known {
            Some(known) if known.number > told.number => return,
            Some(known) if known.number == told.number => known.tell(told),
            _ => Held::new(told),
        };
        let old = known.unwrap_or_default();
        part.transit = (part.transit + new.transit()).saturating_sub(old.transit());
        if usable {
            part.usable = (part.usable + u64::from(new.owned)).saturating_sub(old.owned.into());
        }
        row.put(member, new);
    }

    /// A member told all that it owns, with that sequence, and this workload was not among it.
    pub fn silent(&mut self, member: MemberNo, sequence: u64) {
        self.unaware.remove(&member);
        let Some(part) = self.parts.get_mut(&member) else {
            return;
        };
        if part.sequence < sequence {
            part.sequence = sequence;
            (part.wanted, part.told) = (0, None);
            self.close(member, |_| true);
        }
    }

    /// A member is proven dead: what it owned is free.
    pub fn bury(&mut self, member: MemberNo) {
        self.unaware.remove(&member);
        if self.parts.contains_key(&member) {
            self.close(member, |_| true);
            self.parts.remove(&member);
        }
    }

    /// Another term begins: who owns what has to be told anew.
    pub fn forget(&mut self) {
        self.parts.clear();
        for row in self.rows.values_mut() {
            row.clear();
        }
    }

    fn close(&mut self, member: MemberNo, such: impl Fn(&EndpointId) -> bool) {
        for (id, row) in &mut self.rows {
            if such(id)
                && let Some(held) = row.take(member)
                && let Some(part) = self.parts.get_mut(&member)
            {
                part.news.remove(id);
                part.transit = part.transit.saturating_sub(held.transit());
                if row.good_for > Use::Nothing {
                    part.usable = part.usable.saturating_sub(held.owned.into());
                }
            }
        }
    }

    /// Nobody tells anything of any endpoint.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.values().all(|row| row.held.is_empty())
    }

    /// What a member owns at most, over all endpoints.
    #[must_use]
    pub fn owned_by(&self, member: MemberNo) -> u64 {
        let held = |row: &Row| {
            row.held
                .get(&member)
                .map_or(0, |held| u64::from(held.owned))
        };
        self.rows.values().map(held).sum()
    }
}
