use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rouse_api::link::{Capabilities, MemberId, ToProxy, ToScaler};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::fronts::{Heard, Listening};
use super::metrics::Metrics;
use super::session::Seat;
use super::{Command, LinkEnds, QUEUE, session};
use crate::ScalerConfig;
use crate::controller::{
    Action, Controller, Event, EventKind, SessionEnd, SessionId, WorkloadEvent,
};
use crate::platform::{Platform, PlatformError, ScaleOrder};
use crate::trigger::{Context, Poller};

/// For the platform to take a count on.
const SCALE_TIMEOUT: Duration = Duration::from_secs(30);

/// A wall clock that is off by more is told anew.
const DRIFT: SignedDuration = SignedDuration::from_millis(100);

/// Silent members show in the metrics by then.
const COUNT_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Shell<P> {
    platform: Arc<P>,
    controller: Controller,
    shutdown_timeout: Duration,
    metrics: Metrics,
    notices: broadcast::Sender<WorkloadEvent>,
    changes: Arc<Changes>,
    heard: Heard,
    seats: BTreeMap<SessionId, Seat>,
    next_session: u64,
    sessions: JoinSet<()>,
    scales: JoinSet<Event>,
    /// Cancelled when the role changes: what was lowered in an earlier role is not tried any more.
    role: CancellationToken,
    poller: Poller<P>,
    inputs: mpsc::Sender<Event>,
    input: mpsc::Receiver<Event>,
}

impl<P: Platform> Shell<P> {
    pub(super) fn new(
        config: ScalerConfig,
        platform: P,
        metrics: Metrics,
        (notices, changes, listening): (
            broadcast::Sender<WorkloadEvent>,
            Arc<Changes>,
            watch::Sender<Listening>,
        ),
    ) -> Self {
        let (inputs, input) = mpsc::channel(QUEUE);
        metrics.leads(config.leads.is_some());
        let platform = Arc::new(platform);
        let context = Context::new(platform.clone(), config.triggers.clone());
        Self {
            poller: Poller::new(context, config.leads.is_some(), inputs.clone()),
            platform,
            shutdown_timeout: config.shutdown_timeout,
            controller: Controller::new(config),
            metrics,
            notices,
            changes,
            heard: Heard::new(listening),
            seats: BTreeMap::new(),
            next_session: 0,
            sessions: JoinSet::new(),
            scales: JoinSet::new(),
            role: CancellationToken::new(),
            inputs,
            input,
        }
    }

    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let platform = self.platform.clone();
        self.handle(Event::Clock(Timestamp::now()));
        let mut counted = interval(COUNT_EVERY);
        counted.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let deadline = self.controller.next_deadline();
            let event = tokio::select! {
                command = commands.recv() => match command {
                    None => return,
                    Some(Command::Shutdown(done)) => return self.shutdown(done).await,
                    Some(command) => {
                        self.command(command);
                        continue;
                    }
                },
                Some(event) = self.input.recv() => event,
                Some(Ok(event)) = self.scales.join_next() => event,
                Some(_) = self.sessions.join_next() => continue,
                _ = counted.tick() => {
                    let members = self.controller.member_counts(Instant::now());
                    self.metrics.members(members);
                    match self.set_clock() {
                        Some(event) => event,
                        None => continue,
                    }
                }
                observation = platform.observe() => Event::Observed(observation),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Event::Tick,
            };
            self.handle(event);
        }
    }

    /// The wall clock, when it was set or has drifted away from the time that has passed.
    fn set_clock(&self) -> Option<Event> {
        let told = Timestamp::now();
        let expected = self.controller.wall(Instant::now());
        let off = expected.map(|expected| told.duration_since(expected).abs());
        off.is_none_or(|off| off > DRIFT)
            .then_some(Event::Clock(told))
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Apply(workloads, done) => {
                self.poller.set(&workloads);
                self.handle(Event::Applied(workloads));
                let _ = done.send(());
            }
            Command::Connect(member, end, capabilities, answer) => {
                let ends = self.connect(member, end, capabilities);
                let _ = answer.send(ends);
            }
            Command::LiveHosts(hosts, done) => {
                self.handle(Event::LiveHosts(hosts));
                let _ = done.send(());
            }
            Command::Lead(term, done) => {
                self.metrics.leads(term.is_some());
                // Before anybody is told: the next leader's word to send again must not be followed by a late zero.
                std::mem::take(&mut self.role).cancel();
                self.handle(Event::Lead(term));
                self.poller.lead(term.is_some());
                let _ = done.send(());
            }
            Command::WorkloadStatus(workload, answer) => {
                let status = self.controller.workload_status(&workload, Instant::now());
                let _ = answer.send(status);
            }
            Command::History(workload, answer) => {
                let history = self.controller.history(&workload, Instant::now());
                let _ = answer.send(history);
            }
            Command::Status(answer) => {
                let _ = answer.send(self.controller.status(Instant::now()));
            }
            // Taken by the loop.
            Command::Shutdown(_) => {}
        }
    }

    fn connect(
        &mut self,
        member: MemberId,
        end: SessionEnd,
        capabilities: Capabilities,
    ) -> LinkEnds {
        self.next_session += 1;
        let session = SessionId(self.next_session);
        let seat = Seat::new();
        let (to_scaler, from_proxy) = mpsc::channel(QUEUE);
        let (to_proxy, from_scaler) = mpsc::channel(QUEUE);
        self.sessions.spawn(session::run(
            session,
            (seat.outbox.clone(), seat.stop()),
            from_proxy,
            to_proxy,
            self.inputs.clone(),
        ));
        self.seats.insert(session, seat);
        self.handle(Event::SessionOpened {
            session,
            member,
            end,
            capabilities,
        });
        LinkEnds {
            to_scaler,
            from_scaler,
        }
    }

    fn handle(&mut self, event: Event) {
        if let Event::SessionClosed(session) = &event {
            self.seats.remove(session);
        }
        heard(&event);
        self.heard.take(&event);
        for action in self.controller.handle(event, Instant::now()) {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Apply(workload) => self.platform.apply(workload),
            Action::Forget(workload) => {
                self.platform.forget(&workload);
                self.metrics.forget(&workload);
                self.changes.forget(&workload);
            }
            Action::Scale {
                workload,
                from,
                replicas,
                victims,
            } => {
                let order = ScaleOrder {
                    workload,
                    from,
                    to: replicas,
                    victims,
                };
                rouse_failpoint::pass(if replicas > from {
                    "scale-up"
                } else {
                    "scale-down"
                });
                let role = (order.to < order.from).then(|| self.role.clone());
                let (platform, metrics) = (self.platform.clone(), self.metrics.clone());
                self.scales.spawn(scale(platform, order, role, metrics));
            }
            Action::Send(session, message) => {
                if matches!(message, ToProxy::Quiesce { .. }) {
                    rouse_failpoint::pass("quiesce");
                }
                if let Some(seat) = self.seats.get(&session) {
                    seat.outbox.put(message);
                }
            }
            Action::Close(session) => {
                self.seats.remove(&session);
            }
            Action::Changed(workload) => self.changes.put(workload),
            Action::Count {
                workload,
                desired,
                ready,
                min,
            } => self.metrics.count(&workload, desired, ready, min),
            Action::Emit(event) => self.emit(event),
        }
    }

    fn emit(&self, event: WorkloadEvent) {
        log(&event);
        self.metrics.note(&event);
        // Nobody listens: nobody is told.
        let _ = self.notices.send(event);
    }

    async fn shutdown(mut self, done: oneshot::Sender<()>) {
        self.sessions.shutdown().await;
        self.scales.shutdown().await;
        self.platform.shutdown(self.shutdown_timeout).await;
        let _ = done.send(());
    }
}

