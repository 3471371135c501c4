use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::AT_ONCE;
use crate::index::event::{Change, Event, Key};
use crate::index::object::Object;
use crate::index::target::TargetKey;
use crate::index::{Index, UNSCHEDULABLE_WAIT};
use crate::shared::Shared;
use crate::testing::{Asked, Body, Server, answer, stream};

const MANY: usize = 50;

fn name(n: usize) -> String {
    format!("w{n}")
}

fn object(n: usize) -> Object {
    let object = json!({
        "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload",
        "metadata": {"namespace": "shop", "name": name(n), "uid": name(n), "resourceVersion": "5", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"target": {"apiVersion": "example.com/v1", "kind": "Widget", "name": name(n)}, "http": {"hosts": [format!("w{n}.example.com")]}}
    });
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    Object::of(&object).unwrap()
}

fn widgets() -> Value {
    let meta = |n| {
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"namespace": "shop", "name": name(n), "uid": name(n), "generation": 1, "resourceVersion": "7"}})
    };
    let items: Vec<Value> = (0..MANY).map(meta).collect();
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "9"}, "items": items})
}

/// Scales that are being read, and the most there were at once.
#[derive(Default)]
struct Reading {
    now: AtomicUsize,
    most: AtomicUsize,
}

async fn reply(reading: Arc<Reading>, asked: Asked) -> Response<Body> {
    let path = asked.path.split('?').next().unwrap();
    if path == "/apis/example.com/v1" {
        let widgets = json!([{"name": "widgets", "singularName": "widget", "namespaced": true, "kind": "Widget", "verbs": ["list", "watch"]},
            {"name": "widgets/scale", "singularName": "", "namespaced": true, "kind": "Scale", "group": "autoscaling", "version": "v1", "verbs": ["get"]}]);
        return answer(
            200,
            &json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "example.com/v1", "resources": widgets}),
        );
    }
    if path.ends_with("/scale") {
        let now = reading.now.fetch_add(1, Ordering::SeqCst) + 1;
        reading.most.fetch_max(now, Ordering::SeqCst);
        sleep(Duration::from_millis(20)).await;
        reading.now.fetch_sub(1, Ordering::SeqCst);
        if path.contains("/w3/") {
            return answer(
                403,
                &json!({"kind": "Status", "status": "Failure", "message": "not allowed", "reason": "Forbidden", "code": 403}),
            );
        }
        let scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"namespace": "shop", "name": "w", "resourceVersion": "7"},
            "spec": {"replicas": 2}, "status": {"replicas": 2, "selector": "app=w"}});
        return answer(200, &scale);
    }
    if asked.path.contains("watch=true") {
        let (keep, events) = mpsc::unbounded_channel();
        // Open for as long as the test.
        std::mem::forget(keep);
        return stream(events);
    }
    answer(200, &widgets())
}

#[tokio::test]
async fn scales_are_read_side_by_side_and_none_is_called_missing_before() {
    let reading = Arc::new(Reading::default());
    let own = reading.clone();
    let server = Server::new(move |asked: Asked| reply(own.clone(), asked)).await;
    let shared = Shared::new(Index::new(UNSCHEDULABLE_WAIT));
    for n in 0..MANY {
        shared.handle(Event::Object(Change::Apply(object(n))));
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(super::run(server.client.clone(), None, shared.clone()));
    shared.kinds.notify_one();
    let known = |n: usize| {
        let target = TargetKey::new("shop", "example.com/v1", "Widget", &name(n));
        let count =
            shared.with(|index| index.target_of(&target).map(|target| target.count.replicas));
        let blocked = shared.with(|index| {
            index
                .scalable_of(&Key::new("shop", name(n).as_str()))
                .unwrap()
                .1
        });
        (
            count,
            blocked.map(|blocked| (blocked.reason, blocked.message)),
        )
    };
    let all = async {
        loop {
            let seen: Vec<_> = (0..MANY).map(known).collect();
            let missing = |(count, blocked): &(Option<u32>, Option<(String, String)>)| {
                let reason = blocked.as_ref().map(|(reason, _)| &**reason);
                assert!(
                    count.is_some() || reason.is_some(),
                    "it would be scaled unseen"
                );
                let told = reason == Some("TargetNotFound");
                let why = blocked.as_ref().map_or("", |(_, why)| why);
                assert!(!told || why.contains("not allowed"), "{why}");
                !told && count.is_none()
            };
            if seen.iter().filter(|one| missing(one)).count() == 0 {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), all).await.unwrap();
    assert_eq!(known(7), (Some(2), None));
    let (count, blocked) = known(3);
    assert_eq!(count, None);
    assert!(blocked.unwrap().1.contains("can't be read"));
    let most = reading.most.load(Ordering::SeqCst);
    assert!((2..=AT_ONCE).contains(&most), "{most} at once");
}
