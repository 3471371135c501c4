//! Which services a scenario has; what is asked of them is in `k6/`.

use std::time::Duration;

/// What load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// Many requests at once for services that all sleep, a few times over
    Cold,
    /// From nothing to 3,000 requests per second, to one service that sleeps
    Ramp,
    /// 300 requests per second to 50 services that are slow to start and slow to answer, each in its own way
    Mixed,
}

/// One service: its index is in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Service {
    /// Before it listens.
    pub(crate) start: Duration,
    pub(crate) most_replicas: u32,
}

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Ramp => "ramp",
            Self::Mixed => "mixed",
        }
    }

    /// k6 is ended after this at the latest.
    pub(crate) fn longest(self, smoke: bool) -> Duration {
        Duration::from_secs(if smoke { 60 } else { 240 })
    }

    /// Start-up of the mixed ones is spread evenly over 0 to 10 s (2 s when it is only looked at).
    pub(crate) fn services(self, smoke: bool) -> Vec<Service> {
        let quick = |most_replicas| Service {
            start: Duration::ZERO,
            most_replicas,
        };
        match self {
            Self::Cold => vec![quick(2); if smoke { 5 } else { 20 }],
            Self::Ramp => vec![quick(3)],
            Self::Mixed => {
                let (count, slowest) = if smoke { (6, 2000) } else { (50, 10_000) };
                let service = |at: u64| Service {
                    start: Duration::from_millis(at * slowest / (count - 1)),
                    most_replicas: 4,
                };
                (0..count).map(service).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_mixed_ones_from_at_once_to_ten_seconds() {
        let all = Scenario::Mixed.services(false);
        assert_eq!(all.len(), 50);
        assert_eq!(all[0].start, Duration::ZERO);
        assert_eq!(all[49].start, Duration::from_secs(10));
    }
}
