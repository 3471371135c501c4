//! The API server: counts with versions, the Lease, watches that are late.

use std::collections::BTreeMap;
use std::sync::Arc;

use rouse_kubernetes::chaos::{Ask, Lease, Said, Told};
use rouse_scaler::platform::Count;
use tokio::time::Instant;

use crate::pods::Seen;
use crate::time::{MS, Nanos};
use crate::world::{Cut, Event, Hosts, Run, World};

/// One request, of many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) by: Run,
    no: u64,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum What {
    Lease {
        ask: Ask,
        sent: Instant,
    },
    Look {
        change: u64,
        workload: usize,
    },
    Patch {
        change: u64,
        workload: usize,
        at: Count,
        to: u32,
        term: Option<u32>,
    },
}

#[derive(Debug)]
enum Reply {
    Lease(Said),
    Scale(Told),
}

/// Things that are watched; each by itself, so that one may overtake another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    Targets,
    Pods,
    Hosts,
}

#[derive(Debug, Clone)]
pub(crate) enum News {
    Count(usize, Count),
    Pods(usize, Vec<Seen>),
    Hosts(Hosts),
}

pub(crate) struct Api {
    version: u64,
    pub(crate) counts: Vec<Count>,
    lease: Option<Lease>,
    requests: BTreeMap<u64, What>,
    /// Those whose answers are waited for.
    waiting: BTreeMap<u64, Option<Reply>>,
    next: u64,
    hosts: BTreeMap<usize, Arc<str>>,
    /// Slow, and now and then wrong.
    pub(crate) weak: bool,
}

impl Api {
    pub(crate) fn new(workloads: usize) -> Self {
        Self {
            version: 1,
            counts: vec![
                Count {
                    version: 1,
                    replicas: 0
                };
                workloads
            ],
            lease: None,
            requests: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next: 0,
            hosts: BTreeMap::new(),
            weak: false,
        }
    }

    pub(crate) fn begin(&mut self, workload: usize, replicas: u32) {
        self.counts[workload].replicas = replicas;
    }

    pub(crate) fn pod_of_proxy(&mut self, no: usize, host: &Arc<str>, alive: bool) {
        if alive {
            self.hosts.insert(no, host.clone());
        } else {
            self.hosts.remove(&no);
        }
    }

    pub(crate) fn hosts(&self) -> Hosts {
        self.hosts.values().cloned().collect()
    }
}

impl World {
    /// A scaler asks; nothing is waited for longer than `limit`.
    pub(crate) fn request(&mut self, by: Run, what: What, limit: Nanos) {
        self.api.next += 1;
        let request = Request {
            by,
            no: self.api.next,
        };
        self.api.requests.insert(request.no, what);
        self.api.waiting.insert(request.no, None);
        let delay = self.api_delay();
        let lost = self.is_cut(Cut::Api { scaler: by.no }) || (self.api.weak && self.one_in(10));
        if !lost {
            self.after(delay, Event::Ask(request));
        }
        self.after(limit, Event::GiveUp(request));
    }

    fn api_delay(&mut self) -> Nanos {
        let most = if self.api.weak { 400 * MS } else { 20 * MS };
        self.rng.u64(MS..most)
    }

    pub(crate) fn one_in(&mut self, of: u8) -> bool {
        self.rng.u8(0..of) == 0
    }

    /// The request has arrived.
    pub(crate) fn ask(&mut self, request: Request) {
        let Some(what) = self.api.requests.remove(&request.no) else {
            return;
        };
        let fails = self.api.weak && self.one_in(10);
        // One that fails may have been done.
        let done = !fails || self.rng.bool();
        let reply = match &what {
            What::Lease { ask, .. } => {
                let said = if done { self.lease(ask) } else { Said::Failed };
                Reply::Lease(if fails { Said::Failed } else { said })
            }
            What::Look { workload, .. } => Reply::Scale(Told::Count(self.api.counts[*workload])),
            What::Patch {
                workload,
                at,
                to,
                term,
                ..
            } => {
                let (workload, at, to, term) = (*workload, *at, *to, *term);
                let told = if done {
                    self.patch(request.by, workload, at, to, term)
                } else {
                    Told::Later
                };
                Reply::Scale(if fails { Told::Later } else { told })
            }
        };
        self.api.requests.insert(request.no, what);
        if let Some(waiting) = self.api.waiting.get_mut(&request.no) {
            *waiting = Some(reply);
            let delay = self.api_delay();
            let cut = self.is_cut(Cut::Api {
                scaler: request.by.no,
            });
            let lost = cut || (self.api.weak && self.one_in(10));
            if !lost {
                self.after(delay, Event::Answer(request));
            }
        }
    }

