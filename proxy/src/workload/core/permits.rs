//! Permits under a limit: no more is in flight on an endpoint than this proxy owns of it, and what it owns it owns until it gives it
//! back. The leader is told of what changed and of what is wanted; it gives, and asks back what others wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rouse_api::link::{self, EndpointState, Granted, Owned, OwnedOf, Term};
use tokio::time::Instant;

use super::Core;
use super::slot::Slot;

/// A permit that has fallen free goes to another proxy only if the other's oldest request is so much older than the oldest one here.
/// With requests held everywhere a permit so stays for a third of this time at least, however short the requests are, and moving it
/// takes about one round trip of the link; and no request waits longer than this beside one that is younger.
pub(super) const YIELD: Duration = Duration::from_millis(25);

/// Between the first two words about what is wanted, when nothing has changed; doubled up to [`ASK_SLOWEST`].
const ASK_FIRST: Duration = Duration::from_millis(20);
const ASK_SLOWEST: Duration = Duration::from_secs(1);

/// Between two words that only tell that another request is the oldest one.
const REFRESH: Duration = Duration::from_millis(100);

/// Numbers that only grow, over all workloads of this proxy: of accounts and of words.
pub(crate) type Numbers = Arc<AtomicU64>;

/// What is owned of one endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    /// Zero: there is no limit, and no account.
    number: u64,
    pub(super) owned: u32,
    /// What has come of the leader's sum.
    granted: u64,
    /// What is owned beyond this is given back as it falls free.
    most: Option<u32>,
    /// To be told.
    changed: bool,
}

/// One workload's part in the exchange.
#[derive(Debug)]
pub(super) struct Permits {
    numbers: Numbers,
    /// The leader that is told.
    pub(super) term: Option<Term>,
    /// It is being told all that there is, of every workload: what changes is told after that.
    introducing: bool,
    /// All accounts are to be told.
    whole: bool,
    /// The next word is about all accounts, when there is one: the core before this one may have been told of.
    fresh: bool,
    changed: bool,
    returned: u64,
    recall: Option<Recall>,
    /// What was wanted by the last word.
    wanted: u32,
    /// Of it what was not given since.
    asked: u32,
    /// The oldest held request of the last word.
    head: Option<Instant>,
    /// When that was, and when it is to be repeated.
    told: Option<(Instant, Duration)>,
}

#[derive(Debug, Clone, Copy)]
struct Recall {
    until: u64,
    /// When the oldest of the others arrived.
    since: Instant,
}

impl Permits {
    pub(super) fn new(numbers: Numbers) -> Self {
        Self {
            numbers,
            term: None,
            introducing: false,
            whole: false,
            fresh: true,
            changed: false,
            returned: 0,
            recall: None,
            wanted: 0,
            asked: 0,
            head: None,
            told: None,
        }
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Something is still to be told.
    pub(super) fn waits(&self) -> bool {
        self.term.is_some() && (self.whole || self.changed)
    }

    /// An account with an endpoint that has become known.
    pub(super) fn open(&mut self, owned: u32) -> Account {
        self.changed = true;
        Account {
            number: self.number(),
            owned,
            changed: true,
            ..Account::default()
        }
    }
}

impl Core {
    /// The limit has changed from `before`.
    pub(super) fn limit_changed(&mut self, before: Option<u32>) {
        match (before, self.limit) {
            (None, Some(_)) => {
                // What is in flight was sent without: it is owned, if the leader likes it or not.
                for (_, slot) in &mut self.slots {
                    slot.account = self.permits.open(slot.in_flight);
                }
                self.permits.whole = true;
            }
            (Some(_), None) => {
                for (_, slot) in &mut self.slots {
                    slot.account = Account::default();
                }
                self.permits.recall = None;
                self.permits.changed = false;
            }
            _ => {}
        }
    }

    /// From now on this leader is told, or nobody. What is owned stays; what was said before is void. Returns the first word, if there
    /// is something to say; all that follows waits for [`introduced`](Self::introduced).
    pub(in crate::workload) fn lead(
        &mut self,
        term: Option<Term>,
        now: Instant,
    ) -> Option<OwnedOf> {
        let permits = &mut self.permits;
        permits.term = term;
        permits.introducing = term.is_some();
        permits.recall = None;
        (permits.wanted, permits.asked, permits.told) = (0, 0, None);
        term?;
        self.limit?;
        permits.whole = true;
        for (_, slot) in &mut self.slots {
            let number = permits.number();
            let account = &mut slot.account;
            (account.number, account.granted, account.most) = (number, 0, None);
        }
        let part = self.part(now);
        let says = !part.accounts.is_empty() || part.wanted > 0;
        self.permits.fresh |= !says;
        says.then_some(part)
    }

