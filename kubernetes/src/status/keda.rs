//! The status of KEDA's objects, as those who used KEDA know it; pure.

#[cfg(test)]
mod tests;

use rouse_api::resource::{Condition, ConditionStatus, ConditionType, State, Status};
use rouse_convert::keda::Kind;
use serde_json::{Value, json};

use crate::origin::Adopted;

/// Of one message, in characters.
const LONGEST: usize = 1_000;

/// What is written instead of the status of a ScaledWorkload. That stands in `rouse`, for the next leader, where the definition keeps it.
pub(super) fn status(adopted: &Adopted, status: &Status) -> Value {
    let mut all = vec![ready(status), active(status)];
    if adopted.kind == Kind::ScaledObject {
        all.extend([fallback(status), paused(status)]);
    }
    all.push(carried(adopted));
    if adopted.kind != Kind::ScaledObject {
        // The HTTP add-on's definitions want it; ScaledObject's has none.
        for one in &mut all {
            one["lastTransitionTime"] = json!(since(status));
        }
    }
    let mut written = adopted.shown.clone();
    written["conditions"] = json!(all);
    written["rouse"] = json!(status);
    if adopted.kind == Kind::ScaledObject
        && let Some(wake) = &status.last_wake
    {
        written["lastActiveTime"] = json!(wake.time);
    }
    written
}

fn condition(kind: &str, holds: bool, reason: &str, message: &str) -> Value {
    let message: String = message.chars().take(LONGEST).collect();
    json!({"type": kind, "status": if holds { "True" } else { "False" }, "reason": reason, "message": message})
}

/// When something has changed last.
fn since(status: &Status) -> &str {
    let times = status
        .conditions
        .iter()
        .map(|one| &*one.last_transition_time);
    times.max().unwrap_or("1970-01-01T00:00:00Z")
}

fn own(status: &Status, kind: &ConditionType) -> Option<Condition> {
    status
        .conditions
        .iter()
        .find(|one| one.kind == *kind)
        .cloned()
}

/// Awake or asleep: it is as it should be.
fn ready(status: &Status) -> Value {
    match own(status, &ConditionType::Ready) {
        Some(ready) => condition(
            "Ready",
            ready.status == ConditionStatus::True,
            &ready.reason,
            &ready.message,
        ),
        None => condition("Ready", false, "Unknown", "it was not looked at yet"),
    }
}

fn active(status: &Status) -> Value {
    let awake = status.replicas.is_some_and(|count| count > 0);
    let why = status.why.as_deref().unwrap_or_default();
    let reason = if awake {
        "ScalerActive"
    } else {
        "ScalerNotActive"
    };
    condition("Active", awake, reason, why)
}

fn fallback(status: &Status) -> Value {
    let degraded = own(status, &ConditionType::Degraded);
    let falls = degraded.filter(|one| one.status == ConditionStatus::True);
    match falls {
        Some(one) => condition("Fallback", true, &one.reason, &one.message),
        None => condition(
            "Fallback",
            false,
            "NoFallbackFound",
            "every trigger is known",
        ),
    }
}

fn paused(status: &Status) -> Value {
    let paused = status.state == Some(State::Paused);
    let reason = if paused {
        "ScaledObjectPaused"
    } else {
        "ScaledObjectUnpaused"
    };
    condition("Paused", paused, reason, "")
}

/// Whether all of it is done.
fn carried(adopted: &Adopted) -> Value {
    match adopted.lost.is_empty() {
        true => condition("Carried", true, "Complete", "all of it is done"),
        false => condition("Carried", false, "NoCounterpart", &adopted.lost.join("; ")),
    }
}
