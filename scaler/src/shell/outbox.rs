use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use rouse_api::link::ToProxy;
use rouse_api::workload::WorkloadId;
use tokio::sync::Notify;

/// What waits for one proxy. A newer message replaces an older one of its kind and goes to the end, for all of them are
/// levels; so it holds at most one table, and two messages per workload, however slow the proxy is.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    places: HashMap<Kind, u64>,
    messages: BTreeMap<u64, (Kind, ToProxy)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Link,
    Routes,
    State(WorkloadId),
    Sleep(WorkloadId),
}

impl Outbox {
    pub(super) fn put(&self, message: ToProxy) {
        let kind = match &message {
            ToProxy::Role { .. } | ToProxy::Synced | ToProxy::Unlinked | ToProxy::Linked => {
                Kind::Link
            }
            ToProxy::Routes(_) => Kind::Routes,
            ToProxy::State(state) => Kind::State(state.workload.clone()),
            ToProxy::Quiesce { workload, .. }
            | ToProxy::Resume { workload, .. }
            | ToProxy::Asleep { workload, .. } => Kind::Sleep(workload.clone()),
        };
        let mut queue = self.queue.lock();
        let place = queue.next;
        queue.next += 1;
        if let Some(old) = queue.places.insert(kind.clone(), place) {
            queue.messages.remove(&old);
        }
        queue.messages.insert(place, (kind, message));
        drop(queue);
        self.filled.notify_one();
    }

    /// The oldest, waiting until there is one. For one reader.
    pub(super) async fn next(&self) -> ToProxy {
        loop {
            if let Some(message) = self.pop() {
                return message;
            }
            self.filled.notified().await;
        }
    }

    fn pop(&self) -> Option<ToProxy> {
        let mut queue = self.queue.lock();
        let (_, (kind, message)) = queue.messages.pop_first()?;
        queue.places.remove(&kind);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rouse_api::link::{Routes, ToProxy, WorkloadState};
    use rouse_api::workload::WorkloadId;

    use super::Outbox;

    #[tokio::test]
    async fn only_the_newest_of_a_kind_waits_and_at_the_end() {
        let workload = WorkloadId::new("default", "hello");
        let state = WorkloadState::empty(workload.clone());
        let outbox = Outbox::default();
        outbox.put(ToProxy::State(state.clone()));
        outbox.put(ToProxy::Routes(Arc::new(Routes::default())));
        let (epoch, idle_for) = (3, std::time::Duration::ZERO);
        outbox.put(ToProxy::Quiesce {
            workload: workload.clone(),
            epoch,
            idle_for,
        });
        outbox.put(ToProxy::Asleep {
            workload: workload.clone(),
            epoch,
        });
        outbox.put(ToProxy::State(state.clone()));
        assert!(matches!(outbox.next().await, ToProxy::Routes(_)));
        assert_eq!(outbox.next().await, ToProxy::Asleep { workload, epoch });
        assert_eq!(outbox.next().await, ToProxy::State(state));
        assert!(outbox.pop().is_none());
    }
}
