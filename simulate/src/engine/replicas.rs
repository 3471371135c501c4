//! The replicas of one workload, and which of them gets a request or goes.

use std::time::Duration;

/// Which replica; never used again.
pub(crate) type ReplicaNo = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Ready,
    /// Finishes what it has and goes.
    Draining,
}

#[derive(Debug, Clone)]
struct Replica {
    no: ReplicaNo,
    state: State,
    in_flight: u32,
}

/// Those that exist, the oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replicas {
    all: Vec<Replica>,
    next: ReplicaNo,
    capacity: u32,
}

impl Replicas {
    pub(crate) fn new(capacity: u32) -> Self {
        Self {
            all: Vec::new(),
            next: 0,
            capacity,
        }
    }

    /// Starting, ready and draining.
    pub(crate) fn existing(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    /// Starting and ready.
    pub(crate) fn wanted(&self) -> u32 {
        self.existing() - self.count(State::Draining)
    }

    pub(crate) fn ready(&self) -> u32 {
        self.count(State::Ready)
    }

    pub(crate) fn starting(&self) -> u32 {
        self.count(State::Starting)
    }

    fn count(&self, state: State) -> u32 {
        let count = self.all.iter().filter(|one| one.state == state).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// One more.
    pub(crate) fn start(&mut self, start_up: Duration) -> ReplicaNo {
        let state = if start_up.is_zero() {
            State::Ready
        } else {
            State::Starting
        };
        let no = self.next;
        self.next += 1;
        self.all.push(Replica {
            no,
            state,
            in_flight: 0,
        });
        no
    }

    /// Its start-up time is over. It may be gone by now.
    pub(crate) fn started(&mut self, no: ReplicaNo) {
        if let Some(one) = self.find(no)
            && one.state == State::Starting
        {
            one.state = State::Ready;
        }
    }

    /// One less: one that is starting if there is any, else the youngest, which finishes what it has.
    pub(crate) fn stop(&mut self) {
        let youngest = |state| self.all.iter().rposition(|one| one.state == state);
        if let Some(index) = youngest(State::Starting) {
            self.all.remove(index);
        } else if let Some(index) = youngest(State::Ready) {
            if self.all[index].in_flight == 0 {
                self.all.remove(index);
            } else {
                self.all[index].state = State::Draining;
            }
        }
    }

    /// Takes a request to the ready replica with the fewest, if one has room.
    pub(crate) fn take(&mut self) -> Option<ReplicaNo> {
        let capacity = self.capacity;
        let room = |one: &&mut Replica| one.state == State::Ready && one.in_flight < capacity;
        let one = self
            .all
            .iter_mut()
            .filter(room)
            .min_by_key(|one| one.in_flight)?;
        one.in_flight += 1;
        Some(one.no)
    }

    /// A request at this replica is done.
    pub(crate) fn done(&mut self, no: ReplicaNo) {
        let Some(index) = self.all.iter().position(|one| one.no == no) else {
            return;
        };
        let one = &mut self.all[index];
        one.in_flight = one.in_flight.saturating_sub(1);
        if one.state == State::Draining && one.in_flight == 0 {
            self.all.remove(index);
        }
    }

    fn find(&mut self, no: ReplicaNo) -> Option<&mut Replica> {
        self.all.iter_mut().find(|one| one.no == no)
    }

    #[cfg(test)]
    pub(crate) fn is_ready(&self, no: ReplicaNo) -> bool {
        self.all
            .iter()
            .any(|one| one.no == no && one.state == State::Ready)
    }
}
