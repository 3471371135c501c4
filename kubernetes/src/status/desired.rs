//! What is known to what is said; pure.

mod front;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rouse_api::resource::{
    Condition, ConditionStatus, ConditionType, LastSleep, LastWake, State, Status, WouldHave,
};
use rouse_scaler::controller::{WakeCause, WakeOutcome, WorkloadStatus, WouldHaveStatus};

use rouse_api::link::Failure;

use crate::facts::Facts;

/// A time that is computed from an age anew differs by less, and is kept as it was recorded.
const SAME: SignedDuration = SignedDuration::from_secs(3);
/// Characters of one message.
const LONGEST: usize = 1_000;
/// With `mode: observe`.
const OBSERVED: &str = "it is only observed: desired says what it would have; nothing is scaled";
/// What a wake by requests is called.
const HELD: &str = "held requests";

/// The status to be. The same as `recorded` while nothing worth telling has changed: numbers that move all the time, like those in a
/// decision's reason, are told as they were when the state or a count changed.
#[must_use]
pub fn desired(
    facts: &Facts,
    scaler: Option<&WorkloadStatus>,
    recorded: &Status,
    now: Timestamp,
) -> Status {
    let state = state(facts, scaler);
    let decision = scaler.and_then(|scaler| scaler.decision.as_ref());
    let would_have = scaler.and_then(|scaler| scaler.would_have.as_ref());
    let mut status = Status {
        observed_generation: Some(facts.generation),
        target: (!facts.target.is_empty()).then(|| facts.target.clone()),
        // What the scaler has not seen is not told: a count in the status says that the first count was begun with.
        replicas: match scaler {
            Some(_) => facts.count.map(|count| number(count.replicas)),
            None => recorded.replicas,
        },
        ready_replicas: facts.count.map(|_| number(facts.ready)),
        desired: match would_have {
            Some(would) => Some(number(would.replicas)),
            None => decision.map(|decision| number(decision.decision.replicas)),
        },
        state,
        why: None,
        last_wake: last_wake(scaler, recorded, now),
        last_sleep: last_sleep(scaler, recorded, now),
        replica_hours_saved: saved(facts, recorded, now),
        tried_revision: match scaler {
            Some(scaler) => scaler
                .verify
                .as_ref()
                .and_then(|verify| verify.tried.clone()),
            None => recorded.tried_revision.clone().filter(|_| facts.verifies),
        },
        would_have: match scaler {
            Some(_) => would_have.map(would),
            None => recorded.would_have.clone().filter(|_| facts.observes),
        },
        front: front::status(facts, recorded),
        conditions: conditions(facts, scaler, recorded, now),
    };
    status.why = trouble(facts).map(short).or_else(|| {
        let same = recorded.state == status.state && recorded.desired == status.desired;
        let kept = recorded.why.clone().filter(|_| same && scaler.is_some());
        let was_trouble = recorded
            .conditions
            .iter()
            .any(|c| Some(&c.message) == kept.as_ref());
        kept.filter(|_| !was_trouble)
            .or_else(|| decision.map(|decision| short(&decision.why)))
    });
    status
}

fn state(facts: &Facts, scaler: Option<&WorkloadStatus>) -> Option<State> {
    if !facts.problems.is_empty() {
        return Some(State::Invalid);
    }
    match hindered(facts).map(|blocked| &*blocked.reason) {
        Some("StoppedByHand") => return Some(State::StoppedByHand),
        Some("Paused") => return Some(State::Paused),
        Some("OwnedElsewhere") => return Some(State::OwnedElsewhere),
        Some("TargetNotFound") => return Some(State::TargetNotFound),
        _ => {}
    }
    Some(match scaler.map(|scaler| scaler.phase) {
        Some("quiescing") => State::Quiescing,
        Some("stopping") => State::Stopping,
        Some("failed") => State::Failed,
        _ if facts.ready > 0 => State::Awake,
        _ if facts.failure.is_some() => State::Failed,
        _ if facts.count?.replicas > 0 => State::Waking,
        _ => State::Asleep,
    })
}

/// Why nothing may be scaled; what keeps it from that is no trouble while nothing is to be, as long as there is something to observe.
fn hindered(facts: &Facts) -> Option<&Failure> {
    let blocked = facts.blocked.as_ref();
    blocked.filter(|blocked| !facts.observes || blocked.reason == "TargetNotFound")
}

/// What is wrong, the gravest first.
fn trouble(facts: &Facts) -> Option<&str> {
    let failures = [&facts.failure, &facts.progress];
    let problem = facts.problems.first().map(String::as_str);
    problem.or_else(|| {
        let failure = hindered(facts).or(failures.into_iter().flatten().next())?;
        Some(&failure.message)
    })
}

