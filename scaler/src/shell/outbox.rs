use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use rouse_api::link::ToProxy;
use rouse_api::workload::WorkloadId;
use tokio::sync::Notify;

/// What waits for one proxy. A newer message replaces an older one of its kind and goes to the end, for all of them are
/// levels (those on permits tell of some accounts each, and become one); so it holds at most one table, and three messages per
/// workload, however slow the proxy is. The role goes before everything else and the table before what is about workloads; `Synced`
/// waits for all that it promises.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    places: HashMap<Kind, Place>,
    messages: BTreeMap<Place, (Kind, ToProxy)>,
}

/// Rank, and then the order in which they were put.
type Place = (u8, u64);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Role,
    Routes,
    State(WorkloadId),
    Sleep(WorkloadId),
    Permits(WorkloadId),
    Synced,
    Link,
}

impl Kind {
    fn of(message: &ToProxy) -> Self {
        match message {
            ToProxy::Role { .. } => Self::Role,
            ToProxy::Routes(_) => Self::Routes,
            ToProxy::State(state) => Self::State(state.workload.clone()),
            ToProxy::Quiesce { workload, .. }
            | ToProxy::Resume { workload, .. }
            | ToProxy::Asleep { workload, .. } => Self::Sleep(workload.clone()),
            ToProxy::Permits(granted) => Self::Permits(granted.workload.clone()),
            ToProxy::Synced => Self::Synced,
            _ => Self::Link,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Role => 0,
            Self::Routes => 1,
            _ => 2,
        }
    }
}

impl Queue {
    /// Puts it at the end of its rank; returns the place of the one it replaces.
    fn put(&mut self, mut message: ToProxy) -> Option<Place> {
        let kind = Kind::of(&message);
        let place = (kind.rank(), self.next);
        self.next += 1;
        let old = self.places.insert(kind.clone(), place);
        let waiting = old.and_then(|old| self.messages.remove(&old));
        if let (Some((_, ToProxy::Permits(before))), ToProxy::Permits(later)) =
            (waiting, &mut message)
        {
            let later = std::mem::replace(later, before);
            if let ToProxy::Permits(all) = &mut message {
                all.absorb(later);
            }
        }
        self.messages.insert(place, (kind, message));
        old
    }
}

impl Outbox {
    pub(crate) fn put(&self, message: ToProxy) {
        let mut queue = self.queue.lock();
        let replaced = queue.put(message);
        // Part of what Synced promises has moved behind it.
        let synced = queue.places.get(&Kind::Synced).copied();
        if synced.is_some_and(|synced| replaced.is_some_and(|old| old < synced)) {
            queue.put(ToProxy::Synced);
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// The oldest, waiting until there is one. For one reader.
    pub(crate) async fn next(&self) -> ToProxy {
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

    fn state(name: &str) -> ToProxy {
        ToProxy::State(WorkloadState::empty(WorkloadId::new("default", name)))
    }

    fn all(outbox: &Outbox) -> Vec<ToProxy> {
        std::iter::from_fn(|| outbox.pop()).collect()
    }

    #[tokio::test]
    async fn only_the_newest_of_a_kind_waits_and_at_the_end() {
        let workload = WorkloadId::new("default", "hello");
        let outbox = Outbox::default();
        outbox.put(state("hello"));
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
        outbox.put(state("hello"));
        assert!(matches!(outbox.next().await, ToProxy::Routes(_)));
        assert_eq!(outbox.next().await, ToProxy::Asleep { workload, epoch });
        assert_eq!(outbox.next().await, state("hello"));
        assert!(outbox.pop().is_none());
    }

    #[test]
    fn the_newest_role_and_table_come_first() {
        let outbox = Outbox::default();
        let role = |leads| ToProxy::Role { leads };
        let routes = || ToProxy::Routes(Arc::new(Routes::default()));
        outbox.put(role(None));
        outbox.put(routes());
        outbox.put(state("hello"));
        outbox.put(role(Some(4)));
        outbox.put(routes());
        assert_eq!(all(&outbox), [role(Some(4)), routes(), state("hello")]);
    }

    #[test]
    fn synced_waits_for_all_that_it_promises() {
        let outbox = Outbox::default();
        outbox.put(state("a"));
        outbox.put(state("b"));
        outbox.put(ToProxy::Synced);
        outbox.put(state("a"));
        outbox.put(state("new"));
        assert_eq!(
            all(&outbox),
            [state("b"), state("a"), ToProxy::Synced, state("new")]
        );
    }

    #[test]
    fn synced_does_not_wait_for_what_comes_later() {
        let outbox = Outbox::default();
        outbox.put(state("a"));
        outbox.put(ToProxy::Synced);
        assert_eq!(outbox.pop(), Some(state("a")));
        outbox.put(state("a"));
        outbox.put(state("a"));
        assert_eq!(all(&outbox), [ToProxy::Synced, state("a")]);
    }
}
