use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::{Mutex, MutexGuard};
use rouse_api::link::{
    self, Caller, EndpointId, Epoch, Failure, Granted, MemberId, OwnedOf, Term, ToScaler,
    WorkloadReport, WorkloadState,
};
use rouse_api::workload::{Http, Probe, WorkloadId};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::core::{Admission, Core, Manner, Numbers, Quiet, Ticket, Waking};
use super::fallback::{Fallback, Guest};
use super::permit::{Permit, Wait};
use super::probing::Prober;
use super::settings::Settings;
use crate::endpoint::{Dial, Endpoint};
use crate::metrics::WorkloadMetrics;
use crate::retry::RetryBudget;
use crate::shared::Bound;
use crate::tls::TlsStore;

/// A connection may come back to the pool this long after its request has ended.
const LINGER: Duration = Duration::from_secs(2);

/// Why a request gets no endpoint.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// As many are held as may be.
    Full,
    /// No replica can come up.
    Failed(Arc<Failure>),
    /// The workload is no more.
    Removed,
    /// It sleeps, or is waking, and this request may not wake it.
    Asleep,
}

/// At once, or in line.
#[derive(Debug)]
pub(crate) enum Admitted {
    Now(Permit),
    Held(Wait),
}

/// One workload, shared by all its requests.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) id: WorkloadId,
    pub(crate) http: ArcSwap<Settings>,
    pub(crate) metrics: WorkloadMetrics,
    pub(crate) retries: RetryBudget,
    /// Body bytes of held requests.
    pub(crate) held_bytes: Arc<Bound>,
    core: Mutex<Core>,
    fallback: ArcSwapOption<Fallback>,
    connections: u32,
    outside: Arc<Outside>,
}

/// What all workloads speak to.
#[derive(Debug)]
pub(crate) struct Outside {
    /// This proxy.
    pub(crate) member: MemberId,
    pub(crate) to_scaler: mpsc::Sender<ToScaler>,
    /// Where the pacer learns of workloads with something held. A workload is in it or with the pacer at most once.
    pub(crate) pacer: mpsc::UnboundedSender<Arc<Workload>>,
    /// Where the reporter learns of workloads with something to report. Bounded as the pacer's.
    pub(crate) reporter: mpsc::UnboundedSender<Arc<Workload>>,
    pub(crate) prober: Arc<Prober>,
    /// Of what is said about permits.
    pub(crate) numbers: Numbers,
    /// Keys for replicas.
    pub(crate) tls: Arc<TlsStore>,
}

impl Workload {
    pub(crate) fn new(
        id: WorkloadId,
        http: Arc<Http>,
        connections: u32,
        metrics: WorkloadMetrics,
        outside: Arc<Outside>,
    ) -> Self {
        let now = Instant::now();
        let member = outside.member.clone();
        metrics.held_limit.set(i64::from(http.hold.max_requests));
        let numbers = outside.numbers.clone();
        let core = Core::new(id.clone(), member, &http, connections, numbers, now);
        Self {
            core: Mutex::new(core),
            held_bytes: Arc::new(Bound::new(bytes(&http))),
            http: ArcSwap::from_pointee(Settings::new(&id, http, &outside.tls)),
            id,
            fallback: ArcSwapOption::empty(),
            connections,
            metrics,
            retries: RetryBudget::new(now),
            outside,
        }
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock()
    }

    pub(crate) fn configure(self: &Arc<Self>, http: Arc<Http>, connections: u32) {
        self.held_bytes.set(bytes(&http));
        self.metrics
            .held_limit
            .set(i64::from(http.hold.max_requests));
        let now = Instant::now();
        let mut core = self.core.lock();
        core.configure(&http, connections, now);
        let first = self.tell(&mut core, now);
        drop(core);
        self.register(first);
        if !self.http.load().are_of(&http) {
            let settings = Settings::new(&self.id, http, &self.outside.tls);
            self.http.store(Arc::new(settings));
        }
    }

    /// Tells the leader what there is to tell about permits: in the lock's order, or a word would overtake another. True: what could
    /// not be told has to be with the reporter.
    fn tell(&self, core: &mut Core, now: Instant) -> bool {
        self.tell_as(false, core, now)
    }