fn last_wake(
    scaler: Option<&WorkloadStatus>,
    recorded: &Status,
    now: Timestamp,
) -> Option<LastWake> {
    let Some(cause) = scaler.and_then(|scaler| scaler.last_cause.as_ref()) else {
        return recorded.last_wake.clone();
    };
    let old = recorded.last_wake.as_ref();
    let time = time(cause.seconds_ago, old.map(|old| &*old.time), now);
    let ended = scaler.and_then(|scaler| scaler.last_wake.as_ref());
    // Of this wake, and not of the one before it.
    let ended = ended
        .filter(|wake| wake.outcome == WakeOutcome::Ready && wake.seconds_ago <= cause.seconds_ago);
    let words = match (cause.cause, &cause.by) {
        (WakeCause::Held { .. }, Some(by)) => format!("{HELD}: {by}"),
        // A leader that has just come may not have been told by whom.
        (WakeCause::Held { .. }, None) => old
            .filter(|old| old.time == time && old.cause.starts_with(HELD))
            .map_or_else(|| HELD.to_owned(), |old| old.cause.clone()),
        (WakeCause::Minimum, _) => "replicas.min".to_owned(),
        (WakeCause::Trigger, _) => "trigger".to_owned(),
        (WakeCause::Schedule, _) => "schedule".to_owned(),
        (WakeCause::Verify, _) => "a changed pod template".to_owned(),
        (WakeCause::Needed, _) => "another workload's wakes".to_owned(),
        (WakeCause::Elsewhere, _) => "count raised by another".to_owned(),
    };
    Some(LastWake {
        cause: words,
        duration: ended.map(|wake| duration(wake.stages.total)),
        time,
    })
}

fn last_sleep(
    scaler: Option<&WorkloadStatus>,
    recorded: &Status,
    now: Timestamp,
) -> Option<LastSleep> {
    let old = recorded.last_sleep.as_ref();
    let Some(sleep) = scaler.and_then(|scaler| scaler.last_sleep.as_ref()) else {
        return old.cloned();
    };
    Some(LastSleep {
        time: time(sleep.seconds_ago, old.map(|old| &*old.time), now),
        why: sleep.why.clone(),
    })
}

/// Counted when a sleep ends, so that a sleeper's status stands still.
fn saved(facts: &Facts, recorded: &Status, now: Timestamp) -> Option<String> {
    let old = recorded.replica_hours_saved.clone();
    let wakes = facts.count.is_some_and(|count| count.replicas > 0);
    let slept = recorded.last_sleep.as_ref();
    let Some(slept) = slept.filter(|_| wakes && recorded.state == Some(State::Asleep)) else {
        return old;
    };
    let Ok(since) = slept.time.parse::<Timestamp>() else {
        return old;
    };
    let hours = now.duration_since(since).as_secs_f64().max(0.0) / 3600.0;
    let before: f64 = old.and_then(|old| old.parse().ok()).unwrap_or(0.0);
    Some(format!(
        "{:.2}",
        before + hours * f64::from(facts.min.max(1))
    ))
}

fn would(would: &WouldHaveStatus) -> WouldHave {
    WouldHave {
        since: whole(would.since),
        sleeps: would.sleeps,
        wakes: would.wakes,
        replica_hours_saved: format!("{:.2}", would.saved_replica_seconds / 3600.0),
    }
}

/// RFC 3339, in whole seconds; as it was recorded if that is the same moment.
fn time(seconds_ago: f64, recorded: Option<&str>, now: Timestamp) -> String {
    let ago = SignedDuration::try_from_secs_f64(seconds_ago).unwrap_or_default();
    let at = now.checked_sub(ago).unwrap_or(now);
    let same = recorded.filter(|text| {
        let time = text.parse::<Timestamp>();
        time.is_ok_and(|time| time.duration_since(at).abs() < SAME)
    });
    same.map_or_else(|| whole(at), str::to_owned)
}

