use rouse_api::resource::{LastWake, Status};
use serde_json::json;

use super::*;

fn adopted(kind: Kind, lost: &[&str]) -> Adopted {
    Adopted {
        kind,
        lost: lost.iter().map(|&one| one.to_owned()).collect(),
        shown: json!({"triggersTypes": "memory"}),
    }
}

fn of(written: &Value, kind: &str) -> Option<(String, String)> {
    let all = written["conditions"].as_array().unwrap();
    let one = all.iter().find(|one| one["type"] == kind)?;
    let text = |field: &str| one[field].as_str().unwrap().to_owned();
    Some((text("status"), text("message")))
}

fn is(written: &Value, kind: &str) -> bool {
    of(written, kind).unwrap().0 == "True"
}

fn own(kind: ConditionType, status: ConditionStatus, message: &str) -> Condition {
    serde_json::from_value(json!({
        "type": kind, "status": status, "reason": "Because", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

#[test]
fn conditions_are_those_that_keda_has() {
    let awake = Status {
        replicas: Some(2),
        state: Some(State::Awake),
        why: Some("2 replicas".to_owned()),
        conditions: vec![own(ConditionType::Ready, ConditionStatus::True, "")],
        last_wake: Some(LastWake {
            time: "2026-01-01T00:00:00Z".to_owned(),
            ..LastWake::default()
        }),
        ..Status::default()
    };
    let written = status(&adopted(Kind::ScaledObject, &[]), &awake);
    assert!(is(&written, "Ready") && is(&written, "Active") && is(&written, "Carried"));
    assert!(!is(&written, "Fallback") && !is(&written, "Paused"));
    assert_eq!(of(&written, "Active").unwrap().1, "2 replicas");
    assert_eq!(written["triggersTypes"], "memory");
    assert_eq!(written["lastActiveTime"], "2026-01-01T00:00:00Z");
    // The next leader reads on.
    let again: Status = serde_json::from_value(written["rouse"].clone()).unwrap();
    assert_eq!(again, awake);
}

#[test]
fn what_is_wrong_is_said() {
    let paused = Status {
        replicas: Some(0),
        state: Some(State::Paused),
        conditions: vec![
            own(ConditionType::Ready, ConditionStatus::False, "paused"),
            own(ConditionType::Degraded, ConditionStatus::True, "no answer"),
        ],
        ..Status::default()
    };
    let lost = ["spec.triggers[0].type: kafka has no counterpart"];
    let written = status(&adopted(Kind::ScaledObject, &lost), &paused);
    assert!(is(&written, "Paused") && is(&written, "Fallback"));
    assert!(!is(&written, "Active"));
    assert_eq!(
        of(&written, "Ready").unwrap(),
        ("False".to_owned(), "paused".to_owned())
    );
    assert_eq!(
        of(&written, "Carried").unwrap(),
        ("False".to_owned(), lost[0].to_owned())
    );
    let nothing = status(&adopted(Kind::ScaledObject, &[]), &Status::default());
    assert!(!is(&nothing, "Ready") && !is(&nothing, "Active"));
}

#[test]
fn the_http_add_on_has_fewer() {
    let written = status(&adopted(Kind::HttpScaledObject, &[]), &Status::default());
    assert!(of(&written, "Ready").is_some());
    assert_eq!(of(&written, "Paused"), None);
}