    /// The leader has been told everything.
    pub(in crate::workload) fn introduced(&mut self) {
        self.permits.introducing = false;
    }

    /// What is to be told now. `regular`: at the regular look, when what has only moved a little is told, too.
    pub(in crate::workload) fn tell(&mut self, regular: bool, now: Instant) -> Option<Owned> {
        self.limit?;
        let term = self.permits.term.filter(|_| !self.permits.introducing)?;
        if !self.permits.waits() && !self.asks(regular, now) {
            return None;
        }
        let part = self.part(now);
        Some(Owned {
            term,
            sequence: part.sequence,
            whole: false,
            workloads: vec![part],
        })
    }

    /// The last word was not heard: all is told again.
    pub(in crate::workload) fn unheard(&mut self) {
        self.permits.whole = true;
    }

    /// Whether what is wanted has to be said.
    fn asks(&self, regular: bool, now: Instant) -> bool {
        let permits = &self.permits;
        if self.waiting.is_empty() && permits.wanted == 0 {
            return false;
        }
        // Told often enough while the line grows.
        let longer = permits.asked == 0 || self.waiting.len() / 2 >= permits.asked as usize;
        if !regular && !longer {
            return false;
        }
        let wanted = self.lacking();
        if wanted > 0 && (permits.asked == 0 || wanted / 2 >= permits.asked) {
            return true;
        }
        if !regular || (wanted == 0 && permits.wanted == 0) {
            return false;
        }
        let Some((told, pause)) = permits.told else {
            return true;
        };
        let age = now.saturating_duration_since(told);
        let moved = self.oldest() != permits.head;
        wanted == 0 || age >= pause || (moved && age >= REFRESH)
    }

    fn oldest(&self) -> Option<Instant> {
        self.waiting
            .first_key_value()
            .map(|(_, oldest)| oldest.since)
    }

    /// Permits that held requests wait for: none when every endpoint's permits are here already, or the workload has to be woken.
    pub(super) fn lacking(&self) -> u32 {
        let (Some(limit), None) = (self.limit, self.quiesced) else {
            return 0;
        };
        let held = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let (mut more, mut soon) = (false, 0_u32);
        for (_, slot) in &self.slots {
            if slot.serves() {
                more |= slot.account.owned < limit;
                let starts = slot.state == Some(EndpointState::Starting);
                soon = soon.saturating_add(if starts { slot.idle() } else { 0 });
            }
        }
        if more { held.saturating_sub(soon) } else { 0 }
    }

    fn part(&mut self, now: Instant) -> OwnedOf {
        let wanted = self.lacking();
        let head = self.oldest();
        let accounts = self.accounts();
        let permits = &mut self.permits;
        let same = permits.head == head && permits.wanted == wanted;
        let pause = match permits.told {
            Some((_, pause)) if same => (pause * 2).min(ASK_SLOWEST),
            _ => ASK_FIRST,
        };
        permits.told = Some((now, pause));
        (permits.wanted, permits.asked, permits.head) = (wanted, wanted, head);
        permits.changed = false;
        OwnedOf {
            workload: self.id.clone(),
            sequence: permits.number(),
            whole: std::mem::take(&mut permits.whole) | std::mem::take(&mut permits.fresh),
            wanted,
            oldest: head.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
            returned: permits.returned,
            accounts,
        }
    }

    /// Those that are to be told. What is in flight on an endpoint that has gone, and may come back, counts for its name.
    fn accounts(&mut self) -> Vec<link::Account> {
        let whole = self.permits.whole || self.permits.fresh;
        let gone: Vec<(link::EndpointId, u64, u32)> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.state.is_none())
            .map(|(_, slot)| (slot.id.clone(), slot.account.number, slot.in_flight))
            .collect();
        let mut accounts = Vec::new();
        for (_, slot) in &mut self.slots {
            if !std::mem::take(&mut slot.account.changed) && !whole {
                continue;
            }
            let same = || gone.iter().filter(|(id, ..)| *id == slot.id);
            let elsewhere: u32 = same().map(|(_, _, in_flight)| in_flight).sum();
            let owned = if slot.state.is_some() {
                slot.account.owned.saturating_add(elsewhere)
            } else {
                elsewhere
            };
            let account = link::Account {
                endpoint: slot.id.clone(),
                number: slot.account.number,
                owned,
                granted: slot.account.granted,
            };
            // One account for each name: the newest, which is that of the endpoint that is there.
            if slot.state.is_some() {
                if elsewhere > 0 {
                    accounts.retain(|known: &link::Account| known.endpoint != slot.id);
                }
                accounts.push(account);
            } else if same().all(|(_, number, _)| *number <= account.number)
                && !accounts
                    .iter()
                    .any(|known| known.endpoint == account.endpoint)
            {
                accounts.push(account);
            }
        }
        accounts
    }