    fn tell_as(&self, regular: bool, core: &mut Core, now: Instant) -> bool {
        let Some(owned) = core.tell(regular, now) else {
            return false;
        };
        let told = self.outside.to_scaler.try_send(ToScaler::Permits(owned));
        if told.is_ok() {
            return false;
        }
        core.unheard();
        core.begin_look()
    }

    /// This leader is told from now on, or nobody; returns the first word, if there is something to say.
    pub(crate) fn lead(&self, term: Option<Term>) -> Option<OwnedOf> {
        self.core.lock().lead(term, Instant::now())
    }

    /// The leader has heard the first word of all workloads.
    pub(crate) fn introduced(self: &Arc<Self>) {
        let now = Instant::now();
        let mut core = self.core.lock();
        core.introduced();
        let first = self.tell(&mut core, now);
        drop(core);
        self.register(first);
    }

    /// Takes permits that the leader gives, and gives back what it wants.
    pub(crate) fn granted(self: &Arc<Self>, granted: &Granted) {
        let now = Instant::now();
        let mut core = self.core.lock();
        core.granted(granted, now);
        let first = self.tell(&mut core, now);
        drop(core);
        self.register(first);
    }

    /// Once per request.
    pub(crate) fn arrive(self: &Arc<Self>, manner: Manner) -> Ticket {
        let mut core = self.core.lock();
        let ticket = core.arrive(manner, Instant::now());
        let first = core.begin_look();
        drop(core);
        self.register(first);
        ticket
    }

    /// With the reporter, unless it has it.
    fn register(self: &Arc<Self>, first: bool) {
        if first {
            // The receiver lives as long as the proxy; after it there is nobody to report to.
            let _ = self.outside.reporter.send(self.clone());
        }
    }

    /// A permit at once, or a place in the line. `caller` is asked for when this request wakes it.
    pub(crate) fn admit(
        self: &Arc<Self>,
        ticket: Ticket,
        avoid: Option<&EndpointId>,
        manner: Manner,
        caller: impl FnOnce() -> Caller,
    ) -> Result<Admitted, Refusal> {
        let now = Instant::now();
        let mut core = self.core.lock();
        match core.admit(ticket, avoid, manner, now) {
            Admission::Go(grant) => {
                drop(core);
                rouse_failpoint::pass("admitted");
                Ok(Admitted::Now(Permit::new(self.clone(), grant)))
            }
            Admission::Wait(verdict) => {
                core.want(caller);
                let first = core.begin_pace();
                let wake = core.wake_due(now);
                // That it couldn't be told is seen by the pacer.
                self.tell(&mut core, now);
                drop(core);
                self.send(wake.map(ToScaler::Wake));
                rouse_failpoint::pass("held");
                self.pace_from_now_on(first);
                Ok(Admitted::Held(Wait::new(self.clone(), ticket, verdict)))
            }
            Admission::Full => Err(Refusal::Full),
            Admission::Removed => Err(Refusal::Removed),
            Admission::Asleep => Err(Refusal::Asleep),
            Admission::Failed(failure) => {
                let wake = manner.wakes.then(|| core.wake_refused(now)).flatten();
                drop(core);
                self.send(wake.map(ToScaler::Wake));
                Err(Refusal::Failed(failure))
            }
        }
    }

    fn pace_from_now_on(self: &Arc<Self>, first: bool) {
        if first {
            // The receiver lives as long as the proxy; after it there is nobody to pace for.
            let _ = self.outside.pacer.send(self.clone());
        }
    }

    /// Somebody wants it who is not going to be held: it is woken, and how far that is is told. `None`: it is awake.
    /// `arrives`: with a request that counts.
    pub(crate) fn visit(
        self: &Arc<Self>,
        arrives: bool,
        caller: impl FnOnce() -> Caller,
    ) -> Option<Waking> {
        let now = Instant::now();
        let mut core = self.core.lock();
        let waking = core.visit(arrives, now)?;
        core.want(caller);
        let (pace, look) = (core.begin_pace(), core.begin_look());
        let wake = core.wake_due(now);
        drop(core);
        self.send(wake.map(ToScaler::Wake));
        self.pace_from_now_on(pace);
        self.register(look);
        Some(waking)
    }

    /// Where a request goes while it is waking; `None`: nowhere, or there is no room.
    pub(crate) fn fallback(&self) -> Option<Guest> {
        self.fallback.load().as_ref()?.enter()
    }

