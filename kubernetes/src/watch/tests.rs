use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use kube::api::DynamicObject;
use parking_lot::Mutex;
use rouse_api::resource::{API_VERSION, KIND};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::run::{Kind, Need, run};
use crate::index::event::{Event, Scope};
use crate::index::object::Object;
use crate::index::{Index, UNSCHEDULABLE_WAIT};
use crate::shared::Shared;
use crate::testing::{Asked, Body, Server, answer, stream};

/// What the API server does next when it is asked for a list or a watch.
enum Next {
    List(Value),
    Watch(mpsc::UnboundedReceiver<Value>),
    Status(u16),
}

struct World {
    server: Server,
    shared: Arc<Shared>,
    script: Arc<Mutex<VecDeque<Next>>>,
    tasks: JoinSet<()>,
}

fn object(name: &str) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": KIND,
        "metadata": {"namespace": "shop", "name": name, "uid": name, "resourceVersion": "5", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"http": {"hosts": [format!("{name}.example.com")]}}
    })
}

fn page(names: &[&str], next: &str) -> Next {
    let items: Vec<Value> = names.iter().map(|name| object(name)).collect();
    let meta = json!({"resourceVersion": "9", "continue": next});
    Next::List(
        json!({"apiVersion": API_VERSION, "kind": "ScaledWorkloadList", "metadata": meta, "items": items}),
    )
}

fn list(names: &[&str]) -> Next {
    page(names, "")
}

fn watch() -> (mpsc::UnboundedSender<Value>, Next) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Next::Watch(receiver))
}

fn gone() -> Value {
    json!({"type": "ERROR", "object": {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old"}})
}

impl World {
    async fn new(need: Need, script: Vec<Next>) -> Self {
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let own = script.clone();
        let server = Server::new(move |_: Asked| {
            let next = own.lock().pop_front();
            async move { reply(next).await }
        })
        .await;
        let shared = Shared::new(Index::new(UNSCHEDULABLE_WAIT));
        let kind = Kind {
            name: "ScaledWorkloads",
            need,
            of: |object: DynamicObject| Object::of(&object),
            key: |object: &Object| object.key.clone(),
            event: Event::Object,
        };
        let resource = super::dynamic(API_VERSION, KIND, "scaledworkloads");
        let scope = Scope {
            namespace: None,
            kind: String::new(),
        };
        let api = super::dynamic_api(&server.client, None, &resource);
        let mut tasks = JoinSet::new();
        tasks.spawn(run(shared.clone(), kind, api, scope));
        Self {
            server,
            shared,
            script,
            tasks,
        }
    }

    fn then(&self, next: impl IntoIterator<Item = Next>) {
        self.script.lock().extend(next);
    }

    fn names(&self) -> Vec<String> {
        let workloads = self.shared.workloads();
        workloads
            .into_iter()
            .map(|workload| workload.id.name().to_owned())
            .collect()
    }

    async fn until(&self, names: &[&str]) {
        let there = async {
            while !(self.shared.is_synced() && self.names() == names) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = timeout(Duration::from_secs(5), there).await;
        assert!(
            waited.is_ok(),
            "{:?} instead of {names:?}, {:?}",
            self.names(),
            self.server.asked()
        );
    }
}

async fn reply(next: Option<Next>) -> Response<Body> {
    match next {
        Some(Next::List(list)) => answer(200, &list),
        Some(Next::Watch(lines)) => stream(lines),
        Some(Next::Status(code)) => answer(
            code,
            &json!({"kind": "Status", "status": "Failure", "code": code, "message": "no", "reason": ""}),
        ),
        None => std::future::pending().await,
    }
}

#[tokio::test]
async fn changes_arrive_and_pages_are_one_list() {
    let (events, watch) = watch();
    let world = World::new(Need::Must, vec![page(&["a"], "more"), list(&["b"]), watch]).await;
    world.until(&["a", "b"]).await;
    assert!(world.server.asked()[1].path.contains("continue=more"));
    events
        .send(json!({"type": "ADDED", "object": object("c")}))
        .unwrap();
    events
        .send(json!({"type": "DELETED", "object": object("a")}))
        .unwrap();
    world.until(&["b", "c"]).await;
}

#[tokio::test]
async fn an_expired_version_means_a_new_list_and_what_it_lacks_is_gone() {
    let (events, first) = watch();
    let world = World::new(Need::Must, vec![list(&["a", "b"]), first]).await;
    world.until(&["a", "b"]).await;
    let (_open, second) = watch();
    world.then([list(&["b", "c"]), second]);
    events.send(gone()).unwrap();
    world.until(&["b", "c"]).await;
}

#[tokio::test]
async fn a_list_that_breaks_off_half_way_decides_nothing() {
    let (events, first) = watch();
    let world = World::new(Need::Must, vec![list(&["a", "b"]), first]).await;
    world.until(&["a", "b"]).await;
    let (_open, second) = watch();
    world.then([page(&["b"], "more"), Next::Status(500)]);
    events.send(gone()).unwrap();
    timeout(Duration::from_secs(5), async {
        while world.server.asked().len() < 4 {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(
        world.names(),
        ["a", "b"],
        "half a list says nothing of the rest"
    );
    world.then([list(&["b"]), second]);
    world.until(&["b"]).await;
}

#[tokio::test]
async fn nothing_is_decided_before_the_first_list_is_whole() {
    let world = World::new(Need::Must, vec![page(&["a"], "more"), Next::Status(503)]).await;
    timeout(Duration::from_secs(5), async {
        while !world
            .shared
            .missing()
            .iter()
            .any(|why| why.contains("could not be listed"))
        {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .unwrap();
    assert!(!world.shared.is_synced());
    let (_open, watch) = watch();
    world.then([list(&["a", "b"]), watch]);
    world.until(&["a", "b"]).await;
    assert_eq!(world.shared.missing(), [""; 0]);
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_where_it_was() {
    let (first_events, first) = watch();
    let world = World::new(Need::Must, vec![list(&["a"]), first]).await;
    world.until(&["a"]).await;
    let (events, second) = watch();
    world.then([Next::Status(503), second]);
    drop(first_events);
    events
        .send(json!({"type": "ADDED", "object": object("b")}))
        .unwrap();
    world.until(&["a", "b"]).await;
    let asked = world.server.asked();
    let lists = asked
        .iter()
        .filter(|asked| !asked.path.contains("watch=true"));
    assert_eq!(lists.count(), 1, "{asked:?}");
}

#[tokio::test]
async fn what_is_needed_and_forbidden_is_told() {
    let world = World::new(Need::Must, vec![Next::Status(403)]).await;
    timeout(Duration::from_secs(5), async {
        while !world
            .shared
            .missing()
            .iter()
            .any(|why| why.contains("give the scaler's service account"))
        {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .unwrap();
    assert!(!world.shared.is_synced());
}

#[tokio::test]
async fn what_is_optional_and_absent_stops_nothing() {
    for code in [403, 404] {
        let mut world = World::new(Need::May, vec![Next::Status(code)]).await;
        world.until(&[]).await;
        world.tasks.shutdown().await;
    }
}
