use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use parking_lot::Mutex;
use rouse_api::workload::{Scalable, WorkloadId};
use rouse_scaler::platform::{Count, PlatformError};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Change, Scaler};
use crate::index::event::{Change as Seen, Event};
use crate::index::object::Object;
use crate::index::target::{Target, TargetKey};
use crate::index::{Index, UNSCHEDULABLE_WAIT};
use crate::lease::Reign;
use crate::shared::Shared;
use crate::testing::{Asked, Body, Server, answer};

const PATH: &str = "/apis/apps/v1/namespaces/shop/deployments/web/scale";

type Script = Vec<Response<Body>>;

struct World {
    server: Server,
    scaler: Scaler,
    shared: Arc<Shared>,
}

fn scale(version: u64, replicas: u32) -> Response<Body> {
    let spec = if replicas == 0 {
        json!({})
    } else {
        json!({"replicas": replicas})
    };
    let meta = json!({"name": "web", "namespace": "shop", "resourceVersion": version.to_string()});
    answer(
        200,
        &json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec}),
    )
}

fn status(code: u16, message: &str) -> Response<Body> {
    answer(
        code,
        &json!({"kind": "Status", "message": message, "code": code}),
    )
}

fn throttled(seconds: u32) -> Response<Body> {
    let mut answer = status(429, "too many");
    answer.headers_mut().insert("retry-after", seconds.into());
    answer
}

/// The API server answers as the script says, in order; the watch has told of `known` replicas at version 10.
async fn world(known: Option<u32>, script: Script) -> World {
    let script = Arc::new(Mutex::new(VecDeque::from(script)));
    let server = Server::new(move |_: Asked| {
        let next = script.lock().pop_front();
        async move { next.unwrap_or_else(|| status(418, "not in the script")) }
    })
    .await;
    let shared = Shared::new(Index::new(UNSCHEDULABLE_WAIT));
    if let Some(replicas) = known {
        let meta = json!({"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "10"});
        let meta = serde_json::from_value(meta).unwrap();
        let target = Target::of_meta("apps", "Deployment", &meta, replicas, None).unwrap();
        shared.handle(Event::Target(Seen::Apply(target)));
    }
    let scaler = Scaler::new(server.client.clone(), shared.clone(), Reign::long());
    World {
        server,
        scaler,
        shared,
    }
}

fn change(from: u32, to: u32) -> Change {
    Change {
        workload: None,
        namespace: "shop".to_owned(),
        scalable: Scalable {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
        },
        from,
        to,
    }
}

impl World {
    async fn scale(&self, from: u32, to: u32) -> Result<Count, PlatformError> {
        self.scaler.scale(change(from, to)).await
    }

    fn methods(&self) -> Vec<String> {
        self.server
            .asked()
            .into_iter()
            .map(|asked| asked.method)
            .collect()
    }

    fn known(&self) -> Count {
        let key = TargetKey::new("shop", "apps/v1", "Deployment", "web");
        self.shared
            .with(|index| index.target_of(&key).unwrap().count)
    }
}

fn count(version: u64, replicas: u32) -> Count {
    Count { version, replicas }
}

#[tokio::test]
async fn a_wake_is_one_request_and_its_answer_is_known_at_once() {
    let world = world(Some(0), vec![scale(11, 1)]).await;
    assert_eq!(world.scale(0, 1).await, Ok(count(11, 1)));
    assert_eq!(world.known(), count(11, 1));
    let asked = world.server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (&*asked[0].method, &*asked[0].path),
        ("PATCH", &*format!("{PATH}?fieldManager=rouse-scaler"))
    );
    assert_eq!(asked[0].content, "application/json-patch+json");
    let body: Value = serde_json::from_str(&asked[0].body).unwrap();
    // A Scale of no replicas is served without the field.
    assert_eq!(
        body,
        json!([
            {"op": "test", "path": "/spec/replicas", "value": null},
            {"op": "add", "path": "/spec/replicas", "value": 1},
        ])
    );
}

#[tokio::test]
async fn a_raise_never_lowers() {
    let world = world(Some(1), vec![status(422, "test failed"), scale(12, 7)]).await;
    assert_eq!(
        world.scale(1, 3).await,
        Ok(count(12, 7)),
        "higher already: that stands"
    );
    assert_eq!(world.methods(), ["PATCH", "GET"]);
    assert_eq!(world.known(), count(12, 7));
}

#[tokio::test]
async fn a_raise_goes_on_from_what_others_made_of_it() {
    let world = world(
        Some(1),
        vec![
            status(422, "test failed"),
            scale(12, 2),
            status(409, "conflict"),
            scale(13, 1),
            scale(14, 3),
        ],
    )
    .await;
    assert_eq!(world.scale(1, 3).await, Ok(count(14, 3)));
    let asked = world.server.asked();
    let tests: Vec<Value> = asked
        .iter()
        .filter(|asked| asked.method == "PATCH")
        .map(|asked| serde_json::from_str::<Value>(&asked.body).unwrap()[0]["value"].clone())
        .collect();
    assert_eq!(tests, [json!(1), json!(2), json!(1)]);
}

/// The object, its zero owned by this manager.
fn zero_of(version: u64, manager: Option<&str>) -> Response<Body> {
    let owners: Vec<Value> = manager
        .map(|manager| json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}))
        .into_iter()
        .collect();
    answer(
        200,
        &json!({
            "metadata": {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": version.to_string(), "managedFields": owners},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {}},
        }),
    )
}

