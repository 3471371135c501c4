use std::sync::Arc;
use std::time::Duration;

use http::Response;
use rouse_api::workload::WorkloadId;
use rouse_scaler::WorkloadEvent;
use rouse_scaler::controller::EventKind;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::limit::Limit;
use super::said::said;
use crate::facts::{FactSource, Facts, Objects};
use crate::testing::{Asked, Body, Server, answer};

fn id(name: &str) -> WorkloadId {
    WorkloadId::new("shop", name)
}

fn slept() -> EventKind {
    let why = "no demand for 300 s".to_owned();
    EventKind::Slept { why }
}

fn failed(reason: &str, message: &str) -> EventKind {
    let (reason, message) = (reason.to_owned(), message.to_owned());
    let waking = true;
    EventKind::Failed {
        reason,
        message,
        waking,
    }
}

#[test]
fn what_all_scalers_see_the_leader_tells() {
    let failed = failed("ImagePullBackOff", "no such image");
    assert_eq!(said(&failed, false), None);
    let told = said(&failed, true).unwrap();
    assert_eq!(
        (told.warning, &*told.reason, &*told.note),
        (
            true,
            "ImagePullBackOff",
            "Failed: ImagePullBackOff: no such image"
        )
    );
    assert_eq!(
        said(&slept(), false).unwrap().note,
        "Sleeps: no demand for 300 s"
    );
    let why = "a proxy has requests".to_owned();
    assert_eq!(said(&EventKind::StayedAwake { why }, true), None);
}

#[test]
fn a_note_is_as_long_as_the_api_server_takes() {
    let told = said(&failed("Error", &"ä".repeat(2000)), true).unwrap();
    assert!((990..=1000).contains(&told.note.len()));
}

#[test]
fn one_that_wakes_and_sleeps_all_the_time_is_told_less_and_no_other() {
    let mut limit = Limit::default();
    let now = Instant::now();
    let took = |limit: &mut Limit, name: &str, now, tries: u32| {
        (0..tries).filter(|_| limit.take(&id(name), now)).count()
    };
    assert_eq!(took(&mut limit, "busy", now, 100), 10);
    assert_eq!(took(&mut limit, "calm", now, 1), 1);
    let later = now + Duration::from_mins(3);
    assert_eq!(took(&mut limit, "busy", later, 100), 3);
    let others = (0..100).filter(|n| limit.take(&id(&format!("w{n}")), later));
    assert_eq!(others.count(), 47, "of all 50 at once");
}

struct Known;

impl FactSource for Known {
    fn facts(&self, id: &WorkloadId) -> Option<Facts> {
        Some(Facts {
            origin: crate::origin::Origin::ScaledWorkload,
            id: id.clone(),
            uid: "u".to_owned(),
            generation: 1,
            resource_version: String::new(),
            deleted: false,
            target: String::new(),
            min: 0,
            max: 1,
            observes: false,
            verifies: false,
            problems: Vec::new(),
            conflicts: Vec::new(),
            ungranted: Vec::new(),
            wakes: None,
            fallback: None,
            front: None,
            blocked: None,
            failure: None,
            progress: None,
            count: None,
            ready: 0,
            governed: None,
            recorded: Value::Null,
        })
    }
}

/// Tells of each name in turn, then waits until `requests` were made; the API server answers with `reply`.
async fn told(names: &[&str], reply: fn(&Asked) -> Response<Body>, requests: usize) -> Vec<Asked> {
    let server = Server::new(move |asked: Asked| {
        let answer = reply(&asked);
        async move { answer }
    })
    .await;
    let (sender, receiver) = broadcast::channel(16);
    let (_leads, led) = watch::channel(true);
    let stop = CancellationToken::new();
    let objects = Objects::new(Arc::new(Known));
    let run = super::run(
        server.client.clone(),
        objects,
        receiver,
        led,
        "scaler-0".to_owned(),
        stop.clone(),
    );
    let run = tokio::spawn(run);
    for name in names {
        let (workload, kind) = (id(name), slept());
        sender.send(WorkloadEvent { workload, kind }).unwrap();
    }
    let asked = async {
        while server.asked().len() < requests {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(5), asked).await.unwrap();
    drop(sender);
    timeout(Duration::from_secs(5), run).await.unwrap().unwrap();
    server.asked()
}

#[tokio::test]
async fn an_event_is_about_the_object() {
    let created = |asked: &Asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        answer(201, &body)
    };
    let asked = told(&["web"], created, 1).await;
    assert_eq!(
        (&*asked[0].method, asked[0].path.split('?').next().unwrap()),
        ("POST", "/apis/events.k8s.io/v1/namespaces/shop/events")
    );
    let body: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(
        body["regarding"],
        json!({"apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "namespace": "shop", "name": "web", "uid": "u"})
    );
    assert_eq!(
        (&body["reason"], &body["type"]),
        (&json!("Slept"), &json!("Normal"))
    );
}

fn status(code: u16, details: &Value) -> Response<Body> {
    let body = json!({"kind": "Status", "status": "Failure", "message": "no", "reason": "Forbidden",
        "code": code, "details": details});
    answer(code, &body)
}

#[tokio::test]
async fn without_the_right_it_is_not_tried_again_at_once() {
    let asked = told(&["web", "db", "mq"], |_| status(403, &json!({})), 1).await;
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_namespace_that_goes_is_no_missing_right() {
    let ends = |_: &Asked| {
        status(
            403,
            &json!({"causes": [{"reason": "NamespaceTerminating"}]}),
        )
    };
    let asked = told(&["web", "db", "mq"], ends, 3).await;
    assert_eq!(asked.len(), 3);
}
