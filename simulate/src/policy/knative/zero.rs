//! When the last replica goes: active for a stable window at least, and with the activator in the path for the grace period.

use std::time::Duration;

/// `scale-to-zero-grace-period`.
const GRACE: Duration = Duration::from_secs(30);

/// Whether requests go through the activator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proxied {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Inactive {
        since: Duration,
    },
    /// No replica has been ready yet.
    Activating,
    Active {
        since: Duration,
    },
}

/// One revision's way to zero.
#[derive(Debug, Clone)]
pub(super) struct ToZero {
    stable_window: Duration,
    phase: Phase,
    proxied_since: Option<Duration>,
}

impl ToZero {
    pub(super) fn new(stable_window: Duration, active: bool) -> Self {
        let since = Duration::ZERO;
        let phase = match active {
            true => Phase::Active { since },
            false => Phase::Inactive { since },
        };
        Self {
            stable_window,
            phase,
            proxied_since: Some(since),
        }
    }

    /// What is seen with each decision.
    pub(super) fn observe(&mut self, ready: u32, desired: u32, proxied: Proxied, now: Duration) {
        self.proxied_since = match proxied {
            Proxied::Yes => self.proxied_since.or(Some(now)),
            Proxied::No => None,
        };
        let active = Phase::Active { since: now };
        self.phase = match self.phase {
            Phase::Inactive { .. } if desired > 0 && ready > 0 => active,
            Phase::Inactive { .. } if desired > 0 => Phase::Activating,
            Phase::Activating if ready > 0 => active,
            phase => phase,
        };
    }

    /// The count that is written, out of what was decided.
    pub(super) fn apply(&mut self, desired: u32, current: u32, now: Duration) -> u32 {
        if desired > 0 {
            return desired;
        }
        if let Phase::Active { since } = self.phase {
            if now.saturating_sub(since) < self.stable_window {
                return 1;
            }
            self.phase = Phase::Inactive { since: now };
        }
        let long = |since: Duration| now.saturating_sub(since) >= GRACE;
        match self.phase {
            Phase::Inactive { since } if long(since) => 0,
            Phase::Inactive { .. } if self.proxied_since.is_some_and(long) => 0,
            _ => current,
        }
    }
}
