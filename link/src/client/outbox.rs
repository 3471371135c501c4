//! What waits for one scaler. Everything but demand is a level, of which the newest counts, and demand adds up: so it holds one
//! report, one message on permits, and a few messages per workload and endpoint, however slow the scaler is.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use rouse_api::link::{EndpointId, ToScaler};
use rouse_api::workload::WorkloadId;
use tokio::sync::Notify;

use super::merge::merge;

#[cfg(test)]
mod tests;

/// The waiting messages of one connection.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    places: HashMap<Kind, u64>,
    messages: BTreeMap<u64, (Kind, ToScaler)>,
    /// A whole report has gone in: what follows builds on it.
    whole: bool,
    /// Of the next report that goes out.
    sequence: u64,
    left: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Report,
    Wake(WorkloadId),
    Attempt(WorkloadId),
    Drained(WorkloadId, EndpointId),
    Proven(WorkloadId, EndpointId),
    Permits,
    Fronts,
    Leaving,
}

impl Kind {
    fn of(message: &ToScaler) -> Self {
        match message {
            ToScaler::Report(_) => Self::Report,
            ToScaler::Wake(wake) => Self::Wake(wake.workload.clone()),
            ToScaler::Quiesced { workload, .. } | ToScaler::Busy { workload, .. } => {
                Self::Attempt(workload.clone())
            }
            ToScaler::Drained { workload, endpoint } => {
                Self::Drained(workload.clone(), endpoint.clone())
            }
            ToScaler::Proven { workload, endpoint } => {
                Self::Proven(workload.clone(), endpoint.clone())
            }
            ToScaler::Permits(_) => Self::Permits,
            ToScaler::Fronts(_) => Self::Fronts,
            ToScaler::Leaving => Self::Leaving,
        }
    }
}

impl Outbox {
    /// From now on only a whole report begins: the scaler wants to know everything.
    pub(super) fn want_whole(&self) {
        let mut queue = self.queue.lock();
        queue.whole = false;
        if let Some(place) = queue.places.remove(&Kind::Report) {
            queue.messages.remove(&place);
        }
    }

    /// Returns whether it took the place of, or became one with, a message that waits. After `Leaving` nothing is taken.
    pub(super) fn put(&self, message: ToScaler) -> bool {
        let mut queue = self.queue.lock();
        if queue.left {
            return false;
        }
        match &message {
            ToScaler::Report(report) if !report.whole && !queue.whole => return false,
            ToScaler::Report(_) => queue.whole = true,
            ToScaler::Leaving => queue.left = true,
            _ => {}
        }
        let merged = queue.put(Kind::of(&message), message);
        drop(queue);
        self.filled.notify_one();
        merged
    }

    /// The oldest, waiting until there is one; `None` after `Leaving`. For one reader.
    pub(super) async fn next(&self) -> Option<ToScaler> {
        loop {
            {
                let mut queue = self.queue.lock();
                if let Some(message) = queue.pop() {
                    return Some(message);
                }
                if queue.left {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.lock().messages.len()
    }
}

impl Queue {
    fn put(&mut self, kind: Kind, message: ToScaler) -> bool {
        // A wake keeps its place: repeated, it would never be the oldest.
        let stays = matches!(kind, Kind::Wake(_));
        let old = self.places.get(&kind).copied();
        let waiting = old.and_then(|place| self.messages.remove(&place));
        let merged = waiting.is_some();
        let message = match (waiting, message) {
            (Some((_, ToScaler::Report(mut report))), ToScaler::Report(later)) => {
                merge(&mut report, later);
                ToScaler::Report(report)
            }
            (Some((_, ToScaler::Permits(mut owned))), ToScaler::Permits(later)) => {
                owned.absorb(later);
                ToScaler::Permits(owned)
            }
            (_, message) => message,
        };
        let place = match old {
            Some(place) if stays => place,
            _ => {
                self.next += 1;
                self.next
            }
        };
        self.places.insert(kind.clone(), place);
        self.messages.insert(place, (kind, message));
        merged
    }

    fn pop(&mut self) -> Option<ToScaler> {
        let (_, (kind, mut message)) = self.messages.pop_first()?;
        self.places.remove(&kind);
        if let ToScaler::Report(report) = &mut message {
            report.sequence = self.sequence;
            self.sequence += 1;
        }
        Some(message)
    }
}
