use std::time::Duration;

use tokio::time::Instant;

/// kubelet's first wait (`kuberuntime` and `images`).
const FIRST: Duration = Duration::from_secs(10);
/// kubelet's `MaxCrashLoopBackOff`.
const LONGEST: Duration = Duration::from_secs(300);

/// The growing wait between attempts: none before the second, then 10 s, doubled up to 300 s.
/// What went well for twice the longest wait starts over.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    wait: Option<Duration>,
    failed: Option<Instant>,
}

impl Backoff {
    /// An attempt failed at `now`: how long the next one waits, before any factor.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        let calm = self
            .failed
            .is_some_and(|last| now.saturating_duration_since(last) > LONGEST * 2);
        let wait = match self.wait {
            Some(_) if calm => Duration::ZERO,
            Some(Duration::ZERO) => FIRST,
            Some(wait) => (wait * 2).min(LONGEST),
            None => Duration::ZERO,
        };
        self.wait = Some(wait);
        self.failed = Some(now);
        wait
    }

    /// Starts with a wait: an image pull waits before its second attempt already.
    pub(crate) fn waiting() -> Self {
        Self {
            wait: Some(Duration::ZERO),
            failed: None,
        }
    }
}

/// A wait multiplied by a factor that people may set to anything.
pub(crate) fn scaled(wait: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(wait.as_secs_f64() * factor).unwrap_or(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn first_restart_is_at_once_then_waits_double() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        let waits: Vec<u64> = (0..8).map(|_| backoff.failed(now).as_secs()).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn long_calm_starts_over() {
        let mut backoff = Backoff::default();
        let now = Instant::now();
        for _ in 0..4 {
            backoff.failed(now);
        }
        let later = now + Duration::from_secs(601);
        assert_eq!(backoff.failed(later), Duration::ZERO);
        assert_eq!(backoff.failed(later), FIRST);
    }

    #[tokio::test(start_paused = true)]
    async fn pulls_wait_from_the_first_failure() {
        assert_eq!(Backoff::waiting().failed(Instant::now()), FIRST);
    }

    #[test]
    fn factors_that_make_no_sense_change_nothing() {
        assert_eq!(scaled(FIRST, 0.01), Duration::from_millis(100));
        assert_eq!(scaled(FIRST, -1.0), FIRST);
        assert_eq!(scaled(FIRST, f64::NAN), FIRST);
    }
}