    fn set_fallback(&self, told: Option<link::Fallback>) {
        let old = self.fallback.load();
        let same = match &*old {
            Some(old) => old.is(told),
            None => told.is_none(),
        };
        if same {
            return;
        }
        let new = told.map(|told| Arc::new(Fallback::new(told, self.connections)));
        if let Some(old) = self.fallback.swap(new) {
            old.endpoint().close();
        }
    }

    /// To the scaler, if there is room: every message is repeated as long as its cause lasts.
    fn send(&self, message: Option<ToScaler>) {
        if let Some(message) = message {
            let _ = self.outside.to_scaler.try_send(message);
        }
    }

    fn proven(&self, endpoints: impl IntoIterator<Item = EndpointId>) {
        for endpoint in endpoints {
            rouse_failpoint::pass("proven");
            self.send(Some(ToScaler::Proven {
                workload: self.id.clone(),
                endpoint,
            }));
        }
    }

    fn drained(&self, endpoints: impl IntoIterator<Item = EndpointId>) {
        for endpoint in endpoints {
            self.send(Some(ToScaler::Drained {
                workload: self.id.clone(),
                endpoint,
            }));
        }
    }

    #[cfg(feature = "chaos")]
    pub(crate) fn knows(&self, id: &EndpointId) -> bool {
        self.core.lock().knows(id)
    }

    #[cfg(feature = "chaos")]
    pub(crate) fn back(&self, id: &EndpointId, now: Instant) {
        self.core.lock().back(id, now);
    }

    pub(super) fn leave(&self, ticket: Ticket, now: Instant) -> bool {
        self.core.lock().leave(ticket, now)
    }

    pub(super) fn release(self: &Arc<Self>, slot: usize, counts: bool) {
        let now = Instant::now();
        let mut core = self.core.lock();
        let drained = core.release(slot, counts, now);
        let first = self.tell(&mut core, now);
        let quiet = core.quiet_at_last();
        drop(core);
        self.register(first);
        self.drained(drained);
        self.quiesced(quiet);
    }

    fn quiesced(&self, epoch: Option<Epoch>) {
        let workload = || self.id.clone();
        self.send(epoch.map(|epoch| ToScaler::Quiesced {
            workload: workload(),
            epoch,
        }));
    }

    pub(super) fn head(&self, slot: usize) {
        rouse_failpoint::pass("answering");
        self.core.lock().head(slot, Instant::now());
    }

    pub(super) fn failed(
        self: &Arc<Self>,
        slot: usize,
        endpoint: &Arc<Endpoint>,
        dial: Dial,
        connect: bool,
    ) {
        if self.core.lock().fail(slot, connect) {
            let address = match dial {
                Dial::Service(service) => service,
                Dial::Own | Dial::Kept => endpoint.address,
            };
            tracing::warn!(workload = %self.id, endpoint = %address, "endpoint set aside");
            let (weak, id) = (Arc::downgrade(self), endpoint.id.clone());
            self.outside.prober.begin_back(weak, id, address);
        }
    }

    /// Takes the replicas as the scaler tells them.
    pub(crate) fn apply(self: &Arc<Self>, state: &WorkloadState) {
        self.set_fallback(state.fallback);
        let mut core = self.core.lock();
        let now = Instant::now();
        let drained = core.apply(state, now);
        let first = self.tell(&mut core, now);
        let first = first || (core.repeats() && core.begin_look());
        let begin = core.begin_probing();
        drop(core);
        self.register(first);
        self.drained(drained);
        self.begin_probing(begin);
    }

    fn begin_probing(self: &Arc<Self>, endpoints: Vec<Arc<Endpoint>>) {
        for endpoint in endpoints {
            self.outside.prober.begin(Arc::downgrade(self), endpoint);
        }
    }

    /// What a starting endpoint's task is to try; None: it ends.
    pub(crate) fn probe(&self, endpoint: &Arc<Endpoint>) -> Option<Arc<Probe>> {
        self.core.lock().probe(endpoint)
    }

