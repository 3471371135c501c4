use rouse_api::link::Failure;
use rouse_api::workload::WorkloadId;
use rouse_scaler::platform::Count;
use serde_json::Value;

use super::*;
use crate::facts::Governor;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn facts(replicas: u32, ready: u32) -> Facts {
    Facts {
        origin: crate::origin::Origin::ScaledWorkload,
        id: WorkloadId::new("default", "hello"),
        uid: "u".to_owned(),
        generation: 3,
        resource_version: "9".to_owned(),
        deleted: false,
        target: "apps/v1 Deployment hello".to_owned(),
        min: 0,
        max: 10,
        observes: false,
        verifies: false,
        problems: Vec::new(),
        conflicts: Vec::new(),
        ungranted: Vec::new(),
        wakes: None,
        blocked: None,
        failure: None,
        progress: None,
        fallback: None,
        front: None,
        count: Some(Count {
            version: 1,
            replicas,
        }),
        ready,
        governed: None,
        recorded: Value::Null,
    }
}

fn failure(reason: &str) -> Option<Failure> {
    Some(Failure {
        reason: reason.to_owned(),
        message: format!("{reason}, for a reason"),
    })
}

fn said(facts: &Facts) -> Status {
    desired(facts, None, &Status::default(), at(0))
}

fn condition(status: &Status, kind: ConditionType) -> Option<(ConditionStatus, String, String)> {
    let found = status.conditions.iter().find(|c| c.kind == kind)?;
    let time = found.last_transition_time.clone();
    Some((found.status, found.reason.clone(), time))
}

#[test]
fn states_follow_from_what_is_there() {
    let mut blocked = facts(0, 0);
    blocked.blocked = failure("StoppedByHand");
    let mut failing = facts(1, 0);
    failing.failure = failure("ImagePullBackOff");
    let mut invalid = facts(0, 0);
    invalid.problems = vec!["spec.http.hosts: must not be empty".to_owned()];
    let mut missing = facts(0, 0);
    missing.count = None;
    missing.blocked = failure("TargetNotFound");
    let cases = [
        (facts(0, 0), Some(State::Asleep), true),
        (facts(2, 0), Some(State::Waking), true),
        (facts(2, 1), Some(State::Awake), true),
        (failing, Some(State::Failed), true),
        (blocked, Some(State::StoppedByHand), false),
        (missing, Some(State::TargetNotFound), false),
        (invalid, Some(State::Invalid), false),
    ];
    for (facts, state, ready) in cases {
        let status = said(&facts);
        assert_eq!(status.state, state);
        let (holds, ..) = condition(&status, ConditionType::Ready).unwrap();
        assert_eq!(holds == ConditionStatus::True, ready, "{state:?}");
    }
}

/// A count in the status says that the first count was begun with: it must not be there before the scaler knows the workload.
#[test]
fn a_count_is_not_told_before_the_scaler_has_seen_it() {
    assert_eq!(said(&facts(0, 0)).replicas, None);
    let recorded = Status {
        replicas: Some(3),
        ..Status::default()
    };
    assert_eq!(
        desired(&facts(1, 1), None, &recorded, at(0)).replicas,
        Some(3)
    );
}

#[test]
fn nothing_changes_while_time_alone_goes_on() {
    let first = said(&facts(1, 1));
    assert_eq!(desired(&facts(1, 1), None, &first, at(86_400)), first);
}

#[test]
fn a_transition_has_the_time_at_which_the_status_changed_and_keeps_it() {
    let awake = |status: &Status| condition(status, ConditionType::Awake).unwrap();
    let asleep = said(&facts(0, 0));
    let waking = desired(&facts(1, 0), None, &asleep, at(60));
    assert_eq!(awake(&waking).2, awake(&asleep).2, "still not awake");
    assert_eq!(awake(&waking).1, "NoReplicaReady");
    let up = desired(&facts(1, 1), None, &waking, at(61));
    assert_eq!(awake(&up).2, whole(at(61)));
    assert_eq!(
        condition(&up, ConditionType::Ready).unwrap().2,
        whole(at(0))
    );
}

#[test]
fn of_an_invalid_object_nothing_is_said_but_why() {
    let mut invalid = facts(0, 0);
    invalid.problems = vec!["spec.http: a".to_owned(), "spec.mode: b".to_owned()];
    let status = said(&invalid);
    assert_eq!(status.conditions.len(), 1);
    assert_eq!(status.conditions[0].message, "spec.http: a; spec.mode: b");
    assert_eq!(status.why.as_deref(), Some("spec.http: a"));
}

#[test]
fn conflicts_and_an_autoscaler_to_zero_are_told() {
    let mut facts = facts(1, 1);
    facts.conflicts = vec!["a.example.com belongs to default/older".to_owned()];
    facts.governed = Some(Governor {
        name: "hpa".to_owned(),
        min: 0,
    });
    let status = said(&facts);
    let of = |kind| condition(&status, kind).unwrap();
    assert_eq!(of(ConditionType::RouteConflict).0, ConditionStatus::True);
    assert_eq!(of(ConditionType::Degraded).1, "AutoscalerToZero");
    assert!(condition(&status, ConditionType::RevisionVerified).is_none());
}

#[test]
fn what_wakes_cannot_do_is_told() {
    let mut facts = facts(0, 0);
    facts.wakes = failure("WakesIncomplete");
    let status = said(&facts);
    let degraded = condition(&status, ConditionType::Degraded).unwrap();
    assert_eq!(
        (degraded.0, &*degraded.1),
        (ConditionStatus::True, "WakesIncomplete")
    );
    facts.wakes = None;
    let status = said(&facts);
    let degraded = condition(&status, ConditionType::Degraded).unwrap();
    assert_eq!(degraded.0, ConditionStatus::False);
}