/// A ScaledWorkload of which the target was seen above zero.
fn named(world: &World) -> Change {
    let object = json!({
        "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload",
        "metadata": {"namespace": "shop", "name": "web", "uid": "s", "generation": 1, "resourceVersion": "10",
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"http": {"hosts": ["web.example.com"]}}
    });
    let object = Object::of(&serde_json::from_value(object).unwrap()).unwrap();
    world.shared.handle(Event::Object(Seen::Apply(object)));
    Change {
        workload: Some(WorkloadId::new("shop", "web")),
        ..change(1, 3)
    }
}

#[tokio::test]
async fn a_raise_leaves_a_zero_that_came_meanwhile() {
    let script = vec![status(422, "test failed"), scale(12, 0), zero_of(12, None)];
    let world = world(Some(1), script).await;
    let raise = named(&world);
    assert_eq!(
        world.scaler.scale(raise.clone()).await,
        Err(PlatformError::Changed(count(12, 0)))
    );
    assert_eq!(world.methods(), ["PATCH", "GET", "GET"]);
    assert_eq!(
        world.server.asked()[2].path,
        PATH.strip_suffix("/scale").unwrap()
    );
    // Before the watch tells: a person's, and no wake undoes it.
    let wake = Change { from: 0, ..raise };
    let refused = world.scaler.scale(wake).await.unwrap_err().to_string();
    assert!(refused.contains("was set to 0 replicas"), "{refused}");
    assert_eq!(world.methods().len(), 3, "nothing was sent");
}

#[tokio::test]
async fn a_zero_of_our_own_that_came_meanwhile_is_woken() {
    let script = vec![
        status(409, "another version"),
        scale(12, 0),
        zero_of(12, Some("rouse-scaler")),
        scale(13, 3),
    ];
    let world = world(Some(1), script).await;
    let wake = Change {
        from: 0,
        ..named(&world)
    };
    assert_eq!(world.scaler.scale(wake).await, Ok(count(13, 3)));
    assert_eq!(world.methods(), ["PATCH", "GET", "GET", "PATCH"]);
}

#[tokio::test]
async fn a_pause_between_two_tries_stops_the_second() {
    let world = world(Some(1), vec![throttled(1), scale(10, 1), scale(11, 3)]).await;
    let raise = named(&world);
    let paused = json!({
        "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload",
        "metadata": {"namespace": "shop", "name": "web", "uid": "s", "resourceVersion": "12", "annotations": {"rouse.dev/paused": "true"}},
        "spec": {"http": {"hosts": ["web.example.com"]}}
    });
    let pause = async {
        while world.methods().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let paused = Object::of(&serde_json::from_value(paused).unwrap()).unwrap();
        world.shared.handle(Event::Object(Seen::Apply(paused)));
    };
    let (refused, ()) = tokio::join!(world.scaler.scale(raise), pause);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("rouse.dev/paused"), "{refused}");
    assert_eq!(world.methods(), ["PATCH"]);
}

#[tokio::test]
async fn what_is_known_may_be_old() {
    let script = vec![
        scale(12, 0),
        zero_of(12, Some("rouse-scaler")),
        scale(13, 1),
    ];
    let world = world(Some(3), script).await;
    assert_eq!(
        world.scale(0, 1).await,
        Ok(count(13, 1)),
        "3 known, 0 there"
    );
    assert_eq!(world.methods(), ["GET", "GET", "PATCH"]);
}

#[tokio::test]
async fn a_lowering_only_from_the_count_that_is_believed() {
    let world = world(Some(2), vec![scale(12, 5)]).await;
    assert_eq!(
        world.scale(3, 1).await,
        Err(PlatformError::Changed(count(12, 5)))
    );
    assert_eq!(world.methods(), ["GET"]);
}

