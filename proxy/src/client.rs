//! One client connection, as its requests see it.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rouse_api::workload::WorkloadId;
use rustix::event::{PollFd, PollFlags};
use tokio::time::Instant;

use crate::forward::Forwarding;

/// Shared between a connection's IO, its watchdog and its requests.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: SocketAddr,
    pub(crate) forwarding: Forwarding,
    /// What is made of the header that names a workload.
    pub(crate) choice: Choice,
    http2: AtomicBool,
    /// It has switched protocols: its bytes are no longer HTTP.
    tunnel: AtomicBool,
    /// Heads that requests have been made of.
    requests: AtomicU64,
    /// The first head that could be understood in two ways, counted from 1; 0: none.
    ambiguous: AtomicU64,
    activity: Mutex<Activity>,
    /// A second handle on the socket, made by the IO when `wanted`.
    handle: Mutex<Option<OwnedFd>>,
    wanted: AtomicBool,
}

/// Whether a connection's requests are routed, and what a header that names a workload is worth there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// One header like any other: the listener knows nothing of it.
    Untouched,
    /// Taken out and not heeded: its peer is not one of those that may choose.
    Ignored,
    /// Heeded and taken out.
    Believed,
    /// Nothing is routed: they are this workload's. The header is one like any other.
    Made(WorkloadId),
}

/// Requests being served, and the last change between idle, reading a head and serving.
#[derive(Debug)]
struct Activity {
    active: u32,
    phase: Phase,
    since: Instant,
}

impl Activity {
    fn enter(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, Instant::now());
    }
}

/// What a connection does when no request is being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Kept alive.
    Idle,
    /// In the middle of a head (or new: the first head is due).
    Head,
    /// At least one request is being served.
    Serving,
}

impl Client {
    pub(crate) fn new(peer: SocketAddr, forwarding: Forwarding, choice: Choice) -> Self {
        Self {
            peer,
            forwarding,
            choice,
            http2: AtomicBool::new(false),
            tunnel: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            ambiguous: AtomicU64::new(0),
            activity: Mutex::new(Activity {
                active: 0,
                phase: Phase::Head,
                since: Instant::now(),
            }),
            handle: Mutex::new(None),
            wanted: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_http2(&self) {
        self.http2.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_http1(&self) -> bool {
        !self.http2.load(Ordering::Relaxed)
    }

    pub(crate) fn becomes_tunnel(&self) {
        self.tunnel.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Relaxed)
    }

    /// A head has begun.
    pub(crate) fn head_begins(&self) {
        let mut activity = self.activity.lock();
        if activity.phase == Phase::Idle {
            activity.enter(Phase::Head);
        }
    }

    /// The head with this number (from 1) is ambiguous.
    pub(crate) fn mark_ambiguous(&self, head: u64) {
        // Only the first counts: the connection ends with it.
        let _ = self
            .ambiguous
            .compare_exchange(0, head, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// A request begins. True: its head was ambiguous.
    pub(crate) fn begin(self: &Arc<Self>) -> (Serving, bool) {
        {
            let mut activity = self.activity.lock();
            activity.active += 1;
            activity.enter(Phase::Serving);
        }
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let ambiguous = self.ambiguous.load(Ordering::Relaxed) == number;
        (Serving(self.clone()), ambiguous)
    }

    /// What the connection does, and since when.
    pub(crate) fn phase(&self) -> (Phase, Instant) {
        let activity = self.activity.lock();
        (activity.phase, activity.since)
    }

    /// Whether the IO should hand out a second handle, see [`Self::left`].
    pub(crate) fn wants_handle(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn give_handle(&self, handle: OwnedFd) {
        *self.handle.lock() = Some(handle);
    }

    /// Ends when the peer has closed its side, looking every so often: for when there are bytes that nobody reads, behind which
    /// a close can't be seen.
    pub(crate) async fn left(&self, every: Duration) {
        // The connection polls its IO after this future, which then finds the wish.
        self.wanted.store(true, Ordering::Relaxed);
        loop {
            tokio::time::sleep(every).await;
            let handle = self.handle.lock();
            let Some(handle) = handle.as_ref() else {
                continue;
            };
            let mut fds = [PollFd::new(handle, PollFlags::RDHUP)];
            let closed = rustix::event::poll(&mut fds, Some(&rustix::event::Timespec::default()))
                .is_ok_and(|count| count > 0);
            if closed {
                return;
            }
        }
    }
}

/// A request being served; dropped: it has ended.
#[derive(Debug)]
pub(crate) struct Serving(Arc<Client>);

impl Drop for Serving {
    fn drop(&mut self) {
        let mut activity = self.0.activity.lock();
        activity.active -= 1;
        if activity.active == 0 {
            activity.enter(Phase::Idle);
        }
    }
}