#[test]
fn the_reason_of_a_trouble_goes_with_it() {
    let mut failing = facts(1, 0);
    failing.failure = failure("ImagePullBackOff");
    let status = said(&failing);
    assert_eq!(
        status.why.as_deref(),
        Some("ImagePullBackOff, for a reason")
    );
    assert_eq!(desired(&facts(1, 1), None, &status, at(5)).why, None);
}

#[test]
fn what_sleeping_saved_is_counted_when_it_ends() {
    let mut asleep = said(&facts(0, 0));
    asleep.last_sleep = Some(LastSleep {
        time: whole(at(0)),
        why: "no demand".to_owned(),
    });
    asleep.replica_hours_saved = Some("1.25".to_owned());
    let still = desired(&facts(0, 0), None, &asleep, at(7_200));
    assert_eq!(still, asleep);
    let woken = desired(&facts(1, 0), None, &asleep, at(7_200));
    assert_eq!(woken.replica_hours_saved.as_deref(), Some("3.25"));
    let later = desired(&facts(1, 1), None, &woken, at(9_000));
    assert_eq!(later.replica_hours_saved, woken.replica_hours_saved);
}

#[test]
fn another_versions_condition_stays() {
    let mut recorded = said(&facts(1, 1));
    let mut newer = recorded.conditions[0].clone();
    newer.kind = ConditionType::Other("Newer".to_owned());
    recorded.conditions.push(newer.clone());
    let status = desired(&facts(0, 0), None, &recorded, at(1));
    assert_eq!(status.conditions.last(), Some(&newer));
}

#[test]
fn an_age_that_is_measured_anew_is_the_same_moment() {
    let recorded = time(10.0, None, at(100));
    assert_eq!(recorded, whole(at(90)));
    assert_eq!(time(20.9, Some(&recorded), at(110)), recorded);
    assert_eq!(time(5.0, Some(&recorded), at(110)), whole(at(105)));
    assert_eq!(duration(Duration::from_millis(1_250)), "1s250ms");
}

#[test]
fn what_is_observed_is_ready_whatever_would_keep_it_from_being_scaled() {
    let mut observed = facts(3, 3);
    observed.observes = true;
    let status = said(&observed);
    let (holds, reason, _) = condition(&status, ConditionType::Ready).unwrap();
    assert_eq!((holds, &*reason), (ConditionStatus::True, "Observed"));

    observed.blocked = failure("OwnedElsewhere");
    let status = said(&observed);
    assert_eq!((status.state, status.why), (Some(State::Awake), None));
    let ready = &status.conditions[0];
    assert_eq!(ready.status, ConditionStatus::True);
    assert!(
        ready.message.contains("OwnedElsewhere, for a reason"),
        "{}",
        ready.message
    );

    observed.blocked = failure("TargetNotFound");
    let status = said(&observed);
    assert_eq!(
        status.state,
        Some(State::TargetNotFound),
        "there is nothing to observe"
    );
    assert_eq!(
        condition(&status, ConditionType::Ready).unwrap().0,
        ConditionStatus::False
    );
}

#[test]
fn a_front_is_told_with_its_port_and_its_proxies() {
    use crate::facts::FrontFacts;
    let found = crate::front::plan::Said {
        port: Some(20_017),
        proxies: 2,
        of: 3,
        failure: None,
    };
    let front = |said, reason: Option<&str>| FrontFacts {
        service: WorkloadId::new("default", "hello"),
        said,
        failure: reason.and_then(failure),
        foreign: Vec::new(),
    };
    let mut facts = facts(0, 0);
    let told = |facts: &Facts, recorded: &Status| {
        let status = desired(facts, None, recorded, at(0));
        let found = condition(&status, ConditionType::FrontReady);
        let front = status
            .front
            .clone()
            .map(|front| (front.port, front.proxies));
        (
            found.map(|(status, reason, _)| (status, reason)),
            front,
            status,
        )
    };
    assert_eq!(told(&facts, &Status::default()).0, None);
    facts.front = Some(front(Some(found.clone()), None));
    let (found_condition, at_port, recorded) = told(&facts, &Status::default());
    let serving = Some((ConditionStatus::True, "Serving".to_owned()));
    assert_eq!(
        (found_condition, at_port),
        (serving.clone(), Some((20_017, 2)))
    );
    let message = &recorded.conditions.last().unwrap().message;
    assert!(
        message.contains("port 20017 of 2 of 3 proxies"),
        "{message}"
    );
    // A new leader that has not looked yet lets it stand.
    facts.front = Some(front(None, None));
    let (kept, at_port, _) = told(&facts, &recorded);
    assert_eq!((kept, at_port), (serving, Some((20_017, 2))));
    // What is wrong is told, with what there is all the same.
    facts.front = Some(front(Some(found.clone()), Some("FrontHasSelector")));
    let (wrong, at_port, _) = told(&facts, &recorded);
    let selector = (ConditionStatus::False, "FrontHasSelector".to_owned());
    assert_eq!((wrong, at_port), (Some(selector), Some((20_017, 2))));
    let mut foreign = front(Some(found), None);
    foreign.foreign = vec!["by-hand".to_owned()];
    facts.front = Some(foreign);
    let status = told(&facts, &recorded).2;
    let last = status.conditions.last().unwrap();
    assert_eq!(last.reason, "ForeignEndpoints");
    assert!(last.message.contains("by-hand"), "{}", last.message);
    // Without a front nothing of it is left.
    facts.front = None;
    let (gone, at_port, _) = told(&facts, &recorded);
    assert_eq!((gone, at_port), (None, None));
}