fn heard(event: &Event) {
    match event {
        Event::Link(_, ToScaler::Wake(_)) => rouse_failpoint::pass("wake-heard"),
        Event::Link(_, ToScaler::Quiesced { .. }) => rouse_failpoint::pass("quiesced-heard"),
        Event::Link(_, ToScaler::Proven { .. }) => rouse_failpoint::pass("proven-heard"),
        _ => {}
    }
}

/// `role`: given up when that is over.
async fn scale<P: Platform>(
    platform: Arc<P>,
    order: ScaleOrder,
    role: Option<CancellationToken>,
    metrics: Metrics,
) -> Event {
    let workload = order.workload.clone();
    let (up, began) = (order.to > order.from, Instant::now());
    let over = async {
        match role {
            Some(role) => role.cancelled().await,
            None => std::future::pending().await,
        }
    };
    let scaled = tokio::select! {
        // First: then nothing more is sent.
        biased;
        () = over => {
            let why = "the count was not lowered: this scaler's role has changed".to_owned();
            Ok(Err(PlatformError::Refused(why)))
        }
        scaled = timeout(SCALE_TIMEOUT, platform.scale(order)) => scaled,
    };
    metrics.scaled(up, began.elapsed());
    rouse_failpoint::pass(if up { "scaled-up" } else { "scaled-down" });
    match scaled {
        Ok(Ok(count)) => Event::ScaleDone(workload, count),
        Ok(Err(error)) => Event::ScaleFailed(workload, error),
        Err(_) => {
            let why = format!("no answer within {} s", SCALE_TIMEOUT.as_secs());
            Event::ScaleFailed(workload, PlatformError::Refused(why))
        }
    }
}

fn log(event: &WorkloadEvent) {
    let workload = event.workload.as_str();
    match &event.kind {
        EventKind::Woke(stages) => tracing::info!(
            workload,
            held = stages.held,
            start_ms = stages.start.as_secs_f64() * 1000.0,
            ready_ms = stages.ready.as_secs_f64() * 1000.0,
            total_ms = stages.total.as_secs_f64() * 1000.0,
            "woke"
        ),
        kind @ (EventKind::Failed { .. } | EventKind::ScaleRefused { .. }) => {
            tracing::warn!(workload, "{kind}");
        }
        kind => tracing::info!(workload, "{kind}"),
    }
}
