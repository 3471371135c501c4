//! Connections between proxies and scalers: in order, late, and sometimes over.

use std::collections::VecDeque;

use rouse_api::link::{MemberId, Term, ToProxy, ToScaler};
use rouse_link::client::chaos::{Outgoing, Wire};
use rouse_scaler::chaos::Seat;
use rouse_scaler::controller::SessionId;

use crate::time::{MS, Nanos, SECOND};
use crate::world::{Cut, Event, Process, Run, World};

/// Nothing is heard for so long: the connection is given up. The link's `silence`, and its keepalive.
const SILENCE: Nanos = 5 * SECOND;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Proxy,
    Scaler,
}

pub(crate) enum Up {
    Hello(MemberId, Option<Term>),
    Say(ToScaler),
    End,
}

#[expect(clippy::large_enum_variant, reason = "few are on their way at once")]
pub(crate) enum Down {
    Welcome,
    Say(ToProxy),
    End,
}

pub(crate) struct Conn {
    pub(crate) proxy: Run,
    pub(crate) scaler: Run,
    pub(crate) session: Option<SessionId>,
    pub(crate) outgoing: Outgoing,
    pub(crate) seat: Seat,
    wire: Wire,
    up: VecDeque<Up>,
    down: VecDeque<Down>,
    up_last: Nanos,
    down_last: Nanos,
    welcomed: bool,
    /// It counts for the proxy, for the scaler.
    proxy_open: bool,
    scaler_open: bool,
}

impl World {
    /// A proxy dials a scaler.
    pub(crate) fn dial(&mut self, proxy: Run, no: usize) {
        let scaler = &self.scalers[no];
        let cut = self.is_cut(Cut::Link {
            proxy: proxy.no,
            scaler: no,
        });
        if !scaler.listens || cut {
            return self.dial_again(proxy, no);
        }
        let scaler = Run {
            no,
            run: scaler.run,
        };
        let p = &mut self.proxies[proxy.no];
        let hello = Up::Hello(
            p.member.clone(),
            p.ends
                .as_ref()
                .and_then(rouse_link::client::chaos::Ends::term),
        );
        p.pause[no] = 50 * MS;
        p.conns.insert(no, self.next_conn);
        let conn = Conn {
            proxy,
            scaler,
            session: None,
            outgoing: Outgoing::default(),
            seat: Seat::default(),
            wire: Wire::default(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            up_last: 0,
            down_last: 0,
            welcomed: false,
            proxy_open: true,
            scaler_open: true,
        };
        let id = self.next_conn;
        self.next_conn += 1;
        self.conns.insert(id, conn);
        self.send_up(id, hello);
        self.after(SILENCE, Event::Silence(id, Side::Proxy));
    }

    pub(crate) fn dial_again(&mut self, proxy: Run, scaler: usize) {
        let p = &mut self.proxies[proxy.no];
        let pause = p.pause[scaler];
        p.pause[scaler] = (pause * 2).min(2 * SECOND);
        let pause = pause / 2 + self.rng.u64(0..=pause / 2);
        self.after(pause, Event::Dial(proxy, scaler));
    }

    fn send_up(&mut self, id: usize, what: Up) {
        let delay = self.between(self.plan.delay);
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        conn.up.push_back(what);
        conn.up_last = conn.up_last.max(self.now + delay);
        let at = conn.up_last;
        self.at(at, Event::Deliver(id, Side::Scaler));
    }

    fn send_down(&mut self, id: usize, what: Down) {
        let delay = self.between(self.plan.delay);
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        conn.down.push_back(what);
        conn.down_last = conn.down_last.max(self.now + delay);
        let at = conn.down_last;
        self.at(at, Event::Deliver(id, Side::Proxy));
    }

    /// Both outboxes go out, as far as there is room.
    pub(crate) fn pump(&mut self, id: usize) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        let (proxy, scaler) = (conn.proxy.no, conn.scaler.no);
        if self.proxies[proxy].still <= self.now {
            self.pump_up(id);
        }
        if self.scalers[scaler].still <= self.now {
            self.pump_down(id);
        }
    }

    fn pump_up(&mut self, id: usize) {
        while let Some(conn) = self.conns.get_mut(&id) {
            if !conn.proxy_open || !conn.welcomed || conn.up.len() >= self.plan.window {
                break;
            }
            let Some(message) = conn.outgoing.next() else {
                break;
            };
            match Wire::up(&message) {
                Ok(Some(read)) => self.send_up(id, Up::Say(read)),
                Ok(None) => self.violated(format!("{message:?} does not travel")),
                Err(error) => self.violated(format!("{message:?} can't be read: {error}")),
            }
        }
    }

    fn pump_down(&mut self, id: usize) {
        while let Some(conn) = self.conns.get_mut(&id) {
            if !conn.scaler_open || conn.session.is_none() || conn.down.len() >= self.plan.window {
                break;
            }
            let Some(message) = conn.seat.next() else {
                break;
            };
            match conn.wire.down(message.clone()) {
                Ok(read) => {
                    for message in read {
                        self.send_down(id, Down::Say(message));
                    }
                }
                Err(error) => self.violated(format!("{message:?} can't be read: {error}")),
            }
        }
    }