#[tokio::test]
async fn sleep_is_applied_at_the_version_that_is_known() {
    let world = world(
        Some(2),
        vec![status(409, "another version"), scale(15, 2), scale(16, 0)],
    )
    .await;
    assert_eq!(world.scale(2, 0).await, Ok(count(16, 0)));
    let asked = world.server.asked();
    assert_eq!(
        asked[0].path,
        format!("{PATH}?fieldManager=rouse-scaler&force=true")
    );
    assert_eq!(asked[0].content, "application/apply-patch+yaml");
    let version = |at: usize| {
        serde_json::from_str::<Value>(&asked[at].body).unwrap()["metadata"]["resourceVersion"]
            .clone()
    };
    assert_eq!((version(0), version(2)), (json!("10"), json!("15")));
}

#[tokio::test]
async fn an_apply_without_a_known_version_asks_for_one_first() {
    let world = world(None, vec![scale(15, 2), scale(16, 0)]).await;
    assert_eq!(world.scale(2, 0).await, Ok(count(16, 0)));
    assert_eq!(world.methods(), ["GET", "PATCH"]);
}

#[tokio::test]
async fn pushback_is_honoured() {
    let world = world(Some(0), vec![throttled(1), scale(10, 0), scale(11, 1)]).await;
    let begun = Instant::now();
    assert_eq!(world.scale(0, 1).await, Ok(count(11, 1)));
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn pushback_beyond_the_deadline_is_told_at_once() {
    let world = world(Some(0), vec![throttled(60)]).await;
    let refused = world.scale(0, 1).await.unwrap_err().to_string();
    assert!(refused.contains("429: too many"), "{refused}");
}

#[tokio::test]
async fn an_error_of_the_server_is_tried_again() {
    let world = world(Some(0), vec![status(500, "etcd"), scale(11, 1)]).await;
    assert_eq!(
        world.scale(0, 1).await,
        Ok(count(11, 1)),
        "it had been done"
    );
    assert_eq!(world.methods(), ["PATCH", "GET"]);
}

#[tokio::test]
async fn what_is_forbidden_or_not_there_is_told() {
    for code in [403, 404] {
        let world = world(Some(0), vec![status(code, "no such luck")]).await;
        let refused = world.scale(0, 1).await.unwrap_err().to_string();
        assert!(
            refused.contains("Deployment shop/web") && refused.contains("no such luck"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_patch_that_is_refused_for_ever_ends() {
    let tries = || [status(422, "invalid"), scale(11, 0)];
    let mut script: Script = tries().into();
    script.push(zero_of(11, Some("rouse-scaler")));
    script.extend((0..20).flat_map(|_| tries()));
    let world = world(Some(0), script).await;
    let refused = world.scale(0, 1).await.unwrap_err().to_string();
    assert!(refused.contains("422: invalid"), "{refused}");
}

#[tokio::test]
async fn a_silent_api_server_is_given_up() {
    let server = Server::new(|_: Asked| std::future::pending::<Response<Body>>()).await;
    let shared = Shared::new(Index::new(UNSCHEDULABLE_WAIT));
    let scaler = Scaler::new(server.client.clone(), shared, Reign::default());
    tokio::time::pause();
    let begun = Instant::now();
    let refused = scaler.scale(change(0, 1)).await.unwrap_err().to_string();
    assert!(refused.contains("did not answer"), "{refused}");
    assert!(begun.elapsed() <= Duration::from_secs(26));
}

#[tokio::test]
async fn a_lowering_is_given_up_before_another_may_lead() {
    let server = Server::new(|_: Asked| std::future::pending::<Response<Body>>()).await;
    let shared = Shared::new(Index::new(UNSCHEDULABLE_WAIT));
    let reign = Reign::long();
    let scaler = Scaler::new(server.client.clone(), shared, reign.clone());
    tokio::time::pause();
    for (left, last) in [(60_000, 3_000), (2_500, 2_500), (700, 700)] {
        let begun = Instant::now();
        reign.set(Some(begun + Duration::from_millis(left)));
        let refused = scaler.scale(change(1, 0)).await.unwrap_err().to_string();
        assert!(refused.contains("was not scaled within"), "{refused}");
        let last = Duration::from_millis(last + 2);
        assert!(begun.elapsed() <= last, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn one_that_leads_no_longer_lowers_nothing() {
    for until in [None, Some(Instant::now())] {
        let world = world(Some(2), vec![]).await;
        world.scaler.reign.set(until);
        for to in [1, 0] {
            let refused = world.scale(2, to).await.unwrap_err().to_string();
            assert!(refused.contains("leads no longer"), "{refused}");
        }
        assert_eq!(world.methods(), Vec::<String>::new());
    }
}
