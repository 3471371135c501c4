use std::collections::BTreeSet;

use parking_lot::Mutex;
use rouse_api::workload::WorkloadId;
use tokio::sync::Notify;

/// Workloads whose status has changed since somebody looked; never more than there are workloads.
#[derive(Debug, Default)]
pub(super) struct Changes {
    waiting: Mutex<BTreeSet<WorkloadId>>,
    changed: Notify,
}

impl Changes {
    pub(super) fn put(&self, workload: WorkloadId) {
        self.waiting.lock().insert(workload);
        self.changed.notify_one();
    }

    pub(super) fn forget(&self, workload: &WorkloadId) {
        self.waiting.lock().remove(workload);
    }

    /// All of them, waiting until there is one. For one reader; safe to drop and call again.
    pub(super) async fn take(&self) -> BTreeSet<WorkloadId> {
        loop {
            let waiting = std::mem::take(&mut *self.waiting.lock());
            if !waiting.is_empty() {
                return waiting;
            }
            self.changed.notified().await;
        }
    }
}
