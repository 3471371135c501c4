use std::sync::Arc;
use std::sync::atomic::Ordering;

use rouse_api::link::{EndpointId, Failure};
use rouse_api::workload::{Process, WorkloadId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::replica::{Cause, Exit, Note, Replica};
use super::restarts::{FINAL, Restarts};
use super::slots::{Slot, Slots};
use super::{Common, Order, Orders};
use crate::platform::{Observation, ReplicaState};

/// Notes of replicas that wait.
const NOTES: usize = 64;

/// Characters of a line of output that a failure tells.
const TOLD: usize = 200;

/// Keeps one workload's replicas as they are ordered.
pub(super) struct Supervisor {
    workload: WorkloadId,
    common: Arc<Common>,
    orders: Arc<Orders>,
    process: Arc<Process>,
    /// Counts up when the process becomes another: replicas of an earlier one are outdated.
    generation: u64,
    tries: u64,
    slots: Slots,
    tasks: JoinSet<()>,
    restarts: Restarts,
    failure: Option<Failure>,
    published: Option<Observation>,
    notes: mpsc::Sender<Note>,
    noted: mpsc::Receiver<Note>,
}

impl Supervisor {
    pub(super) fn new(workload: WorkloadId, common: Arc<Common>, orders: Arc<Orders>) -> Self {
        let (notes, noted) = mpsc::channel(NOTES);
        let process = orders.order.lock().process.clone();
        Self {
            workload,
            common,
            orders,
            process,
            generation: 0,
            tries: 0,
            slots: Slots::default(),
            tasks: JoinSet::new(),
            restarts: Restarts::default(),
            failure: None,
            published: None,
            notes,
            noted,
        }
    }

    /// Until it is ordered to end and nothing is left. Dropped, all replicas are killed.
    pub(super) async fn run(mut self) {
        let orders = self.orders.clone();
        loop {
            let now = Instant::now();
            let order = orders.take();
            self.follow(&order, now);
            self.publish();
            if order.end && self.slots.is_empty() {
                return;
            }
            let restart = self.restarts.not_before().filter(|at| *at > now);
            tokio::select! {
                () = orders.changed.notified() => {}
                Some(note) = self.noted.recv() => self.note(note),
                Some(_) = self.tasks.join_next() => {}
                () = sleep_until(restart.unwrap_or(now)), if restart.is_some() => {}
            }
        }
    }

    fn follow(&mut self, order: &Order, now: Instant) {
        if !runs_alike(&order.process, &self.process) {
            self.generation += 1;
            self.restarts = Restarts::default();
            self.failure = None;
        }
        self.process = order.process.clone();
        if self.tries != order.tries {
            self.tries = order.tries;
            if self.failure.take().is_some() {
                self.restarts.try_once_more();
            }
        }
        self.slots.stop(|slot| order.victims.contains(&slot.id));
        if order.end || order.replicas == 0 {
            self.failure = None;
            self.restarts = Restarts::default();
            self.slots.stop(|_| true);
            return;
        }
        let (live, wanted) = (
            self.slots.live(self.generation),
            usize::try_from(order.replicas).unwrap_or(usize::MAX),
        );
        self.slots
            .stop_some(self.generation, live.saturating_sub(wanted));
        let may_start =
            self.failure.is_none() && self.restarts.not_before().is_none_or(|at| at <= now);
        if may_start {
            for _ in live..wanted {
                self.start(now);
            }
        }
    }

    fn start(&mut self, now: Instant) {
        let port = match self.common.ports.take() {
            Ok(port) => port,
            Err(error) => {
                tracing::warn!(
                    workload = self.workload.as_str(),
                    "no replica is started: {error}"
                );
                self.restarts.exited(now, Some(now), now);
                return;
            }
        };
        let number = self.common.next_replica.fetch_add(1, Ordering::Relaxed);
        let replica = Replica {
            id: EndpointId(format!("{}-{number}", self.workload.name()).into()),
            workload: self.workload.clone(),
            process: self.process.clone(),
            guard: self.common.guard.clone(),
            port,
        };
        let stop = CancellationToken::new();
        self.slots.add(Slot {
            id: replica.id.clone(),
            address: replica.address(),
            generation: self.generation,
            state: ReplicaState::Starting,
            started: now,
            ready_since: None,
            stop: stop.clone(),
        });
        self.tasks.spawn(replica.run(stop, self.notes.clone()));
    }

    fn note(&mut self, note: Note) {
        let now = Instant::now();
        match note {
            Note::Ready(id) => {
                if let Some(slot) = self
                    .slots
                    .get_mut(&id)
                    .filter(|slot| slot.state == ReplicaState::Starting)
                {
                    slot.state = ReplicaState::Ready;
                    slot.ready_since.get_or_insert(now);
                    if slot.generation == self.generation {
                        self.restarts.ready();
                        self.failure = None;
                    }
                }
            }
            Note::Unready(id) => {
                if let Some(slot) = self
                    .slots
                    .get_mut(&id)
                    .filter(|slot| slot.state == ReplicaState::Ready)
                {
                    slot.state = ReplicaState::Starting;
                }
            }
            Note::Exited(id, exit) => {
                if let Some(slot) = self.slots.remove(&id) {
                    self.exited(&slot, &exit, now);
                }
            }
        }
    }

    fn exited(&mut self, slot: &Slot, exit: &Exit, now: Instant) {
        if slot.state == ReplicaState::Terminating || slot.generation != self.generation {
            return;
        }
        let (workload, replica) = (self.workload.as_str(), &slot.id.0);
        tracing::warn!(workload, %replica, "a replica has ended: {}", exit.cause);
        self.restarts.exited(slot.started, slot.ready_since, now);
        if self.slots.live(self.generation) > 0 {
            return;
        }
        let reason = match &exit.cause {
            Cause::CannotStart(_) => "StartError",
            _ if self.restarts.is_final() => "CrashLoopBackOff",
            _ => return,
        };
        let mut message = match &exit.cause {
            Cause::CannotStart(why) => why.clone(),
            cause => format!(
                "it ended {FINAL} times in a row before it was ready, the last time: {cause}"
            ),
        };
        if !exit.tail.is_empty() {
            message.push_str("; its last output:");
            for line in &exit.tail {
                message.push('\n');
                message.extend(line.chars().take(TOLD));
            }
        }
        let reason = reason.to_owned();
        self.failure = Some(Failure { reason, message });
    }

    fn publish(&mut self) {
        let observation = Observation::of(
            self.workload.clone(),
            self.slots.observed(self.generation),
            self.failure.clone(),
        );
        if self.published.as_ref() == Some(&observation) {
            return;
        }
        // Under the lock: once told to end it says nothing more, for another supervisor may have taken its place.
        let order = self.orders.order.lock();
        if !order.end {
            self.common.observations.put(observation.clone());
        }
        self.published = Some(observation);
    }
}

/// Whether a running replica of one is as good as one of the other.
fn runs_alike(one: &Process, other: &Process) -> bool {
    one.command == other.command && one.env == other.env && one.working_dir == other.working_dir
}
