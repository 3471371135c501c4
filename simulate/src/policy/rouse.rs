//! Rouse: the scaler's own demand windows and `decide`, told of what one proxy would tell and asked when its controller would ask.

use std::time::Duration;

use rouse_api::link::WorkloadReport;
use rouse_api::workload::{Behavior, WorkloadId};
use rouse_scaler::decide::{self, State, decide};
use rouse_scaler::demand::{Demand, MemberNo, Roster};
use tokio::time::Instant;

use super::{Policy, Totals, View};
use crate::Settings;

/// The one proxy.
const PROXY: MemberNo = MemberNo(0);
/// The proxy's report interval.
const REPORT: Duration = Duration::from_secs(1);
/// `ScalerConfig::raise_after`: from a wake's first replicas to more.
const RAISE_AFTER: Duration = Duration::from_millis(20);
/// The proxy repeats a wake after this, then after twice as long and so on, up to [`WAKE_SLOWEST`].
const WAKE_FIRST: Duration = Duration::from_millis(20);
const WAKE_SLOWEST: Duration = Duration::from_secs(1);
/// The virtual clock begins so long after the process's: windows reach back.
const HEADROOM: Duration = Duration::from_secs(86_400);

/// Scaler and proxy of one workload.
#[derive(Debug)]
pub struct Rouse {
    policy: decide::Policy,
    state: State,
    demand: Demand,
    roster: Roster,
    workload: WorkloadId,
    base: Instant,
    sequence: u64,
    /// Reports cover the time until then.
    covered: Duration,
    totals: Totals,
    /// What a replica takes to start; measured once one that was asked for is ready.
    start_up: Duration,
    started: bool,
    /// The next report with the workload in it.
    report: Option<Duration>,
    /// The next wake, and the pause after it.
    wake: Option<(Duration, Duration)>,
    /// Until then a wake asks for no more than its first replicas.
    raise_at: Duration,
    /// Nothing is reported any more, and it may sleep then.
    idle_at: Option<Duration>,
}

impl Rouse {
    /// A scaler that has known the workload and its proxy from the beginning on; `base` is the moment in which the trace begins.
    #[must_use]
    pub fn new(settings: &Settings, base: Instant) -> Self {
        let base = base + HEADROOM;
        let mut roster = Roster::new(settings.stable_window);
        roster.join(PROXY, base);
        Self {
            policy: policy(settings),
            state: State::default(),
            demand: Demand::new(
                settings.stable_window,
                Behavior::panic_window_of(settings.stable_window),
                base,
            ),
            roster,
            workload: WorkloadId::new(WorkloadId::DEFAULT_NAMESPACE, "simulated"),
            base,
            sequence: 0,
            covered: Duration::ZERO,
            totals: Totals::default(),
            start_up: settings.start_up,
            started: false,
            report: None,
            wake: None,
            raise_at: Duration::ZERO,
            idle_at: None,
        }
    }

    /// Reports without the workload in them, up to the last whole second. Those that no window reaches back to are left out.
    fn catch_up(&mut self, now: Duration) {
        let reach = self.window() + REPORT * 2;
        let earliest = Duration::from_secs(now.saturating_sub(reach).as_secs());
        self.covered = self.covered.max(earliest);
        while self.covered + REPORT <= now {
            self.cover();
        }
    }

    /// The report at the end of the next second.
    fn cover(&mut self) -> Option<Instant> {
        self.covered += REPORT;
        self.sequence += 1;
        let at = self.base + self.covered;
        self.roster.report(PROXY, self.sequence, REPORT, at)
    }

    fn window(&self) -> Duration {
        self.policy.behavior.stable_window
    }