    /// The oldest message on its way to `side` arrives.
    pub(crate) fn deliver(&mut self, id: usize, side: Side) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        let cut = Cut::Link {
            proxy: conn.proxy.no,
            scaler: conn.scaler.no,
        };
        if self.is_cut(cut) {
            return self.after(40 * MS, Event::Deliver(id, side));
        }
        match side {
            Side::Scaler => self.deliver_up(id),
            Side::Proxy => self.deliver_down(id),
        }
        self.pump(id);
        self.forget(id);
    }

    fn deliver_up(&mut self, id: usize) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let Some(what) = conn.up.pop_front() else {
            return;
        };
        let (proxy, scaler, session, open) =
            (conn.proxy, conn.scaler, conn.session, conn.scaler_open);
        if !open {
            return;
        }
        if !self.scalers[scaler.no].is(scaler.run) {
            return self.close_scaler(id);
        }
        match (what, session) {
            (Up::Hello(member, term), _) => {
                self.trace.mix(1);
                self.send_down(id, Down::Welcome);
                self.open_session(scaler, id, member, term);
            }
            (Up::Say(message), Some(session)) => {
                self.say(&|| format!("s{} hears of p{}: {message:?}", scaler.no, proxy.no));
                self.heard_by_scaler(scaler, session, message);
            }
            (Up::Say(_), None) => {}
            (Up::End, _) => self.end_scaler(id),
        }
    }

    fn deliver_down(&mut self, id: usize) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let Some(what) = conn.down.pop_front() else {
            return;
        };
        let (proxy, scaler, open) = (conn.proxy, conn.scaler, conn.proxy_open);
        if !open || !self.proxies[proxy.no].is(proxy.run) {
            return;
        }
        match what {
            Down::Welcome => {
                conn.welcomed = true;
                let outgoing = conn.outgoing.clone();
                self.welcomed(proxy, scaler.no, &outgoing);
            }
            Down::Say(message) => {
                self.say(&|| format!("p{} hears of s{}: {message:?}", proxy.no, scaler.no));
                self.heard_by_proxy(proxy, scaler.no, message);
            }
            Down::End => self.end_proxy(id),
        }
    }

    /// The proxy's side is over: it takes that in and dials again.
    fn end_proxy(&mut self, id: usize) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if !std::mem::replace(&mut conn.proxy_open, false) {
            return;
        }
        let (proxy, scaler) = (conn.proxy, conn.scaler.no);
        if self.proxies[proxy.no].is(proxy.run) {
            self.proxies[proxy.no].conns.remove(&scaler);
            self.say(&|| format!("p{} has lost s{scaler}", proxy.no));
            self.link_down(proxy, scaler);
            self.dial_again(proxy, scaler);
        }
    }

    /// The scaler's side is over: its session ends.
    fn end_scaler(&mut self, id: usize) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if !std::mem::replace(&mut conn.scaler_open, false) {
            return;
        }
        let (scaler, session) = (conn.scaler, conn.session);
        if let Some(session) = session
            && self.scalers[scaler.no].is(scaler.run)
        {
            self.close_session(scaler, session);
        }
    }

    /// The scaler closes it.
    pub(crate) fn close_scaler(&mut self, id: usize) {
        self.end_scaler(id);
        self.send_down(id, Down::End);
    }

    /// The proxy closes it, or its process has ended.
    pub(crate) fn close_proxy(&mut self, id: usize) {
        self.end_proxy(id);
        self.send_up(id, Up::End);
    }

    /// It breaks on both sides, at moments of their own; what is on its way may be lost.
    pub(crate) fn reset(&mut self, id: usize) {
        let lost = self.rng.bool();
        if let Some(conn) = self.conns.get_mut(&id)
            && lost
        {
            conn.up.clear();
            conn.down.clear();
        }
        self.send_up(id, Up::End);
        self.send_down(id, Down::End);
    }

    /// One side hears nothing from now on.
    pub(crate) fn fall_silent(&mut self, id: usize) {
        for side in [Side::Proxy, Side::Scaler] {
            let at = SILENCE + self.rng.u64(0..SECOND);
            self.after(at, Event::Silence(id, side));
        }
    }

    pub(crate) fn silence(&mut self, id: usize, side: Side) {
        let Some(conn) = self.conns.get(&id) else {
            return;
        };
        let cut = self.is_cut(Cut::Link {
            proxy: conn.proxy.no,
            scaler: conn.scaler.no,
        });
        let still = match side {
            Side::Proxy => self.scalers[conn.scaler.no].still > self.now,
            Side::Scaler => self.proxies[conn.proxy.no].still > self.now,
        };
        if side == Side::Proxy && !conn.welcomed {
            self.close_proxy(id);
        } else if cut || still {
            match side {
                Side::Proxy => self.close_proxy(id),
                Side::Scaler => self.close_scaler(id),
            }
        }
    }

    fn forget(&mut self, id: usize) {
        let over = |conn: &Conn| {
            !conn.proxy_open && !conn.scaler_open && conn.up.is_empty() && conn.down.is_empty()
        };
        if self.conns.get(&id).is_some_and(over) {
            self.conns.remove(&id);
        }
    }

    /// Connections of a process.
    pub(crate) fn conns_of(&self, process: Process) -> Vec<usize> {
        let of = |conn: &Conn| match process {
            Process::Proxy(no) => conn.proxy.no == no && conn.proxy_open,
            Process::Scaler(no) => conn.scaler.no == no && conn.scaler_open,
        };
        let found = self.conns.iter().filter(|(_, conn)| of(conn));
        found.map(|(id, _)| *id).collect()
    }

    pub(crate) fn conns_between(&self, proxy: usize, scaler: usize) -> Vec<usize> {
        let between = |conn: &Conn| conn.proxy.no == proxy && conn.scaler.no == scaler;
        let found = self.conns.iter().filter(|(_, conn)| between(conn));
        found.map(|(id, _)| *id).collect()
    }
}
