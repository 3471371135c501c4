//! Who may send requests to the workloads: members, their sessions, and what proves them dead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rouse_api::link::{Capabilities, MemberId, Term};
use tokio::time::Instant;

use super::SessionId;
use super::permits::Gate;
use crate::demand::{MemberNo, Roster};

/// Past this many members a new one is refused.
pub const MAX_MEMBERS: usize = 4096;

/// What the end of a session says about the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// It is dead: both run in one process, or the proxy ends with its session.
    Death,
    /// Nothing: it may still send requests, and will come back.
    Silence,
}

/// All members. At most one per host: of one host only the newest instance is alive.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) roster: Roster,
    known: BTreeMap<MemberNo, Known>,
    hosts: BTreeMap<Arc<str>, MemberNo>,
    sessions: BTreeMap<SessionId, MemberNo>,
    /// Hosts that proxies run on, once that was said.
    live: Option<BTreeSet<Arc<str>>>,
    /// Live hosts whose proxy has left.
    left: BTreeSet<Arc<str>>,
    next: u64,
    gate: Gate,
}

#[derive(Debug)]
struct Known {
    id: MemberId,
    session: Option<SessionId>,
    end: SessionEnd,
    capabilities: Capabilities,
    /// Its host was among the live ones at some time; only then does its absence say anything at once.
    seen: bool,
}

/// What a new session means for the others.
#[derive(Debug)]
pub(super) struct Opened {
    /// Proven dead: earlier instances of the same host.
    pub(super) dead: Option<MemberNo>,
    /// Sessions that are over, for another has taken their place.
    pub(super) replaced: Option<SessionId>,
}

impl Members {
    pub(super) fn new(roster: Roster) -> Self {
        Self {
            roster,
            known: BTreeMap::new(),
            hosts: BTreeMap::new(),
            sessions: BTreeMap::new(),
            live: None,
            left: BTreeSet::new(),
            next: 0,
            gate: Gate::default(),
        }
    }

    /// `None`: there are too many members.
    pub(super) fn open(
        &mut self,
        session: SessionId,
        id: MemberId,
        end: SessionEnd,
        capabilities: Capabilities,
        now: Instant,
    ) -> Option<Opened> {
        let host = id.host.clone();
        let old = self.hosts.get(&host).copied();
        if old.is_none() && self.known.len() >= MAX_MEMBERS {
            return None;
        }
        let mut opened = Opened {
            dead: None,
            replaced: None,
        };
        let again = old.filter(|no| self.known.get(no).is_some_and(|known| known.id == id));
        if let Some(old) = old {
            opened.replaced = self.known.get(&old).and_then(|known| known.session);
            if again.is_none() {
                self.bury(old);
                opened.dead = Some(old);
            }
        }
        if let Some(replaced) = opened.replaced {
            self.sessions.remove(&replaced);
        }
        let no = again.unwrap_or_else(|| self.number());
        let seen = self.is_live(&host);
        let seen = seen || self.known.get(&no).is_some_and(|known| known.seen);
        self.left.remove(&host);
        self.gate.meet(&host);
        self.hosts.insert(host, no);
        self.sessions.insert(session, no);
        let known = Known {
            id,
            session: Some(session),
            end,
            capabilities,
            seen,
        };
        self.known.insert(no, known);
        self.roster.join(no, now);
        self.expect();
        Some(opened)
    }

    fn number(&mut self) -> MemberNo {
        self.next += 1;
        MemberNo(self.next)
    }

    /// Whether the session was open; and who is proven dead by its end.
    pub(super) fn close(&mut self, session: SessionId) -> Option<Option<MemberNo>> {
        let no = self.sessions.remove(&session)?;
        self.roster.unlink(no);
        let known = self.known.get_mut(&no)?;
        known.session = None;
        let (host, gone) = (known.id.host.clone(), known.seen);
        let dead = known.end == SessionEnd::Death || (gone && !self.is_live(&host));
        if dead {
            self.bury(no);
        }
        Some(dead.then_some(no))
    }

    /// The proxy of this session has left.
    pub(super) fn leave(&mut self, session: SessionId) -> Option<MemberNo> {
        let no = self.sessions.get(&session).copied()?;
        let host = self.known.get(&no)?.id.host.clone();
        if self.is_live(&host) {
            self.left.insert(host);
        }
        self.bury(no);
        Some(no)
    }

