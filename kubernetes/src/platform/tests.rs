use std::sync::Arc;
use std::time::Duration;

use http::Response;
use parking_lot::Mutex;
use rouse_api::workload::WorkloadId;
use rouse_scaler::platform::{Count, Platform, ScaleOrder};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::{KubernetesPlatform, Readiness, WatchConfig, Workloads, start};
use crate::facts::Objects;
use crate::lease::Reign;
use crate::testing::{Asked, Body, Server, answer, stream};

/// Watches that are open, by the plural of what they watch.
type Watches = Arc<Mutex<Vec<(String, mpsc::UnboundedSender<Value>)>>>;

struct World {
    server: Server,
    watches: Watches,
    platform: KubernetesPlatform,
    workloads: Workloads,
    objects: Objects,
    readiness: Readiness,
    leads: watch::Sender<bool>,
}

fn sleeping() -> Value {
    json!({"metadata": {"namespace": "shop", "name": "web", "uid": "d", "resourceVersion": "7", "managedFields": [
            {"manager": "rouse-scaler", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {}}})
}

fn object(spec: Value) -> Value {
    json!({"apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload", "metadata": {"namespace": "shop", "name": "web",
        "uid": "s", "resourceVersion": "8", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec})
}

fn list(plural: &str, objects: &[Value]) -> Value {
    let items: &[Value] = match plural {
        "scaledworkloads" => objects,
        "deployments" => &[sleeping()],
        "services" => &[
            json!({"metadata": {"namespace": "shop", "name": "web", "resourceVersion": "7"},
            "spec": {"clusterIP": "10.96.0.7", "selector": {"app": "web"}, "ports": [{"port": 80}]}}),
        ],
        _ => &[],
    };
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": items})
}

impl World {
    async fn new(objects: Vec<Value>) -> Self {
        let watches = Watches::default();
        let own = watches.clone();
        let server = Server::new(move |asked: Asked| {
            let answer = reply(&own, &objects, &asked);
            async move { answer }
        })
        .await;
        let (leads, led) = watch::channel(false);
        let (platform, workloads, objects, readiness) = start(
            server.client.clone(),
            &WatchConfig::default(),
            led,
            Reign::long(),
        );
        Self {
            server,
            watches,
            platform,
            workloads,
            objects,
            readiness,
            leads,
        }
    }

    async fn workloads(&mut self) -> Vec<WorkloadId> {
        let next = timeout(Duration::from_secs(5), self.workloads.next())
            .await
            .unwrap();
        next.into_iter()
            .map(|workload| {
                let id = workload.id.clone();
                self.platform.apply(Arc::new(workload));
                id
            })
            .collect()
    }

    async fn tell(&self, plural: &str, event: Value) {
        let sent = async {
            while !self.sent(plural, &event) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(5), sent).await.unwrap();
    }

    fn sent(&self, plural: &str, event: &Value) -> bool {
        let watches = self.watches.lock();
        let found = watches.iter().rev().find(|(name, _)| name == plural);
        found.is_some_and(|(_, watch)| watch.send(event.clone()).is_ok())
    }

    fn patches(&self) -> Vec<Asked> {
        self.server
            .asked()
            .into_iter()
            .filter(|asked| asked.method == "PATCH")
            .collect()
    }

    async fn until_patched(&self) -> Asked {
        timeout(Duration::from_secs(5), async {
            while self.patches().is_empty() {
                sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .unwrap();
        self.patches().remove(0)
    }
}

fn reply(watches: &Watches, objects: &[Value], asked: &Asked) -> Response<Body> {
    let path = asked.path.split('?').next().unwrap();
    let plural = path.rsplit('/').next().unwrap();
    let scale = |replicas: Value| {
        answer(
            200,
            &json!({"metadata": {"resourceVersion": "12"}, "spec": replicas}),
        )
    };
    match (&*asked.method, plural) {
        ("PATCH", _) => {
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            let to = body
                .pointer("/1/value")
                .or(body.pointer("/spec/replicas"))
                .unwrap();
            scale(json!({"replicas": to}))
        }
        (_, "scale") => scale(json!({})),
        (_, "scaledobjects") => answer(
            404,
            &json!({"kind": "Status", "code": 404, "message": "not served"}),
        ),
        _ if asked.path.contains("watch=true") => {
            let (sender, receiver) = mpsc::unbounded_channel();
            watches.lock().push((plural.to_owned(), sender));
            stream(receiver)
        }
        _ => answer(200, &list(plural, objects)),
    }
}

#[tokio::test]
async fn all_is_listed_then_observed_and_scaled() {
    let mut world = World::new(vec![object(json!({"http": {"hosts": ["a.b"]}}))]).await;
    assert!(!world.readiness.missing().is_empty());
    let id = WorkloadId::new("shop", "web");
    assert_eq!(world.workloads().await, std::slice::from_ref(&id));
    assert_eq!(world.readiness.missing(), [""; 0]);
    assert_eq!(world.objects.changed().await, id);
    assert_eq!(
        world.objects.get(&id).unwrap().target,
        "apps/v1 Deployment web"
    );
    let seen = world.platform.observe().await;
    assert_eq!(
        (seen.count, seen.blocked),
        (
            Some(Count {
                version: 7,
                replicas: 0
            }),
            None
        )
    );
    let order = ScaleOrder {
        workload: id,
        from: 0,
        to: 1,
        victims: Vec::new(),
    };
    let count = Count {
        version: 12,
        replicas: 1,
    };
    assert_eq!(world.platform.scale(order).await, Ok(count));
    assert_eq!(
        world.platform.observe().await.count,
        Some(count),
        "before any watch tells"
    );
    assert_eq!(world.patches().len(), 1);
}

#[tokio::test]
async fn what_is_blocked_or_gone_is_not_scaled() {
    let mut world = World::new(vec![object(json!({"http": {"hosts": ["a.b"]}}))]).await;
    let id = world.workloads().await.remove(0);
    let order = |from, to| ScaleOrder {
        workload: WorkloadId::new("shop", "web"),
        from,
        to,
        victims: Vec::new(),
    };
    let mut paused = object(json!({"http": {"hosts": ["a.b"]}}));
    paused["metadata"]["annotations"] = json!({"rouse.dev/paused": "true"});
    world
        .tell(
            "scaledworkloads",
            json!({"type": "MODIFIED", "object": paused}),
        )
        .await;
    while world.platform.observe().await.blocked.is_none() {}
    let refused = world
        .platform
        .scale(order(0, 1))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("rouse.dev/paused"), "{refused}");
    world
        .tell(
            "scaledworkloads",
            json!({"type": "DELETED", "object": paused}),
        )
        .await;
    assert_eq!(world.workloads().await, []);
    assert_eq!(world.platform.scale(order(1, 0)).await.unwrap().replicas, 0);
    let refused = world.platform.scale(order(0, 1)).await.unwrap_err();
    assert!(refused.to_string().contains("gone"), "{refused}");
    assert_eq!(world.objects.get(&id), None);
    assert_eq!(world.patches(), []);
}

#[tokio::test]
async fn the_leader_wakes_what_a_deletion_leaves_asleep() {
    let mut world = World::new(vec![object(json!({"http": {"hosts": ["a.b"]}}))]).await;
    world.workloads().await;
    world.leads.send_replace(true);
    world
        .tell(
            "scaledworkloads",
            json!({"type": "DELETED", "object": object(json!({}))}),
        )
        .await;
    let patch = world.until_patched().await;
    assert!(
        patch
            .path
            .starts_with("/apis/apps/v1/namespaces/shop/deployments/web/scale?"),
        "{}",
        patch.path
    );
    assert!(patch.body.contains("\"value\":1"), "{}", patch.body);
}

#[tokio::test]
async fn on_delete_keep_leaves_a_note_for_the_next_leader() {
    let mut world = World::new(vec![object(
        json!({"onDelete": "keep", "http": {"hosts": ["a.b"]}}),
    )])
    .await;
    world.workloads().await;
    world.leads.send_replace(true);
    world
        .tell(
            "scaledworkloads",
            json!({"type": "DELETED", "object": object(json!({}))}),
        )
        .await;
    let patch = world.until_patched().await;
    assert!(
        patch.path.contains("fieldManager=rouse-kept"),
        "{}",
        patch.path
    );
    assert!(patch.body.contains("\"replicas\":0"), "{}", patch.body);
}

#[tokio::test]
async fn a_new_leader_wakes_what_the_last_one_did_not_come_to() {
    let mut world = World::new(Vec::new()).await;
    assert_eq!(world.workloads().await, []);
    assert_eq!(world.patches(), [], "a follower leaves it to the leader");
    world.leads.send_replace(true);
    assert!(world.until_patched().await.body.contains("\"value\":1"));
}
