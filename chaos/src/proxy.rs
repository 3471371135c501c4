//! Proxies: the real ones, with their links.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use fastrand::Rng;
use rouse_api::link::{EndpointId, MemberId, ToProxy, ToScaler};
use rouse_link::client::Timing;
use rouse_link::client::chaos::{Ends, Outgoing};
use rouse_proxy::ProxyConfig;
use rouse_proxy::chaos::{Arrival, Arrived, Driven, Held, Try};

use crate::bug::Bug;
use crate::time::{MS, Nanos, SECOND, nanos};
use crate::world::{Event, Process, Run, World};

/// The real pacer's.
const PACE: Nanos = 20 * MS;

pub(crate) struct Proxy {
    pub(crate) run: u32,
    pub(crate) started: Nanos,
    pub(crate) member: MemberId,
    pub(crate) driven: Option<Driven>,
    pub(crate) ends: Option<Ends>,
    /// It stands still until then.
    pub(crate) still: Nanos,
    /// By scaler.
    pub(crate) conns: BTreeMap<usize, usize>,
    pub(crate) pause: Vec<Nanos>,
    /// By number of arrival.
    pub(crate) held: BTreeMap<u64, Waiting>,
    tries: BTreeMap<u64, Try>,
    /// It takes nothing more and ends when it has nothing.
    pub(crate) leaving: bool,
    /// It has been told everything once.
    pub(crate) knows: bool,
    pacing: bool,
}

pub(crate) struct Waiting {
    pub(crate) workload: usize,
    pub(crate) since: Nanos,
    pub(crate) arrival: Arrival,
    pub(crate) held: Held,
}

impl Proxy {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            run: 0,
            started: 0,
            member: MemberId {
                host: format!("host-{:08x}", rng.u32(..)).into(),
                instance: 0,
            },
            driven: None,
            ends: None,
            still: 0,
            conns: BTreeMap::new(),
            pause: vec![50 * MS; 8],
            held: BTreeMap::new(),
            tries: BTreeMap::new(),
            leaving: false,
            knows: false,
            pacing: false,
        }
    }

    pub(crate) fn up(&self) -> bool {
        self.driven.is_some()
    }

    pub(crate) fn is(&self, run: u32) -> bool {
        self.up() && self.run == run
    }

    /// Ends at once.
    pub(crate) fn drop_all(&mut self) {
        self.held.clear();
        self.tries.clear();
        self.conns.clear();
        self.driven = None;
        self.ends = None;
        (self.knows, self.leaving, self.pacing) = (false, false, false);
    }
}

pub(crate) fn address(scaler: usize) -> SocketAddr {
    let port = 9000 + u16::try_from(scaler).unwrap_or_default();
    SocketAddr::from(([10, 0, 0, 1], port))
}

impl World {
    pub(crate) fn start_proxy(&mut self, no: usize) {
        let now = tokio::time::Instant::now();
        let instance = self.rng.u64(..);
        let config = ProxyConfig {
            report_interval: self.plan.report,
            ..ProxyConfig::default()
        };
        let proxy = &mut self.proxies[no];
        proxy.drop_all();
        proxy.run += 1;
        proxy.started = self.now;
        proxy.still = 0;
        proxy.member.instance = instance;
        let member = proxy.member.clone();
        let mut ends = Ends::new(&Timing::default(), now);
        for scaler in 0..self.plan.scalers {
            ends.add(address(scaler), now);
        }
        proxy.pause.fill(50 * MS);
        proxy.ends = Some(ends);
        proxy.driven = Some(Driven::new(ProxyConfig { member, ..config }));
        let run = Run { no, run: proxy.run };
        for scaler in 0..self.plan.scalers {
            let delay = self.rng.u64(0..20 * MS);
            self.after(delay, Event::Dial(run, scaler));
        }
        self.api
            .pod_of_proxy(no, &self.proxies[no].member.host, true);
        self.hosts_changed(None);
        self.go_on(run);
        self.at(self.now, Event::Poll(run));
        self.after(MS, Event::LinkTick(run));
    }

    pub(crate) fn polled(&mut self, run: Run) {
        self.go_on(run);
        self.after(nanos(self.plan.report) + MS, Event::Poll(run));
        self.leave_if_done(run);
    }