    /// A report with the workload in it.
    fn report(&mut self, view: &View, now: Duration) {
        self.catch_up(now.saturating_sub(REPORT));
        let since = self.totals.take(view);
        let Some(bucket) = self.cover() else { return };
        let part = WorkloadReport {
            workload: self.workload.clone(),
            in_flight_seconds: since.in_flight,
            held_seconds: since.held,
            requests: since.arrived,
            in_flight: view.in_flight,
            held: view.held,
            idle_for: now - view.active_at,
        };
        self.demand.report(PROXY, bucket, &part, self.base + now);
        let more = view.demand() > 0 || since.arrived > 0 || since.in_flight + since.held > 0.0;
        // The controller looks each tick while the count may go down without going to zero.
        let restless = view.replicas() > self.policy.least_awake() || view.ready == 0;
        self.report = (more || (restless && view.replicas() > 0)).then_some(now + REPORT);
        self.idle_at = (view.demand() == 0).then_some(view.active_at + self.policy.idle_after);
    }

    /// A wake is told, when something is held and nothing is ready.
    fn tell_wake(&mut self, view: &View, now: Duration) {
        if view.ready > 0 || view.held == 0 {
            self.wake = None;
            return;
        }
        let pause = self.wake.map_or(WAKE_FIRST, |(_, pause)| pause);
        self.wake = Some((now + pause, (pause * 2).min(WAKE_SLOWEST)));
        self.demand.held(PROXY, view.held, self.base + now);
    }

    /// As the controller does: a wake begins with the least and is raised; what is awake follows.
    fn evaluate(&mut self, view: &View, now: Duration) -> u32 {
        self.catch_up(now);
        let current = view.replicas();
        self.state.replicas = current;
        self.state.capacity.ready = view.ready;
        if view.ready > 0 && self.started {
            self.state.capacity.start_time = Some(self.start_up);
        }
        let at = self.base + now;
        let demand = self.demand.snapshot(&self.roster, at);
        let (decision, state) = decide(&self.policy, &demand, &[], &self.state, at);
        self.state = state;
        let wanted = decision.replicas;
        if wanted == 0 {
            return 0;
        }
        if current == 0 {
            self.raise_at = now + RAISE_AFTER;
            self.started = true;
            return self.policy.least_awake();
        }
        let waking = view.ready == 0;
        if waking && (now < self.raise_at || wanted < current) {
            return current;
        }
        self.started |= wanted > current;
        wanted
    }
}

/// A workload's policy with Rouse's defaults, and what is the same for every policy.
fn policy(settings: &Settings) -> decide::Policy {
    decide::Policy {
        requests: true,
        min: settings.min,
        max: settings.max,
        on_wake: settings.on_wake,
        idle_after: settings.idle_after,
        concurrency: Some(settings.target()),
        limit: Some(f64::from(settings.capacity)),
        request_rate: None,
        behavior: Behavior {
            stable_window: settings.stable_window,
            panic_window: Behavior::panic_window_of(settings.stable_window),
            ..Behavior::default()
        },
    }
}

impl Policy for Rouse {
    fn initial(&self) -> u32 {
        self.policy.min
    }

    fn due(&self) -> Option<Duration> {
        let wake = self.wake.map(|(at, _)| at);
        let idle = self.idle_at.filter(|_| self.policy.min == 0);
        [self.report, wake, idle].into_iter().flatten().min()
    }

    fn look(&mut self, view: &View, now: Duration) -> u32 {
        if self.wake.is_some_and(|(at, _)| at <= now) {
            self.tell_wake(view, now);
        }
        if self.report.is_some_and(|at| at <= now) {
            self.report(view, now);
        }
        let count = self.evaluate(view, now);
        if self.idle_at.is_some_and(|at| at <= now) {
            self.idle_at = None;
        }
        if count == 0 {
            self.report = None;
        }
        count
    }

    fn arrived(&mut self, view: &View, now: Duration) -> Option<u32> {
        if self.report.is_none() {
            self.report = Some(Duration::from_secs(now.as_secs() + 1));
        }
        self.idle_at = None;
        if view.ready > 0 || view.held == 0 || self.wake.is_some() {
            return None;
        }
        self.tell_wake(view, now);
        Some(self.evaluate(view, now))
    }
}