fn whole(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// E.g. `1s250ms`.
fn duration(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    match (seconds, millis) {
        (0, millis) => format!("{millis}ms"),
        (seconds, 0) => format!("{seconds}s"),
        (seconds, millis) => format!("{seconds}s{millis}ms"),
    }
}

fn conditions(
    facts: &Facts,
    scaler: Option<&WorkloadStatus>,
    recorded: &Status,
    now: Timestamp,
) -> Vec<Condition> {
    let mut said = vec![ready(facts)];
    if facts.problems.is_empty() {
        said.extend([awake(facts), degraded(facts, scaler), conflict(facts)]);
        said.extend(verified(scaler).filter(|_| facts.verifies));
        said.extend(front::condition(facts));
    }
    let mut conditions: Vec<_> = said
        .into_iter()
        .map(|said| said.condition(facts.generation, recorded, now))
        .collect();
    // Another version's are left as they are, and what a scaler that doesn't know the workload yet can't tell.
    let others = recorded.conditions.iter();
    let unsaid = facts.verifies && scaler.is_none();
    let unlooked = front::is_unlooked(facts);
    let other = |c: &&Condition| match c.kind {
        ConditionType::Other(_) => true,
        ConditionType::RevisionVerified => unsaid,
        ConditionType::FrontReady => unlooked,
        _ => false,
    };
    conditions.extend(others.filter(other).cloned());
    conditions
}

/// A condition but for its times.
struct Said {
    kind: ConditionType,
    status: ConditionStatus,
    reason: String,
    message: String,
}

impl Said {
    fn new(kind: ConditionType, holds: bool, reason: &str, message: &str) -> Self {
        let status = if holds {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        };
        Self {
            kind,
            status,
            reason: reason.to_owned(),
            message: short(message),
        }
    }

    fn condition(self, generation: i64, recorded: &Status, now: Timestamp) -> Condition {
        let status = self.status;
        let mut old = recorded.conditions.iter();
        let old = old.find(|old| old.kind == self.kind && old.status == status);
        Condition {
            status,
            observed_generation: Some(generation),
            last_transition_time: old
                .map_or_else(|| whole(now), |old| old.last_transition_time.clone()),
            kind: self.kind,
            reason: self.reason,
            message: self.message,
        }
    }
}

fn ready(facts: &Facts) -> Said {
    let said = |holds, reason, message| Said::new(ConditionType::Ready, holds, reason, message);
    if !facts.problems.is_empty() {
        return said(false, "Invalid", &facts.problems.join("; "));
    }
    match (hindered(facts), &facts.blocked) {
        (Some(blocked), _) => said(false, &blocked.reason, &blocked.message),
        (None, Some(blocked)) => {
            let why = format!("{OBSERVED}; it could not be now: {}", blocked.message);
            said(true, "Observed", &why)
        }
        (None, None) if facts.observes => said(true, "Observed", OBSERVED),
        (None, None) => said(true, "Accepted", ""),
    }
}

fn awake(facts: &Facts) -> Said {
    let said = |holds, reason| Said::new(ConditionType::Awake, holds, reason, "");
    match facts.count {
        _ if facts.ready > 0 => said(true, "ReplicasReady"),
        Some(count) if count.replicas > 0 => said(false, "NoReplicaReady"),
        _ => said(false, "NoReplicas"),
    }
}

fn degraded(facts: &Facts, scaler: Option<&WorkloadStatus>) -> Said {
    let said =
        |holds, reason, message: &str| Said::new(ConditionType::Degraded, holds, reason, message);
    if let Some(failure) = &facts.failure {
        return said(true, &failure.reason, &failure.message);
    }
    if let Some(wakes) = &facts.wakes {
        return said(true, &wakes.reason, &wakes.message);
    }
    if let Some(fallback) = &facts.fallback {
        return said(true, &fallback.reason, &fallback.message);
    }
    if let Some(trigger) = scaler.and_then(|scaler| scaler.trigger.as_ref()) {
        return said(true, &trigger.reason, &trigger.message);
    }
    match &facts.governed {
        Some(governor) if governor.min == 0 => {
            let name = &governor.name;
            let message = format!(
                "HorizontalPodAutoscaler {name} has minReplicas 0, so that it and Rouse both rule the step to zero; set it to 1 or more"
            );
            said(true, "AutoscalerToZero", &message)
        }
        _ => said(false, "AsExpected", ""),
    }
}

/// The failure of what was tried last stands until something newer was.
fn verified(scaler: Option<&WorkloadStatus>) -> Option<Said> {
    let kind = ConditionType::RevisionVerified;
    let Some(verify) = scaler?.verify.as_ref() else {
        let message = "its target tells no revision: only a Deployment and a StatefulSet do";
        let said = Said::new(kind, false, "NoRevision", message);
        return Some(Said {
            status: ConditionStatus::Unknown,
            ..said
        });
    };
    let revision = &verify.revision;
    Some(match &verify.failure {
        Some(failure) => {
            let tried = verify.tried.as_deref().unwrap_or(revision);
            // As it is on record after a restart.
            let begin = format!("revision {tried}: ");
            let cause = failure
                .message
                .strip_prefix(&begin)
                .unwrap_or(&failure.message);
            Said::new(kind, false, &failure.reason, &format!("{begin}{cause}"))
        }
        None if verify.current => Said::new(
            kind,
            true,
            "Started",
            &format!("revision {revision} was ready"),
        ),
        None => {
            let message = format!("revision {revision} was not tried yet");
            let said = Said::new(kind, false, "NotTried", &message);
            Said {
                status: ConditionStatus::Unknown,
                ..said
            }
        }
    })
}

fn conflict(facts: &Facts) -> Said {
    let reason = match (&*facts.ungranted, &*facts.conflicts) {
        ([], []) => "NoConflict",
        ([], _) => "OlderWorkload",
        _ => "HostNotGranted",
    };
    let conflicts = [&*facts.ungranted, &*facts.conflicts].concat().join("; ");
    let holds = !conflicts.is_empty();
    Said::new(ConditionType::RouteConflict, holds, reason, &conflicts)
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