    /// Proxies run on these hosts and on no others; returns those who are proven dead by that. One with an open session lives,
    /// whatever is said; one whose host was never said before may be newer than what is said, unless it is gone already.
    pub(super) fn live(&mut self, hosts: BTreeSet<Arc<str>>) -> Vec<MemberNo> {
        let mut dead = Vec::new();
        for (no, known) in &mut self.known {
            let live = hosts.contains(&known.id.host);
            known.seen |= live;
            if !live && known.session.is_none() {
                dead.push(*no);
            }
        }
        self.left.retain(|host| hosts.contains(host));
        self.gate.live(&hosts);
        self.live = Some(hosts);
        for no in &dead {
            self.bury(*no);
        }
        self.expect();
        dead
    }

    fn is_live(&self, host: &str) -> bool {
        self.live.as_ref().is_some_and(|live| live.contains(host))
    }

    fn bury(&mut self, no: MemberNo) {
        if let Some(known) = self.known.remove(&no) {
            self.hosts.remove(&known.id.host);
            if let Some(session) = known.session {
                self.sessions.remove(&session);
            }
        }
        self.roster.leave(no);
        self.gate.bury(no);
        self.expect();
    }

    /// Counts the live hosts that nobody has connected from, or not since the last one left or died.
    fn expect(&mut self) {
        self.roster.expect(self.strangers().count());
        self.look_at_gate();
    }

    fn strangers(&self) -> impl Iterator<Item = &Arc<str>> {
        let stranger =
            |host: &&Arc<str>| !self.hosts.contains_key(*host) && !self.left.contains(*host);
        self.live.iter().flatten().filter(stranger)
    }

    fn look_at_gate(&mut self) {
        let sharers = self
            .known
            .iter()
            .filter(|(_, one)| one.capabilities.permits);
        self.gate.look(sharers.map(|(no, _)| *no));
    }

    /// A term begins, or ends: everybody who may own permits has to tell it, those among them that have not connected yet.
    pub(super) fn lead_permits(&mut self, leads: Option<Term>) {
        let awaited = self.strangers().cloned().collect();
        self.gate.lead(leads, awaited);
        self.look_at_gate();
    }

    /// A member has told all that it owns.
    pub(super) fn tells_permits(&mut self, no: MemberNo) {
        self.gate.tell(no);
        self.look_at_gate();
    }

    /// Whether everybody has.
    pub(super) fn permits_are_told(&self) -> bool {
        self.gate.is_open()
    }

    /// Members that keep permits, connected or not.
    pub(super) fn permit_members(&self) -> impl Iterator<Item = MemberNo> {
        let known = self
            .known
            .iter()
            .filter(|(_, one)| one.capabilities.permits);
        known.map(|(no, _)| *no)
    }

    pub(super) fn sharers(&self) -> u32 {
        u32::try_from(self.permit_members().count()).unwrap_or(u32::MAX)
    }

    /// The open session of a member that keeps permits.
    pub(super) fn permit_session(&self, no: MemberNo) -> Option<SessionId> {
        let known = self.known.get(&no)?;
        known.session.filter(|_| known.capabilities.permits)
    }

    pub(super) fn keeps_permits(&self, session: SessionId) -> bool {
        let known = self.of(session).and_then(|no| self.known.get(&no));
        known.is_some_and(|known| known.capabilities.permits)
    }

    pub(super) fn of(&self, session: SessionId) -> Option<MemberNo> {
        self.sessions.get(&session).copied()
    }

    pub(super) fn id(&self, no: MemberNo) -> Option<&MemberId> {
        self.known.get(&no).map(|known| &known.id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = MemberNo> {
        self.known.keys().copied()
    }

    /// Members with an open session, and the sessions.
    pub(super) fn linked(&self) -> impl Iterator<Item = (MemberNo, SessionId)> {
        self.sessions.iter().map(|(session, no)| (*no, *session))
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys().copied()
    }

    pub(super) fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Nobody's demand is unknown, and there is somebody.
    pub(super) fn is_complete(&self, now: Instant) -> bool {
        !self.roster.is_empty() && self.roster.missing(now) == 0
    }
}
