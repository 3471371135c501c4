use std::time::Duration;

use tokio::time::Instant;

/// The first pause before a restart; doubled with every further one.
const FIRST: Duration = Duration::from_millis(10);

/// The longest pause before a restart.
const LONGEST: Duration = Duration::from_secs(10);

/// Ready for this long, and the pauses begin anew.
const STABLE: Duration = Duration::from_secs(10);

/// So many exits in a row without having been ready are final.
pub(super) const FINAL: u32 = 3;

/// When a workload's replicas may be started again. Pure.
#[derive(Debug, Clone)]
pub(super) struct Restarts {
    in_a_row: u32,
    pause: Duration,
    last: Option<Instant>,
    not_before: Option<Instant>,
}

impl Default for Restarts {
    fn default() -> Self {
        Self {
            in_a_row: 0,
            pause: FIRST,
            last: None,
            not_before: None,
        }
    }
}

impl Restarts {
    /// A replica that was started at `started`, and was ready from `ready_since` on if ever, has exited by itself.
    pub(super) fn exited(&mut self, started: Instant, ready_since: Option<Instant>, now: Instant) {
        if self.last.is_some_and(|last| started <= last) {
            // One of several that were started together: it teaches nothing new.
            return;
        }
        match ready_since {
            Some(since) => {
                self.in_a_row = 0;
                if now.saturating_duration_since(since) >= STABLE {
                    self.pause = FIRST;
                }
            }
            None => self.in_a_row += 1,
        }
        self.last = Some(now);
        self.not_before = Some(now + self.pause);
        self.pause = (self.pause * 2).min(LONGEST);
    }

    /// A replica is ready.
    pub(super) fn ready(&mut self) {
        self.in_a_row = 0;
    }

    /// Whether trying again would be pointless.
    pub(super) fn is_final(&self) -> bool {
        self.in_a_row >= FINAL
    }

    /// One more try, at once.
    pub(super) fn try_once_more(&mut self) {
        self.in_a_row = FINAL - 1;
        self.not_before = None;
    }

    /// No start before.
    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_longest_and_begin_anew_after_a_stable_time() {
        let mut restarts = Restarts::default();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            now += Duration::from_secs(1);
            restarts.exited(now, Some(now), now);
            pauses.push(restarts.not_before().unwrap() - now);
        }
        assert_eq!(pauses[..3], [10, 20, 40].map(Duration::from_millis));
        assert_eq!(pauses[11], LONGEST);
        assert!(!restarts.is_final(), "each of them was ready");
        let started = now + FIRST;
        now = started + STABLE;
        restarts.exited(started, Some(started), now);
        assert_eq!(restarts.not_before().unwrap() - now, FIRST);
    }

    #[test]
    fn three_exits_in_a_row_before_ready_are_final() {
        let mut restarts = Restarts::default();
        let mut now = Instant::now();
        for _ in 0..2 {
            now += FIRST;
            restarts.exited(now, None, now);
        }
        assert!(!restarts.is_final());
        let mut lucky = restarts.clone();
        lucky.ready();
        restarts.exited(now + FIRST, None, now + FIRST);
        lucky.exited(now + FIRST, None, now + FIRST);
        assert!(restarts.is_final() && !lucky.is_final());
    }

    #[test]
    fn replicas_started_together_count_once() {
        let mut restarts = Restarts::default();
        let started = Instant::now();
        for i in 1..=5 {
            restarts.exited(started, None, started + FIRST * i);
        }
        assert!(!restarts.is_final());
        assert_eq!(restarts.not_before(), Some(started + FIRST * 2));
    }
}
