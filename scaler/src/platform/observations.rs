use std::collections::BTreeMap;

use parking_lot::Mutex;
use rouse_api::workload::WorkloadId;
use tokio::sync::Notify;

use super::Observation;

/// Hands observations over. Of one workload only the newest waits, so that it never holds more than there are workloads.
#[derive(Debug, Default)]
pub struct Observations {
    waiting: Mutex<BTreeMap<WorkloadId, Observation>>,
    changed: Notify,
}

impl Observations {
    /// Replaces what waits for this workload.
    pub fn put(&self, observation: Observation) {
        self.waiting
            .lock()
            .insert(observation.workload.clone(), observation);
        self.changed.notify_one();
    }

    /// Takes one, waiting until there is one. For one reader; safe to drop and call again.
    pub async fn next(&self) -> Observation {
        loop {
            if let Some((_, observation)) = self.waiting.lock().pop_first() {
                return observation;
            }
            self.changed.notified().await;
        }
    }
}
