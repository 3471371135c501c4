//! Which object is written when.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rouse_api::resource::Status;
use rouse_api::workload::WorkloadId;
use tokio::time::{Instant, sleep_until};

use super::{Limits, Outcome, Scaled, Sink, desired};
use crate::facts::Objects;
use crate::origin::Origin;

/// Objects to look at, each with the time before which it is not.
#[derive(Debug, Default)]
struct Queue {
    due: BTreeMap<WorkloadId, Instant>,
    order: BTreeSet<(Instant, WorkloadId)>,
    /// Under way, and whether they have changed meanwhile.
    busy: BTreeMap<WorkloadId, bool>,
    /// Written less than [`Limits::each`] ago.
    rests: BTreeMap<WorkloadId, Instant>,
    /// Nothing starts before.
    pause: Option<Instant>,
}

impl Queue {
    fn mark(&mut self, id: WorkloadId, now: Instant) {
        if let Some(again) = self.busy.get_mut(&id) {
            *again = true;
            return;
        }
        let at = self.rests.get(&id).map_or(now, |rest| (*rest).max(now));
        self.put(id, at);
    }

    fn put(&mut self, id: WorkloadId, at: Instant) {
        if !self.due.contains_key(&id) {
            self.due.insert(id.clone(), at);
            self.order.insert((at, id));
        }
    }

    /// When there is something to look at.
    fn next(&self) -> Option<Instant> {
        let (at, _) = self.order.first()?;
        Some(self.pause.map_or(*at, |pause| pause.max(*at)))
    }

    fn take(&mut self, now: Instant) -> Option<WorkloadId> {
        if self.next()? > now {
            return None;
        }
        let (_, id) = self.order.pop_first()?;
        self.due.remove(&id);
        self.busy.insert(id.clone(), false);
        Some(id)
    }

    fn hold(&mut self, until: Instant) {
        self.pause = Some(self.pause.map_or(until, |pause| pause.max(until)));
    }

    /// It is not under way any more, and not looked at before `rest`; at that time anew if `again`.
    fn done(&mut self, id: WorkloadId, rest: Instant, again: bool, now: Instant) {
        self.rests.retain(|_, until| *until > now);
        self.rests.insert(id.clone(), rest);
        if self.busy.remove(&id) == Some(true) || again {
            self.put(id, rest);
        }
    }
}

/// Puts back what was not finished, for the next time this process leads.
struct Unfinished<'a> {
    objects: &'a Objects,
    queue: Queue,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let queue = std::mem::take(&mut self.queue);
        for id in queue.due.into_keys().chain(queue.busy.into_keys()) {
            self.objects.touch(id);
        }
    }
}

/// What is to be written: the object's UID and status.
struct Order {
    id: WorkloadId,
    uid: String,
    origin: Origin,
    status: Status,
}

/// Never ends; safe to drop.
pub(super) async fn write<S: Scaled, K: Sink>(
    objects: &Objects,
    scaled: &S,
    sink: &K,
    limits: Limits,
) -> Infallible {
    let mut work = Unfinished {
        objects,
        queue: Queue::default(),
    };
    // What was written and has not come back by the watch yet.
    let mut written: BTreeMap<WorkloadId, (String, Status)> = BTreeMap::new();
    let mut writes = FuturesUnordered::new();
    loop {
        let now = Instant::now();
        while writes.len() < limits.at_once.max(1)
            && let Some(id) = work.queue.take(now)
        {
            let Some(order) = order(objects, scaled, &mut written, &id).await else {
                work.queue.done(id, now, false, now);
                continue;
            };
            work.queue.hold(now + limits.spacing);
            writes.push(async move {
                let outcome = sink
                    .write(&order.id, &order.uid, &order.origin, &order.status)
                    .await;
                (order, outcome)
            });
        }
        let free = writes.len() < limits.at_once.max(1);
        let next = work.queue.next().filter(|_| free);
        tokio::select! {
            id = objects.changed() => work.queue.mark(id, Instant::now()),
            Some((order, outcome)) = writes.next() => {
                finish(&mut work.queue, &mut written, order, outcome, limits);
            }
            () = sleep_until(next.unwrap_or(now)), if next.is_some() => {}
        }
    }
}

/// The write that an object needs, if any.
async fn order<S: Scaled>(
    objects: &Objects,
    scaled: &S,
    written: &mut BTreeMap<WorkloadId, (String, Status)>,
    id: &WorkloadId,
) -> Option<Order> {
    let scaler = scaled.status(id).await;
    let Some(facts) = objects.get(id).filter(|facts| !facts.deleted) else {
        written.remove(id);
        return None;
    };
    let seen = serde_json::from_value::<Status>(facts.recorded.clone()).unwrap_or_default();
    let last = match written.get(id) {
        Some((uid, last)) if *uid == facts.uid && *last != seen => last.clone(),
        _ => {
            written.remove(id);
            seen
        }
    };
    let status = desired(&facts, scaler.as_ref(), &last, jiff::Timestamp::now());
    (status != last).then(|| Order {
        id: id.clone(),
        uid: facts.uid,
        origin: facts.origin,
        status,
    })
}

fn finish(
    queue: &mut Queue,
    written: &mut BTreeMap<WorkloadId, (String, Status)>,
    order: Order,
    outcome: Outcome,
    limits: Limits,
) {
    let now = Instant::now();
    let Order {
        id, uid, status, ..
    } = order;
    match outcome {
        Outcome::Written => {
            written.insert(id.clone(), (uid, status));
            queue.done(id, now + limits.each, false, now);
        }
        Outcome::Gone => {
            written.remove(&id);
            queue.done(id, now + limits.each, false, now);
        }
        Outcome::Throttled(pause) => {
            queue.hold(now + pause);
            queue.done(id, now + limits.each, true, now);
        }
        Outcome::Failed(error) => {
            tracing::warn!(workload = %id, error, "the status can't be written");
            queue.done(id, now + retry(limits), true, now);
        }
    }
}

fn retry(limits: Limits) -> Duration {
    limits.retry.max(limits.each)
}
