//! Requests on their way to replicas and back.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rouse_proxy::chaos::{Arrival, Flight};

use crate::pods::service;
use crate::time::{MS, Nanos};
use crate::world::{Event, Run, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is not known yet.
    Open,
    Answered,
    /// No connection could be made.
    NotTaken,
    /// The replica ended in its midst.
    Broken,
}

struct Sent {
    proxy: Run,
    request: u64,
    workload: usize,
    since: Nanos,
    arrival: Arrival,
    flight: Flight,
    pod: Option<u64>,
    end: End,
}

#[derive(Default)]
pub(crate) struct Flights {
    next: u64,
    sent: BTreeMap<u64, Sent>,
}

impl Flights {
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn proxy(&self, no: u64) -> Option<Run> {
        self.sent.get(&no).map(|sent| sent.proxy)
    }

    pub(crate) fn of(&self, proxy: Run) -> usize {
        self.sent
            .values()
            .filter(|sent| sent.proxy == proxy)
            .count()
    }

    /// The proxies that have one in flight.
    pub(crate) fn at(&self, workload: usize) -> Option<usize> {
        let mut sent = self.sent.values();
        let found = sent.find(|sent| sent.workload == workload);
        found.map(|sent| sent.proxy.no)
    }

    /// In flight at a replica, by its own address.
    pub(crate) fn on(&self, address: SocketAddr) -> usize {
        let there = |sent: &&Sent| sent.flight.own && sent.flight.address == address;
        self.sent.values().filter(there).count()
    }

    /// The proxy has ended.
    pub(crate) fn forget(&mut self, proxy: usize) {
        self.sent.retain(|_, sent| sent.proxy.no != proxy);
    }
}

impl World {
    pub(crate) fn send(
        &mut self,
        proxy: Run,
        request: u64,
        workload: usize,
        since: Nanos,
        arrival: Arrival,
        flight: Flight,
    ) {
        let (no, address) = (self.flights.number(), flight.address);
        self.trace.mix(4);
        self.say(&|| format!("p{} sends {request} to {}", proxy.no, flight.endpoint.0));
        self.check_sent(proxy, workload, address);
        let sent = Sent {
            proxy,
            request,
            workload,
            since,
            arrival,
            flight,
            pod: None,
            end: End::Open,
        };
        self.flights.sent.insert(no, sent);
        self.check_limit(workload, address);
        let delay = self.between(self.plan.delay);
        self.after(delay, Event::AtReplica(no));
    }

    pub(crate) fn at_replica(&mut self, no: u64) {
        let delay = self.between(self.plan.delay);
        let took = self.rng.u64(MS..=self.plan.service);
        let Some(sent) = self.flights.sent.get_mut(&no) else {
            return;
        };
        let pod = if sent.flight.address == service(sent.workload) {
            self.pods.behind(sent.workload)
        } else {
            self.pods.at(sent.flight.address)
        };
        let taken = pod.filter(|pod| self.pods.takes(*pod));
        sent.pod = taken;
        let (end, after) = match taken {
            Some(_) => (End::Answered, took + delay),
            None => (End::NotTaken, delay),
        };
        sent.end = end;
        self.after(after, Event::AtProxy(no));
    }

    /// What is in flight at this pod breaks off.
    pub(crate) fn break_off(&mut self, pod: u64) {
        let there = |sent: &&mut Sent| sent.pod == Some(pod) && sent.end == End::Answered;
        let all: Vec<u64> = {
            let sent = self.flights.sent.iter_mut();
            let there = sent.filter_map(|(no, sent)| there(&sent).then_some((no, sent)));
            there
                .map(|(no, sent)| {
                    sent.end = End::Broken;
                    *no
                })
                .collect()
        };
        for no in all {
            let delay = self.between(self.plan.delay);
            self.after(delay, Event::AtProxy(no));
        }
    }

    pub(crate) fn at_proxy(&mut self, no: u64) {
        let Some(sent) = self.flights.sent.remove(&no) else {
            return;
        };
        let proxy = sent.proxy;
        let request = sent.request;
        self.say(&|| format!("p{} request {request}: {:?}", proxy.no, sent.end));
        match sent.end {
            End::Answered => {
                sent.flight.head();
                self.trace.outcome.answered += 1;
                drop(sent);
                self.go_on(proxy);
            }
            End::NotTaken => {
                let key = (sent.request, sent.workload, sent.since);
                sent.flight.failed(true);
                let endpoint = sent.flight.endpoint.clone();
                drop(sent.flight);
                self.request_again(proxy, key, sent.arrival, &endpoint);
            }
            End::Broken | End::Open => {
                sent.flight.failed(false);
                self.trace.outcome.refused += 1;
                drop(sent);
                self.go_on(proxy);
            }
        }
    }
}