    fn lease(&mut self, ask: &Ask) -> Said {
        let Some((version, mut lease)) = ask.write() else {
            return self.api.lease.clone().map_or(Said::Missing, Said::Found);
        };
        if version != self.api.lease.as_ref().map(|lease| lease.version) {
            return Said::Conflict;
        }
        self.api.version += 1;
        lease.version = self.api.version;
        self.api.lease = Some(lease.clone());
        Said::Found(lease)
    }

    fn patch(&mut self, by: Run, workload: usize, at: Count, to: u32, term: Option<u32>) -> Told {
        let stands = self.api.counts[workload];
        let fits = match to {
            0 => at.version == stands.version,
            _ => at.replicas == stands.replicas,
        };
        if !fits {
            return Told::Conflict;
        }
        self.say(&|| {
            format!(
                "s{} sets w{workload} from {} to {to}",
                by.no, stands.replicas
            )
        });
        if to < stands.replicas {
            self.check_lowered(by, workload, to, term);
        }
        Told::Count(self.set_count(workload, to))
    }

    /// A count changes, by whoever.
    pub(crate) fn set_count(&mut self, workload: usize, to: u32) -> Count {
        let from = self.api.counts[workload].replicas;
        if (from == 0) != (to == 0) {
            let outcome = &mut self.trace.outcome;
            *(if to == 0 {
                &mut outcome.slept
            } else {
                &mut outcome.woken
            }) += 1;
        }
        self.trace.mix(u64::from(to) << 8 | 3);
        self.api.counts[workload].replicas = to;
        if from != to {
            self.pods.doom(workload, (to == 0).then_some(self.now));
            let delay = self.rng.u64(MS..150 * MS);
            self.after(delay, Event::Reconcile(workload));
        }
        self.touch(workload);
        self.api.counts[workload]
    }

    /// The object has another version.
    pub(crate) fn touch(&mut self, workload: usize) {
        self.api.version += 1;
        self.api.counts[workload].version = self.api.version;
        let news = News::Count(workload, self.api.counts[workload]);
        self.publish(Stream::Targets, &news, 0);
    }

    pub(crate) fn hosts_changed(&mut self, late: Option<Nanos>) {
        let news = News::Hosts(self.api.hosts());
        self.publish(Stream::Hosts, &news, late.unwrap_or(0));
    }

    /// To everybody who watches.
    pub(crate) fn publish(&mut self, stream: Stream, news: &News, late: Nanos) {
        for no in 0..self.scalers.len() {
            let scaler = &self.scalers[no];
            if !scaler.up || !scaler.listed {
                continue;
            }
            let run = Run {
                no,
                run: scaler.run,
            };
            let delay = late
                + self
                    .rng
                    .u64(MS..[30 * MS, 400 * MS][usize::from(self.api.weak)]);
            let queue = self.scalers[no].streams.entry(stream).or_default();
            queue.0.push_back(news.clone());
            queue.1 = queue.1.max(self.now + delay);
            let at = queue.1;
            self.at(at, Event::Watch(run, stream));
        }
    }

    pub(crate) fn watch(&mut self, run: Run, stream: Stream) {
        if self.is_cut(Cut::Api { scaler: run.no }) {
            return self.after(50 * MS, Event::Watch(run, stream));
        }
        let queue = self.scalers[run.no].streams.entry(stream).or_default();
        if let Some(news) = queue.0.pop_front() {
            self.news(run, news);
        }
    }

    pub(crate) fn answer(&mut self, request: Request) {
        if let Some(Some(reply)) = self.api.waiting.remove(&request.no) {
            self.answered(request, Some(reply));
        }
    }

    pub(crate) fn give_up(&mut self, request: Request) {
        if self.api.waiting.remove(&request.no).is_some() {
            self.answered(request, None);
        }
    }

    fn answered(&mut self, request: Request, reply: Option<Reply>) {
        // Not removed when it has not arrived: it may arrive yet.
        let arrived = reply.is_some();
        match (self.api.requests.get(&request.no), reply) {
            (Some(What::Lease { ask, sent }), reply) => {
                let said = match reply {
                    Some(Reply::Lease(said)) => said,
                    _ => Said::Failed,
                };
                let (ask, sent) = (ask.clone(), *sent);
                self.lease_answered(request.by, &ask, said, sent);
            }
            (Some(What::Look { change, .. } | What::Patch { change, .. }), reply) => {
                let told = match reply {
                    Some(Reply::Scale(told)) => told,
                    _ => Told::Later,
                };
                let change = *change;
                self.change_answered(request.by, change, told);
            }
            (None, _) => {}
        }
        if arrived {
            self.api.requests.remove(&request.no);
        }
    }
}