    /// Takes what the leader gives, and what it asks back.
    pub(in crate::workload) fn granted(&mut self, granted: &Granted, now: Instant) {
        if self.limit.is_none() || self.permits.term != Some(granted.term) {
            return;
        }
        for given in &granted.given {
            let mut slots = self.slots.iter_mut().map(|(_, slot)| slot);
            let slot = slots.find(|slot| slot.account.number == given.number);
            let Some(slot) = slot.filter(|slot| slot.id == given.endpoint && slot.state.is_some())
            else {
                continue;
            };
            let account = &mut slot.account;
            account.most = given.most;
            if let Some(new) = given.granted.checked_sub(account.granted) {
                let new = u32::try_from(new).unwrap_or(u32::MAX);
                account.granted = given.granted;
                // Told with what is told next.
                account.changed = true;
                account.owned = account.owned.saturating_add(new);
                self.permits.asked = self.permits.asked.saturating_sub(new);
            }
        }
        let recall = Recall {
            until: granted.recall.until,
            since: now.checked_sub(granted.recall.oldest).unwrap_or(now),
        };
        self.permits.recall = Some(recall).filter(|recall| recall.until > self.permits.returned);
        self.dispatch(now);
        self.give_back();
    }

    /// Gives back what is free and asked for.
    pub(super) fn give_back(&mut self) {
        if self.limit.is_none() || self.permits.term.is_none() {
            // Nobody would have it.
            return;
        }
        let head = self.oldest();
        let quiesced = self.quiesced.is_some();
        let permits = &mut self.permits;
        let (mut due, yields) = permits.recall.map_or((0, true), |recall| {
            let due = recall.until.saturating_sub(permits.returned);
            let yields = head.is_none_or(|own| own > recall.since + YIELD);
            (u32::try_from(due).unwrap_or(u32::MAX), yields)
        });
        for (_, slot) in &mut self.slots {
            let beyond = slot
                .account
                .most
                .map_or(0, |most| slot.account.owned.saturating_sub(most));
            let mut back = beyond.min(slot.idle());
            if due > 0 && slot.matters() && (yields || quiesced || !slot.serves()) {
                back = back.max(due.min(slot.idle()));
            }
            if back > 0 {
                slot.account.owned -= back;
                slot.account.changed = true;
                permits.returned += u64::from(back);
                permits.changed = true;
                due = due.saturating_sub(back);
            }
        }
        if due == 0 {
            permits.recall = None;
        }
    }

    /// Whether something may be to give back.
    pub(super) fn is_recalled(&self, slot: usize) -> bool {
        let beyond = |slot: &Slot| {
            slot.account
                .most
                .is_some_and(|most| slot.account.owned > most)
        };
        self.permits.recall.is_some() || self.slots.get(slot).is_some_and(beyond)
    }

    /// An endpoint has gone, or is another: what is idle of it is worth nothing, what is in flight there is owned until it ends.
    pub(super) fn close_account(&mut self, slot: usize) {
        if self.limit.is_some()
            && let Some(slot) = self.slots.get_mut(slot)
        {
            slot.account.owned = slot.in_flight;
            self.permits.whole = true;
        }
    }

    /// A request has ended on an endpoint that has gone: if it has come back its permit is there.
    pub(super) fn ended_on_gone(&mut self, slot: usize) {
        if self.limit.is_none() {
            return;
        }
        let Some(gone) = self.slots.get_mut(slot) else {
            return;
        };
        gone.account.owned = gone.in_flight;
        let id = gone.id.clone();
        let mut slots = self.slots.iter_mut().map(|(_, slot)| slot);
        match slots.find(|slot| slot.id == id && slot.state.is_some()) {
            Some(back) => back.account.owned = back.account.owned.saturating_add(1),
            None => self.permits.whole = true,
        }
    }

    /// The workload is no more: only what is in flight is kept.
    pub(super) fn keep_used(&mut self) {
        if self.limit.is_some() {
            for (_, slot) in &mut self.slots {
                slot.account.owned = slot.in_flight;
            }
            self.permits.whole = true;
        }
    }
}