    pub(crate) fn paced(&mut self, run: Run) {
        self.proxies[run.no].pacing = false;
        self.go_on(run);
    }

    pub(crate) fn link_tick(&mut self, run: Run) {
        let now = tokio::time::Instant::now();
        let Some(ends) = self.proxies[run.no].ends.as_mut() else {
            return;
        };
        let say = ends.tick(now);
        self.tell(run, say);
        self.after(SECOND, Event::LinkTick(run));
    }

    pub(crate) fn welcomed(&mut self, run: Run, scaler: usize, outgoing: &Outgoing) {
        let now = tokio::time::Instant::now();
        if let Some(ends) = self.proxies[run.no].ends.as_mut() {
            let say = ends.up(address(scaler), outgoing, now);
            self.tell(run, say);
        }
    }

    pub(crate) fn link_down(&mut self, run: Run, scaler: usize) {
        let now = tokio::time::Instant::now();
        if let Some(ends) = self.proxies[run.no].ends.as_mut() {
            let say = ends.down(address(scaler), now);
            self.tell(run, say);
        }
    }

    pub(crate) fn heard_by_proxy(&mut self, run: Run, scaler: usize, message: ToProxy) {
        let now = tokio::time::Instant::now();
        if let Some(ends) = self.proxies[run.no].ends.as_mut() {
            let say = ends.heard(address(scaler), message, now);
            self.tell(run, say);
        }
    }

    fn tell(&mut self, run: Run, say: Vec<ToProxy>) {
        for message in say {
            if self.bug == Some(Bug::ResumesAreLost) && matches!(message, ToProxy::Resume { .. }) {
                continue;
            }
            let mut message = message;
            if let ToProxy::Permits(granted) = &mut message
                && self.bug == Some(Bug::PermitsAreDoubled)
            {
                granted
                    .given
                    .iter_mut()
                    .for_each(|given| given.granted *= 2);
            }
            self.say(&|| format!("p{} is told {message:?}", run.no));
            let Some(driven) = self.proxies[run.no].driven.as_mut() else {
                return;
            };
            if !driven.tell(message) {
                self.violated("a proxy's queue is full".to_owned());
            }
            self.go_on(run);
        }
        self.go_on(run);
    }

    /// The proxy does what there is to do, until there is nothing.
    pub(crate) fn go_on(&mut self, run: Run) {
        loop {
            let Some(driven) = self.proxies[run.no].driven.as_mut() else {
                return;
            };
            driven.poll();
            let said: Vec<ToScaler> = std::iter::from_fn(|| driven.said()).collect();
            let tries: Vec<Try> = std::iter::from_fn(|| driven.tries()).collect();
            self.proxies[run.no].knows |= self.proxies[run.no].is_ready();
            for message in said {
                self.said(run, message);
            }
            for one in tries {
                let no = self.flights.number();
                self.proxies[run.no].tries.insert(no, one);
                let delay = self.rng.u64(MS..10 * MS);
                self.after(delay, Event::Try(run, no));
            }
            if !self.serve_held(run) {
                break;
            }
        }
        let proxy = &mut self.proxies[run.no];
        let held = !proxy.held.is_empty();
        if held && !std::mem::replace(&mut proxy.pacing, true) {
            self.after(PACE + MS, Event::Pace(run));
        }
        let conns: Vec<usize> = self.proxies[run.no].conns.values().copied().collect();
        for conn in conns {
            self.pump(conn);
        }
    }

    fn said(&mut self, run: Run, message: ToScaler) {
        let now = tokio::time::Instant::now();
        self.trace.mix(2);
        let mut message = message;
        if let ToScaler::Busy { workload, epoch } = &message
            && self.bug == Some(Bug::BusyIsQuiet)
        {
            let (workload, epoch) = (workload.clone(), *epoch);
            message = ToScaler::Quiesced { workload, epoch };
        }
        self.say(&|| format!("p{} says {message:?}", run.no));
        if let ToScaler::Quiesced { workload, epoch } = &message {
            let no = self.workload(workload);
            self.check_epoch(run, *epoch);
            self.trace.outcome.quiesced += 1;
            // The worst moment for a request.
            if self.now < self.plan.rest && self.rng.u8(0..3) == 0 {
                let delay = self.rng.u64(0..60 * MS);
                self.after(delay, Event::Arrive(no));
            }
        }
        if let Some(ends) = self.proxies[run.no].ends.as_mut() {
            ends.said(message, now);
        }
    }

