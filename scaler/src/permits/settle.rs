//! Free permits to those that wait, the oldest first; and what others have is asked back.

use std::time::Duration;

use rouse_api::link::{EndpointId, Given, Recall};
use tokio::time::Instant;

use super::{Ledger, News, Use};
use crate::demand::MemberNo;

/// A recall is told again when the request it is for has arrived so much earlier or later than the one before.
const MOVED: Duration = Duration::from_millis(10);

/// The members that permits are for.
#[derive(Debug, Clone, Copy)]
pub struct Sharers<F> {
    /// How many there are.
    pub count: u32,
    /// Whether a member hears what it is told at this moment.
    pub linked: F,
}

/// A member that waits.
#[derive(Debug, Clone, Copy)]
struct Want {
    member: MemberNo,
    since: Instant,
    unmet: u64,
}

impl Ledger {
    /// Gives what is free and asks back what others wait for. Only to be asked while everybody has told what it owns.
    pub fn settle<F: Fn(MemberNo) -> bool>(
        &mut self,
        sharers: Sharers<F>,
        now: Instant,
    ) -> Vec<News> {
        if !self.unaware.is_empty() {
            return Vec::new();
        }
        self.keep_limit();
        let mut wants = self.wants(&sharers.linked);
        self.fulfil(&mut wants);
        self.share(&sharers);
        self.news(&wants, &sharers.linked, now)
    }

    /// Where more is owned than the limit, for it was lowered, those that have most give back, whoever waits.
    fn keep_limit(&mut self) {
        for (id, row) in &mut self.rows {
            let over = row.sum > u64::from(self.limit);
            if !over && row.held.values().all(|held| held.most.is_none()) {
                continue;
            }
            let keep = if over {
                row.level(self.limit)
            } else {
                Vec::new()
            };
            for (member, held) in &mut row.held {
                let most = keep
                    .iter()
                    .find(|(no, _)| no == member)
                    .map(|(_, most)| *most);
                if held.most == most {
                    continue;
                }
                // What it has given back already needs no word.
                let stands = held.most.is_some_and(|most| held.owned > most);
                held.most = most;
                if (most.is_some() || stands)
                    && let Some(part) = self.parts.get_mut(member)
                {
                    part.news.insert(id.clone());
                }
            }
        }
    }

    /// Those that wait, the oldest first; no more than they could own.
    fn wants(&self, linked: impl Fn(MemberNo) -> bool) -> Vec<Want> {
        let usable = self.rows.values().filter(|row| row.good_for > Use::Nothing);
        let all = u64::try_from(usable.count()).unwrap_or(u64::MAX);
        let all = all.saturating_mul(self.limit.into());
        let mut wants: Vec<Want> = self
            .parts
            .iter()
            .filter(|(member, part)| part.wanted > 0 && linked(**member))
            .map(|(member, part)| Want {
                member: *member,
                since: part.since,
                unmet: u64::from(part.wanted)
                    .saturating_sub(part.transit)
                    .min(all.saturating_sub(part.usable)),
            })
            .filter(|want| want.unmet > 0)
            .collect();
        wants.sort_by_key(|want| (want.since, want.member));
        wants
    }

    /// One each, the oldest first, for as long as there is something.
    fn fulfil(&mut self, wants: &mut Vec<Want>) {
        if wants.is_empty() {
            return;
        }
        let mut free: Vec<(Use, u64, EndpointId)> = self
            .rows
            .iter()
            .filter(|(_, row)| row.free(self.limit) > 0)
            .map(|(id, row)| (row.good_for, row.free(self.limit), id.clone()))
            .collect();
        let mut given = true;
        while given && !free.is_empty() {
            given = false;
            for want in wants.iter_mut().filter(|want| want.unmet > 0) {
                // Ready ones first, then those that have most.
                free.sort_unstable_by(|a, b| b.cmp(a));
                let known = |(_, _, id): &(Use, u64, EndpointId)| {
                    let row = self.rows.get(id);
                    row.is_some_and(|row| row.held.contains_key(&want.member))
                };
                let Some(at) = free.iter().position(known) else {
                    continue;
                };
                let id = free[at].2.clone();
                self.give(&id, want.member, 1);
                want.unmet -= 1;
                given = true;
                free[at].1 -= 1;
                if free[at].1 == 0 {
                    free.remove(at);
                }
                if free.is_empty() {
                    break;
                }
            }
        }
        wants.retain(|want| want.unmet > 0);
    }

    /// What nobody waits for is shared out, so that a request finds its permit where it arrives; of less than one each nobody gets any.
    fn share<F: Fn(MemberNo) -> bool>(&mut self, sharers: &Sharers<F>) {
        let share = self.limit / sharers.count.max(1);
        if share == 0 {
            return;
        }
        let mut gifts = Vec::new();
        for (id, row) in &self.rows {
            let mut free = row.free(self.limit);
            if free == 0 {
                continue;
            }
            for (member, held) in &row.held {
                let lacks = u64::from(share.saturating_sub(held.owned)).min(free);
                if lacks > 0 && (sharers.linked)(*member) {
                    free -= lacks;
                    let lacks = u32::try_from(lacks).unwrap_or(u32::MAX);
                    gifts.push((id.clone(), *member, lacks));
                }
            }
        }
        for (id, member, permits) in gifts {
            self.give(&id, member, permits);
        }
    }

    fn give(&mut self, id: &EndpointId, member: MemberNo, permits: u32) {
        let (Some(row), Some(part)) = (self.rows.get_mut(id), self.parts.get_mut(&member)) else {
            return;
        };
        let Some(held) = row.held.get(&member).copied() else {
            return;
        };
        row.put(member, held.give(permits));
        part.transit += u64::from(permits);
        part.usable += u64::from(permits);
        part.news.insert(id.clone());
    }

    /// Each owner is asked for as much as the others wait for: which of them has something idle it alone knows. What comes back too
    /// much is free for the next.
    fn news(
        &mut self,
        wants: &[Want],
        linked: impl Fn(MemberNo) -> bool,
        now: Instant,
    ) -> Vec<News> {
        let all: u64 = wants.iter().map(|want| want.unmet).sum();
        let mut news = Vec::new();
        for (member, part) in &mut self.parts {
            if !linked(*member) {
                continue;
            }
            let own = wants.iter().find(|want| want.member == *member);
            let others = all - own.map_or(0, |want| want.unmet);
            let oldest = wants.iter().find(|want| want.member != *member);
            let until = part.returned.saturating_add(others.min(part.usable));
            let since = oldest.map_or(now, |want| want.since);
            let stands = part.told.filter(|(told, _)| *told > part.returned);
            let changed = match stands {
                Some((told, at)) => told != until || (at.max(since) - at.min(since)) > MOVED,
                None => until > part.returned,
            };
            if !changed && part.news.is_empty() {
                continue;
            }
            part.told = Some((until, since));
            let given = std::mem::take(&mut part.news);
            let given = given.into_iter().filter_map(|id| {
                let held = self.rows.get(&id)?.held.get(member)?;
                Some(Given {
                    endpoint: id,
                    number: held.number,
                    granted: held.granted,
                    most: held.most,
                })
            });
            news.push(News {
                member: *member,
                recall: Recall {
                    until,
                    oldest: now.saturating_duration_since(since),
                },
                given: given.collect(),
            });
        }
        news
    }
}
