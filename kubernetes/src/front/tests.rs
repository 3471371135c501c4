//! The leader at work, before an API server of a few lines.

use parking_lot::Mutex;
use rouse_api::link::Fronts as Open;
use serde_json::{Value, json};

use super::*;
use crate::index::event::Change;
use crate::index::object::Object;
use crate::index::service::Service;
use crate::index::{Index, UNSCHEDULABLE_WAIT};
use crate::members::{ProxyPod, ProxyPods};
use crate::testing::{Asked, Server, answer};

const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";

/// What the API server says, when it doesn't do what it is asked.
type Refusal = Arc<Mutex<Option<(u16, &'static str)>>>;

struct World {
    server: Server,
    refusal: Refusal,
    shared: Arc<Shared>,
    pods: watch::Sender<Option<Arc<ProxyPods>>>,
    listening: watch::Sender<Listening>,
    _task: tokio_util::task::AbortOnDropHandle<Infallible>,
}

fn id(name: &str) -> WorkloadId {
    WorkloadId::new("shop", name)
}

/// As one that keeps what it is given, if it may.
fn kept(asked: &Asked, refusal: &Refusal) -> http::Response<crate::testing::Body> {
    if let Some((code, message)) = *refusal.lock() {
        let status = json!({"kind": "Status", "message": message, "code": code});
        return answer(code, &status);
    }
    if asked.method == "DELETE" {
        return answer(200, &json!({"kind": "Status", "status": "Success"}));
    }
    let mut object: Value = serde_json::from_str(&asked.body).unwrap();
    let meta = &mut object["metadata"];
    let next = meta["resourceVersion"]
        .as_str()
        .unwrap_or("1")
        .parse::<u64>()
        .unwrap()
        + 1;
    meta["resourceVersion"] = json!(next.to_string());
    meta["uid"] = json!("slice");
    answer(200, &object)
}

impl World {
    /// Leads, with so many ports.
    async fn new(ports: u16) -> Self {
        let refusal = Refusal::default();
        let refuses = refusal.clone();
        let server = Server::new(move |asked: Asked| {
            let answer = kept(&asked, &refuses);
            async move { answer }
        })
        .await;
        let range = 20_000..=20_000 + ports - 1;
        let index = Index::new(UNSCHEDULABLE_WAIT).with_fronts(Some(range.clone()));
        let shared = Shared::new(index);
        shared.expect("all");
        shared.listed("all");
        let (pods, known) = watch::channel(None);
        let (listening, heard) = watch::channel(Listening::new());
        let config = FrontConfig {
            range,
            pods: known,
            listening: heard,
            reign: Reign::long(),
        };
        let keeper = Keeper::new(server.client.clone(), shared.clone(), &config);
        let task = tokio::spawn(keeper.keep());
        Self {
            server,
            refusal,
            shared,
            pods,
            listening,
            _task: tokio_util::task::AbortOnDropHandle::new(task),
        }
    }

    /// A workload with a front of its name.
    fn front(&self, name: &str) {
        let object = json!({
            "apiVersion": "rouse.dev/v1alpha1", "kind": "ScaledWorkload",
            "metadata": {"namespace": "shop", "name": name, "uid": format!("sw-{name}"), "generation": 1,
                "resourceVersion": "10", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"http": {"service": {"name": format!("{name}-pods")}, "front": {"service": name}}}
        });
        let object = Object::of(&serde_json::from_value(object).unwrap()).unwrap();
        self.shared.handle(Event::Object(Change::Apply(object)));
        let service = json!({"metadata": {"namespace": "shop", "name": name},
            "spec": {"clusterIP": "10.96.0.7", "ports": [{"port": 80}]}});
        let service = Service::of(serde_json::from_value(service).unwrap()).unwrap();
        self.shared.handle(Event::Service(Change::Apply(service)));
    }

    fn proxy(&self) {
        let pod = ProxyPod {
            namespace: "rouse".to_owned(),
            name: "proxy".to_owned(),
            address: "10.0.0.1".parse().ok(),
            node: None,
            ready: true,
            terminating: false,
        };
        let pods = ProxyPods::from([("p1".into(), pod)]);
        self.pods.send_replace(Some(Arc::new(pods)));
    }

    fn listens(&self, workload: &str, port: u16) {
        let open = Open::from([(id(workload), port)]);
        self.listening
            .send_replace(Listening::from([("p1".into(), Arc::new(open))]));
    }

    fn port(&self, workload: &str) -> Option<u16> {
        let ports = self.shared.with(|index| index.front_ports());
        ports.get(&id(workload)).copied()
    }

    /// Why a front is not well.
    fn reason(&self, workload: &str) -> String {
        use crate::facts::FactSource;
        let facts = self.shared.facts(&id(workload)).unwrap();
        let failure = facts.front.unwrap().failure;
        failure.map(|failure| failure.reason).unwrap_or_default()
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !holds() {
                sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{what}: {:?}", self.server.asked());
    }
}

#[tokio::test]
async fn a_front_gets_a_port_and_then_its_proxies() {
    let world = World::new(1000).await;
    world.front("hello");
    world.front("other");
    // Nothing before the proxies are known.
    sleep(COALESCE * 3).await;
    assert!(world.server.asked().is_empty());
    world.proxy();
    world
        .until("both have ports", || {
            world.port("hello").is_some() && world.port("other").is_some()
        })
        .await;
    let port = world.port("hello").unwrap();
    assert_ne!(world.port("other"), Some(port));
    assert_eq!(world.reason("hello"), "FrontNotOpen");
    world.listens("hello", port);
    world
        .until("the proxy is there", || world.reason("hello").is_empty())
        .await;
    let asked = world.server.asked();
    let hello = asked.iter().filter(|asked| asked.body.contains("sw-hello"));
    let hello: Vec<_> = hello.collect();
    let [created, changed] = &hello[..] else {
        panic!("{hello:?}");
    };
    let at = |asked: &Asked| asked.path.split_once('?').unwrap().0.to_owned();
    assert_eq!((&*created.method, &*at(created)), ("POST", SLICES));
    assert_eq!(changed.method, "PATCH");
    assert!(changed.path.contains("force=true"), "{}", changed.path);
    let body: Value = serde_json::from_str(&changed.body).unwrap();
    assert_eq!(body["metadata"]["resourceVersion"], "2");
    assert_eq!(body["metadata"]["uid"], "slice");
    assert_eq!(body["endpoints"][0]["addresses"][0], "10.0.0.1");
    assert_eq!(body["ports"][0]["port"], port);
}

#[tokio::test]
async fn the_last_port_is_one_fronts() {
    let world = World::new(1).await;
    world.front("a");
    world.proxy();
    world
        .until("it is given", || world.port("a").is_some())
        .await;
    world.front("b");
    let full = || world.reason("b") == "FrontPortsExhausted";
    world.until("it is told", full).await;
    assert_eq!(world.reason("a"), "FrontNotOpen");
    assert_eq!(world.server.asked().len(), 1);
}

#[tokio::test]
async fn what_may_not_be_written_is_told() {
    for (refusal, reason) in [
        ((403, "forbidden"), "FrontForbidden"),
        ((409, "already exists"), "FrontNotWritten"),
        ((500, "out of order"), "FrontNotWritten"),
    ] {
        let world = World::new(10).await;
        *world.refusal.lock() = Some(refusal);
        world.front("a");
        world.proxy();
        let told = || world.reason("a") == reason;
        world.until(reason, told).await;
        assert_eq!(world.port("a"), None, "proxies are told of no port");
        // Also while something else changes.
        world.listens("a", 20_000);
        sleep(COALESCE * 3).await;
        assert_eq!(world.reason("a"), reason);
    }
}

#[tokio::test]
async fn one_that_was_faster_is_no_failure() {
    let world = World::new(10).await;
    world.front("a");
    world.proxy();
    world
        .until("it is given", || world.port("a").is_some())
        .await;
    *world.refusal.lock() = Some((409, "the object has been modified"));
    world.listens("a", world.port("a").unwrap());
    let patches = || {
        let asked = world.server.asked();
        asked.iter().filter(|asked| asked.method == "PATCH").count()
    };
    world.until("it is tried again", || patches() > 1).await;
    assert_ne!(world.reason("a"), "FrontNotWritten");
    *world.refusal.lock() = None;
    let well = || world.reason("a").is_empty();
    world.until("it is written", well).await;
}
