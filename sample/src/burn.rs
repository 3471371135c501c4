//! Real use of CPU and memory.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Smallest page of the platforms we run on: one write to each makes the memory resident.
const PAGE: usize = 4096;

/// Uses this much CPU time on a thread of its own; stops early when the future is dropped.
pub(crate) async fn cpu(time: Duration) {
    if time.is_zero() {
        return;
    }
    let stop = StopOnDrop(Arc::default());
    let stopped = Arc::clone(&stop.0);
    let work = tokio::task::spawn_blocking(move || {
        let end = thread_cpu_time() + time;
        while thread_cpu_time() < end && !stopped.load(Ordering::Relaxed) {
            for n in 0..1000_u32 {
                black_box(n.wrapping_mul(n));
            }
        }
    });
    // An error means that the runtime is going away.
    let _ = work.await;
}

/// Memory of this many bytes, every page of it touched.
pub(crate) fn memory(bytes: u64) -> Vec<u8> {
    let mut memory = vec![0_u8; usize::try_from(bytes).unwrap_or(usize::MAX)];
    for page in memory.chunks_mut(PAGE) {
        page[0] = 1;
    }
    black_box(memory)
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn thread_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn burns_cpu_time() {
        let before = clock_gettime(ClockId::ProcessCPUTime);
        cpu(Duration::from_millis(30)).await;
        let after = clock_gettime(ClockId::ProcessCPUTime);
        let used = Duration::try_from(after).unwrap() - Duration::try_from(before).unwrap();
        assert!(used >= Duration::from_millis(30), "{used:?}");
    }
}
