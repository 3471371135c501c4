//! Pods, as the cluster's controllers and kubelets make and end them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::api::{News, Stream};
use crate::time::{MS, Nanos, SECOND};
use crate::world::{Event, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Addressed,
    Listening,
    Ready,
    Terminating,
    Refusing,
}

#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) workload: usize,
    address: SocketAddr,
    stage: Stage,
    /// Its workload's count went to zero while it lived: nothing may be sent to it.
    pub(crate) doomed: Option<Nanos>,
}

/// A pod as it is seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) no: u64,
    pub(crate) address: SocketAddr,
    pub(crate) ready: bool,
    pub(crate) terminating: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Pods {
    pub(crate) pods: BTreeMap<u64, Pod>,
    next: u64,
}

impl Pods {
    pub(crate) fn seen(&self, workload: usize) -> Vec<Seen> {
        let of = self.pods.iter().filter(|(_, pod)| pod.workload == workload);
        let addressed = of.filter(|(_, pod)| pod.stage != Stage::New);
        addressed
            .map(|(no, pod)| Seen {
                no: *no,
                address: pod.address,
                ready: pod.stage == Stage::Ready,
                terminating: matches!(pod.stage, Stage::Terminating | Stage::Refusing),
            })
            .collect()
    }

    /// The pod that a request to this address reaches, whatever it does with it.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<u64> {
        let found = self.pods.iter().find(|(_, pod)| pod.address == address);
        found.map(|(no, _)| *no)
    }

    pub(crate) fn accepts(&self, address: SocketAddr, _now: Nanos) -> bool {
        self.at(address).is_some_and(|no| self.takes(no))
    }

    pub(crate) fn takes(&self, no: u64) -> bool {
        let stage = self.pods.get(&no).map(|pod| pod.stage);
        matches!(
            stage,
            Some(Stage::Listening | Stage::Ready | Stage::Terminating)
        )
    }

    /// A pod behind the workload's Service.
    pub(crate) fn behind(&self, workload: usize) -> Option<u64> {
        let mut pods = self.pods.iter();
        let ready = |pod: &Pod| pod.workload == workload && pod.stage == Stage::Ready;
        pods.find(|(_, pod)| ready(pod)).map(|(no, _)| *no)
    }

    fn live(&self, workload: usize) -> Vec<u64> {
        let live = |pod: &Pod| {
            pod.workload == workload && !matches!(pod.stage, Stage::Terminating | Stage::Refusing)
        };
        let live = self.pods.iter().filter(|(_, pod)| live(pod));
        live.map(|(no, _)| *no).collect()
    }

    /// With the count at zero all are doomed; raised before anybody has acted on it, none is.
    pub(crate) fn doom(&mut self, workload: usize, zero: Option<Nanos>) {
        for no in self.live(workload) {
            if let Some(pod) = self.pods.get_mut(&no) {
                pod.doomed = zero;
            }
        }
    }
}

pub(crate) fn service(workload: usize) -> SocketAddr {
    let last = u8::try_from(workload + 1).unwrap_or_default();
    SocketAddr::from(([10, 2, 0, last], 80))
}

impl World {
    pub(crate) fn reconcile(&mut self, workload: usize) {
        let live = self.pods.live(workload);
        let wanted = self.api.counts[workload].replicas as usize;
        for _ in live.len()..wanted {
            self.pods.next += 1;
            let no = self.pods.next;
            let [_, _, _, _, _, _, high, low] = no.to_be_bytes();
            let pod = Pod {
                workload,
                address: SocketAddr::from(([10, 1, high, low], 8080)),
                stage: Stage::New,
                doomed: None,
            };
            self.pods.pods.insert(no, pod);
            let delay = self.rng.u64(10 * MS..200 * MS);
            self.after(delay, Event::Pod(no));
        }
        let mut ending = live;
        self.rng.shuffle(&mut ending);
        // What is not ready goes first.
        ending.sort_by_key(|no| self.pods.pods[no].stage == Stage::Ready);
        let excess = ending.len().saturating_sub(wanted);
        for no in ending.into_iter().take(excess) {
            if let Some(pod) = self.pods.pods.get_mut(&no) {
                pod.stage = Stage::Terminating;
                self.say(&|| format!("pod-{no} of w{workload} terminates"));
                let delay = self.rng.u64(0..SECOND);
                self.after(delay, Event::Pod(no));
            }
        }
        self.pods_changed(workload);
    }

    fn pods_changed(&mut self, workload: usize) {
        let news = News::Pods(workload, self.pods.seen(workload));
        self.publish(Stream::Pods, &news, 0);
        // Its status tells how many are ready.
        if self.rng.bool() {
            self.touch(workload);
        }
    }

    /// A pod is one step further.
    pub(crate) fn pod(&mut self, no: u64) {
        let Some(pod) = self.pods.pods.get_mut(&no) else {
            return;
        };
        let workload = pod.workload;
        let (stage, wait) = match pod.stage {
            Stage::New => (Stage::Addressed, Some(self.rng.u64(20 * MS..1_500 * MS))),
            Stage::Addressed => (Stage::Listening, Some(self.rng.u64(0..SECOND))),
            Stage::Listening => (Stage::Ready, None),
            Stage::Ready => return,
            // The most that its requests get.
            Stage::Terminating => (Stage::Refusing, Some(5 * SECOND)),
            Stage::Refusing => {
                self.pods.pods.remove(&no);
                self.break_off(no);
                return self.pods_changed(workload);
            }
        };
        pod.stage = stage;
        self.say(&|| format!("pod-{no} of w{workload} is {stage:?}"));
        if let Some(wait) = wait {
            self.after(wait, Event::Pod(no));
        }
        self.pods_changed(workload);
    }

    /// A container crashes and starts again.
    pub(crate) fn crash_pod(&mut self) {
        let all: Vec<u64> = self.pods.pods.keys().copied().collect();
        if all.is_empty() {
            return;
        }
        let no = all[self.rng.usize(0..all.len())];
        let Some(pod) = self.pods.pods.get_mut(&no) else {
            return;
        };
        if pod.stage == Stage::Ready {
            pod.stage = Stage::Addressed;
            let workload = pod.workload;
            self.say(&|| format!("pod-{no} of w{workload} crashes"));
            self.break_off(no);
            let delay = self.rng.u64(100 * MS..SECOND);
            self.after(delay, Event::Pod(no));
            self.pods_changed(workload);
        }
    }
}
