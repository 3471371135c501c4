//! One endpoint's permits.

use std::collections::BTreeMap;

use rouse_api::link::Account;

use super::Use;
use crate::demand::MemberNo;

#[derive(Debug)]
pub(super) struct Row {
    pub(super) good_for: Use,
    pub(super) held: BTreeMap<MemberNo, Held>,
    /// Owned by all.
    pub(super) sum: u64,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            good_for: Use::Nothing,
            held: BTreeMap::new(),
            sum: 0,
        }
    }
}

impl Row {
    pub(super) fn put(&mut self, member: MemberNo, held: Held) {
        let old = self.held.insert(member, held).unwrap_or_default();
        self.sum = (self.sum + u64::from(held.owned)).saturating_sub(old.owned.into());
    }

    pub(super) fn take(&mut self, member: MemberNo) -> Option<Held> {
        let held = self.held.remove(&member)?;
        self.sum = self.sum.saturating_sub(held.owned.into());
        Some(held)
    }

    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.sum = 0;
    }

    /// How many more may be given.
    pub(super) fn free(&self, limit: u32) -> u64 {
        if self.good_for > Use::Nothing {
            u64::from(limit).saturating_sub(self.sum)
        } else {
            0
        }
    }

    /// What each may keep at most for the sum to be within `limit`: those that have most give first.
    pub(super) fn level(&self, limit: u32) -> Vec<(MemberNo, u32)> {
        let limit = u64::from(limit);
        let under = |cap: u32| {
            let kept = self
                .held
                .values()
                .map(|held| u64::from(held.owned.min(cap)));
            kept.sum::<u64>()
        };
        let (mut low, mut high) = (0, u32::try_from(limit).unwrap_or(u32::MAX));
        while low < high {
            let middle = high - (high - low) / 2;
            if under(middle) <= limit {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        let mut left = limit.saturating_sub(under(low));
        let above = self.held.iter().filter(|(_, held)| held.owned > low);
        above
            .map(|(member, _)| {
                let more = u32::from(left > 0);
                left = left.saturating_sub(1);
                (*member, low + more)
            })
            .collect()
    }
}

/// One member's account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) number: u64,
    /// At most: with what was given and not yet seen.
    pub(super) owned: u32,
    pub(super) granted: u64,
    /// Of that the member has seen.
    seen: u64,
    /// It is to give back what it owns beyond that.
    pub(super) most: Option<u32>,
}

impl Held {
    /// An account as the member opens it.
    pub(super) fn new(told: &Account) -> Self {
        Self {
            number: told.number,
            owned: told.owned,
            granted: told.granted,
            seen: told.granted,
            most: None,
        }
    }

    pub(super) fn tell(self, told: &Account) -> Self {
        let granted = self.granted.max(told.granted);
        let transit = u32::try_from(granted - told.granted).unwrap_or(u32::MAX);
        Self {
            owned: told.owned.saturating_add(transit),
            granted,
            seen: told.granted,
            ..self
        }
    }

    pub(super) fn transit(self) -> u64 {
        self.granted.saturating_sub(self.seen)
    }

    pub(super) fn give(self, permits: u32) -> Self {
        Self {
            owned: self.owned.saturating_add(permits),
            granted: self.granted.saturating_add(permits.into()),
            most: None,
            ..self
        }
    }
}