    /// Those held that have been told something. True: there were some.
    fn serve_held(&mut self, run: Run) -> bool {
        let proxy = &mut self.proxies[run.no];
        let mut told = Vec::new();
        for (no, waiting) in &mut proxy.held {
            if let Some(arrived) = waiting.held.poll() {
                told.push((*no, arrived));
            }
        }
        let any = !told.is_empty();
        for (no, arrived) in told {
            if let Some(waiting) = self.proxies[run.no].held.remove(&no) {
                self.arrived(
                    run,
                    no,
                    waiting.workload,
                    waiting.since,
                    waiting.arrival,
                    arrived,
                );
            }
        }
        any
    }

    /// What became of a request that wanted an endpoint.
    pub(crate) fn arrived(
        &mut self,
        run: Run,
        no: u64,
        workload: usize,
        since: Nanos,
        arrival: Arrival,
        arrived: Arrived,
    ) {
        match arrived {
            Arrived::Sent(flight) => self.send(run, no, workload, since, arrival, flight),
            Arrived::Held(held) => {
                self.say(&|| format!("p{} holds {no} for w{workload}", run.no));
                let waiting = Waiting {
                    workload,
                    since,
                    arrival,
                    held,
                };
                self.proxies[run.no].held.insert(no, waiting);
            }
            Arrived::Refused(why) => {
                self.trace.outcome.refused += 1;
                self.say(&|| format!("p{} refuses {no}: {why}", run.no));
            }
        }
    }

    /// A request arrives at this proxy.
    pub(crate) fn request_at(&mut self, run: Run, workload: usize) {
        let id = self.plan.workloads[workload].id.clone();
        let Some(driven) = self.proxies[run.no].driven.as_ref() else {
            return;
        };
        let Some(arrival) = driven.arrive(&id) else {
            return;
        };
        let (no, since) = (self.flights.number(), self.now);
        let arrived = arrival.admit(None);
        self.arrived(run, no, workload, since, arrival, arrived);
        self.go_on(run);
    }

    /// Once more, if possible elsewhere.
    pub(crate) fn request_again(
        &mut self,
        run: Run,
        (no, workload, since): (u64, usize, Nanos),
        arrival: Arrival,
        avoid: &EndpointId,
    ) {
        let arrived = arrival.admit(Some(avoid));
        self.arrived(run, no, workload, since, arrival, arrived);
        self.go_on(run);
    }

    pub(crate) fn try_replica(&mut self, run: Run, no: u64) {
        let Some(one) = self.proxies[run.no].tries.remove(&no) else {
            return;
        };
        let (address, wanted) = match &one {
            Try::Ready(starting) => (starting.address(), starting.wanted()),
            Try::Back(failed) => (failed.address, failed.wanted()),
        };
        if !wanted {
            return;
        }
        if self.pods.accepts(address, self.now) {
            match one {
                Try::Ready(starting) => starting.passed(),
                Try::Back(failed) => failed.passed(),
            }
            return self.go_on(run);
        }
        self.proxies[run.no].tries.insert(no, one);
        self.after(20 * MS, Event::Try(run, no));
    }

    /// One that leaves, and has nothing any more, says so and ends.
    fn leave_if_done(&mut self, run: Run) {
        let proxy = &self.proxies[run.no];
        if !proxy.leaving || !proxy.held.is_empty() || self.flights.of(run) > 0 {
            return;
        }
        let now = tokio::time::Instant::now();
        self.say(&|| format!("p{} leaves", run.no));
        if let Some(ends) = self.proxies[run.no].ends.as_mut() {
            ends.said(ToScaler::Leaving, now);
        }
        let conns: Vec<usize> = self.proxies[run.no].conns.values().copied().collect();
        for conn in conns {
            self.pump(conn);
        }
        self.kill(Process::Proxy(run.no));
    }
}

impl Proxy {
    fn is_ready(&self) -> bool {
        self.driven.as_ref().is_some_and(Driven::ready)
    }
}
