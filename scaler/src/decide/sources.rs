//! Readings beside HTTP's demand: the largest wins, and asleep is only what all agree on.

use std::time::Duration;

use tokio::time::Instant;

use super::reach::Reach;
use super::state::Peaks;
use super::{Ask, Policy, Reading, Rule, State};
use crate::demand::Snapshot;

/// What readings of one decision leave to the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sources {
    /// When one was active, or not known, last.
    active: Option<Instant>,
    /// One was when it was decided last, and so until now.
    was: bool,
    /// What values asked for lately.
    asked: Peaks,
}

impl State {
    /// When a source other than HTTP was active last, or was not known to be inactive; `None`: never.
    #[must_use]
    pub fn triggered(&self) -> Option<Instant> {
        self.sources.active
    }
}

impl Sources {
    pub(super) fn begin(&mut self, policy: &Policy, readings: &[Reading], now: Instant) {
        let active = readings
            .iter()
            .any(|reading| reading.lasts() || !reading.is_known());
        // Of a workload that no request reaches nobody else tells since when it is idle.
        let first = !policy.requests && self.active.is_none();
        if active || first || self.was {
            self.active = Some(now);
        }
        self.was = active;
    }
}

/// Whether everything that may ask for replicas is known.
pub(super) fn is_complete(policy: &Policy, demand: &Snapshot, readings: &[Reading]) -> bool {
    let requests = !counts(policy, demand) || demand.is_complete();
    requests && unknown(readings).is_none()
}

/// Whether proxies have a say: no request reaches a workload without HTTP, but some may still be in flight.
fn counts(policy: &Policy, demand: &Snapshot) -> bool {
    policy.requests || demand.current() > 0
}

/// The first that says nothing.
fn unknown(readings: &[Reading]) -> Option<&Reading> {
    readings.iter().find(|reading| !reading.is_known())
}

/// Since the last moment with any demand; `None` while that is not known.
pub(super) fn idle(
    policy: &Policy,
    demand: &Snapshot,
    readings: &[Reading],
    state: &State,
    now: Instant,
) -> Option<Duration> {
    if unknown(readings).is_some() {
        return None;
    }
    let requests = match counts(policy, demand) {
        true => demand.idle?,
        false => Duration::MAX,
    };
    let active = state.sources.active;
    let others = active.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
    Some(requests.min(others))
}

/// Why nothing goes down.
pub(super) fn missing(demand: &Snapshot, readings: &[Reading]) -> Rule {
    match unknown(readings) {
        Some(reading) => Rule::UnknownTrigger {
            trigger: reading.trigger.clone(),
        },
        None => Rule::MissingData {
            missing: demand.missing,
            members: demand.members,
        },
    }
}

/// The larger of what requests lead to and of what readings ask for. Values go up by the rate, but from zero at once; a schedule knows no
/// rate. What values asked for within the stable window (or the delay, if that is longer) stays.
pub(super) fn join(
    policy: &Policy,
    readings: &[Reading],
    (mut wanted, mut ask, mut rule): (u32, Ask, Rule),
    state: &mut State,
    now: Instant,
) -> (u32, Ask, Rule) {
    let behavior = &policy.behavior;
    let current = state.replicas;
    let up = match current {
        0 => u32::MAX,
        _ => Reach::of(behavior, state).up,
    };
    let mut swinging = 0;
    for reading in readings {
        let asked = reading.replicas();
        let mut bound = asked;
        if reading.swings() {
            bound = asked.min(up);
            swinging = swinging.max(bound);
        }
        if asked > ask.replicas() {
            ask = reading.ask();
        }
        if bound > wanted {
            wanted = bound;
            rule = match bound < asked {
                true => Rule::UpRate {
                    rate: behavior.max_scale_up_rate,
                },
                false => Rule::Demand,
            };
        }
    }
    let window = behavior.stable_window.max(behavior.scale_down_delay);
    let lately = state.sources.asked.push(swinging, window, now).min(current);
    if lately > wanted {
        wanted = lately;
        rule = Rule::Lately { window };
    }
    (wanted, ask, rule)
}