    /// A starting endpoint has passed its probe: those who wait leave at once.
    pub(crate) fn prove(self: &Arc<Self>, endpoint: &Arc<Endpoint>) {
        let mut core = self.core.lock();
        let proven = core.prove(endpoint, Instant::now());
        let first = proven && core.begin_look();
        drop(core);
        if proven {
            tracing::debug!(workload = %self.id, endpoint = %endpoint.address, "found ready");
            self.proven([endpoint.id.clone()]);
        }
        self.register(first);
    }

    /// Whether the scalers have been out of reach for long.
    pub(crate) fn set_unlinked(self: &Arc<Self>, unlinked: bool) {
        let mut core = self.core.lock();
        core.set_unlinked(unlinked, Instant::now());
        let begin = core.begin_probing();
        drop(core);
        self.begin_probing(begin);
    }

    /// Why the start takes long, as far as it is known.
    pub(crate) fn progress(&self) -> Option<Arc<Failure>> {
        self.core.lock().progress()
    }

    /// The answer to an attempt to sleep. `None`: it follows, once what is in flight uncounted has ended.
    pub(crate) fn quiesce(self: &Arc<Self>, epoch: Epoch, idle_for: Duration) -> Option<ToScaler> {
        let workload = self.id.clone();
        let now = Instant::now();
        let mut core = self.core.lock();
        let quiet = core.quiesce(epoch, idle_for, now);
        let first = self.tell(&mut core, now);
        let first = first || (quiet == Quiet::Soon && core.begin_look());
        drop(core);
        self.register(first);
        match quiet {
            Quiet::Now => Some(ToScaler::Quiesced { workload, epoch }),
            Quiet::No => Some(ToScaler::Busy { workload, epoch }),
            Quiet::Soon => None,
        }
    }

    pub(crate) fn resume(&self, epoch: Epoch) {
        self.core.lock().resume(epoch, Instant::now());
    }

    pub(crate) fn asleep(self: &Arc<Self>, epoch: Epoch) {
        let mut core = self.core.lock();
        core.asleep(epoch);
        let first = self.tell(&mut core, Instant::now());
        drop(core);
        self.register(first);
    }

    pub(crate) fn remove(self: &Arc<Self>) {
        let now = Instant::now();
        let mut core = self.core.lock();
        core.remove(now);
        let first = self.tell(&mut core, now);
        drop(core);
        self.register(first);
    }

    /// The regular look at a workload with something held. False: nothing is held any more.
    pub(crate) fn pace(self: &Arc<Self>) -> bool {
        let now = Instant::now();
        let mut core = self.core.lock();
        let (wake, held) = core.pace(now);
        let first = self.tell_as(true, &mut core, now);
        drop(core);
        self.register(first);
        self.send(wake.map(ToScaler::Wake));
        held
    }

    /// True: the reporter has yet to look at it, and shall.
    pub(crate) fn begin_look(&self) -> bool {
        self.core.lock().begin_look()
    }

    /// The regular look: what there is to report, whether to look again. What is repeated is told again, connections that have been
    /// idle for `idle` are closed, and those by the Service's address (`by_service`) when they are not wanted.
    pub(crate) fn look(
        &self,
        whole: bool,
        idle: Duration,
        by_service: bool,
    ) -> (Option<WorkloadReport>, bool) {
        let now = Instant::now();
        let mut core = self.core.lock();
        // One that could not be told is with the reporter already.
        self.tell(&mut core, now);
        let look = core.look(whole, idle + LINGER, now);
        for (endpoint, ..) in core.endpoints() {
            endpoint.pool.sweep(idle, by_service, now);
        }
        if let Some(fallback) = &*self.fallback.load() {
            fallback.endpoint().pool.sweep(idle, by_service, now);
        }
        let (drained, proven, quiet) = (core.drained(), core.proven(), core.quiet_at_last());
        let (in_flight, held) = (core.in_flight(), core.held());
        drop(core);
        self.metrics.in_flight.set(i64::from(in_flight));
        let held = i64::try_from(held).unwrap_or(i64::MAX);
        self.metrics.held.set(held);
        self.drained(drained);
        self.proven(proven);
        self.quiesced(quiet);
        (look.entry, look.again)
    }

    /// In flight and held.
    pub(crate) fn load(&self) -> (u32, usize) {
        let core = self.core.lock();
        (core.in_flight(), core.held())
    }
}

fn bytes(http: &Http) -> usize {
    usize::try_from(http.hold.max_bytes).unwrap_or(usize::MAX)
}
