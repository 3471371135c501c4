//! What process groups use, from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use rustix::param::{clock_ticks_per_second, page_size};
use tokio::time::Instant;

/// What a process group has used: CPU since its start, memory now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// User and system time, with that of children that have ended.
    pub(crate) ticks: u64,
    /// Resident memory.
    pub(crate) pages: u64,
}

/// One look at all processes.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    at: Instant,
    groups: HashMap<i32, Used>,
}

/// A group's usage between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Billionths of a core.
    pub(crate) nanocores: u64,
    pub(crate) bytes: u64,
}

impl Look {
    /// Looks at all processes of the pid namespace.
    pub(crate) fn now() -> Self {
        let mut groups: HashMap<i32, Used> = HashMap::new();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        for process in processes {
            let number = process.file_name();
            if !number.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
                continue;
            }
            // It may have ended meanwhile.
            let stat = fs::read_to_string(process.path().join("stat")).ok();
            if let Some((group, used)) = stat.as_deref().and_then(parse) {
                let sum = groups.entry(group).or_default();
                sum.ticks += used.ticks;
                sum.pages += used.pages;
            }
        }
        Self {
            at: Instant::now(),
            groups,
        }
    }

    /// What the group used since `before`; `None` if it wasn't there at both.
    pub(crate) fn since(&self, before: &Self, group: i32) -> Option<Usage> {
        let (then, now) = (before.groups.get(&group)?, self.groups.get(&group)?);
        let ticks = now.ticks.saturating_sub(then.ticks);
        let time = self.at.saturating_duration_since(before.at);
        Some(Usage {
            nanocores: nanocores(ticks, time),
            bytes: now.pages * page_size() as u64,
        })
    }

    /// The time between the two.
    pub(crate) fn window(&self, before: &Self) -> Duration {
        self.at.saturating_duration_since(before.at)
    }
}

fn nanocores(ticks: u64, time: Duration) -> u64 {
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(clock_ticks_per_second().max(1));
    let cores = nanos * 1_000_000_000 / time.as_nanos().max(1);
    u64::try_from(cores).unwrap_or(u64::MAX)
}

/// Process group and usage of a line of `/proc/PID/stat` (proc_pid_stat(5)); the name may hold anything, so it is skipped.
fn parse(stat: &str) -> Option<(i32, Used)> {
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // The first of these is field 3.
    let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
    let group = i32::try_from(number(5)?).ok()?;
    let ticks: i64 = (14..=17).filter_map(number).sum();
    Some((
        group,
        Used {
            ticks: u64::try_from(ticks).ok()?,
            pages: u64::try_from(number(24)?).ok()?,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_any_name() {
        let stat = "12 (a) b) S 1 77 77 0 -1 4194304 100 0 0 0 3 4 5 6 20 0 1 0 100 1000000 250 18446744073709551615 1";
        let used = Used {
            ticks: 18,
            pages: 250,
        };
        assert_eq!(parse(stat), Some((77, used)));
        assert_eq!(parse("nonsense"), None);
    }

    #[tokio::test]
    async fn own_process_is_seen() {
        let look = Look::now();
        assert!(look.groups.values().any(|used| used.pages > 0));
    }
}
