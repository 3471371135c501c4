//! What the scaler says and hears: quiesce, wake, drain, routes that come and go.

use std::time::Duration;

use rouse_api::link::{
    EndpointId, EndpointState, Epoch, Failure, ToProxy, ToScaler, WorkloadState,
};

use crate::support::{Gateway, Steady, Upstream, get, id, post, routed};

fn quiesce(epoch: Epoch) -> ToProxy {
    ToProxy::Quiesce {
        workload: id("hello"),
        epoch,
        idle_for: Duration::ZERO,
    }
}

fn quiesced(epoch: Epoch) -> impl Fn(&ToScaler) -> bool {
    move |said| matches!(said, ToScaler::Quiesced { epoch: told, .. } if *told == epoch)
}

fn busy(epoch: Epoch) -> impl Fn(&ToScaler) -> bool {
    move |said| matches!(said, ToScaler::Busy { epoch: told, .. } if *told == epoch)
}

fn wake(said: &ToScaler) -> bool {
    matches!(said, ToScaler::Wake(wake) if wake.workload == id("hello") && wake.held > 0)
}

#[tokio::test]
async fn quiesced_it_holds_and_asks_for_a_wake_until_it_is_resumed() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    gateway.tell(quiesce(1)).await;
    gateway.says("Quiesced", quiesced(1)).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    gateway.held("hello", 1).await;
    gateway.says("Wake", wake).await;
    assert_eq!(replica.seen().len(), 0, "nothing is sent while quiesced");
    let resume = |epoch| ToProxy::Resume {
        workload: id("hello"),
        epoch,
    };
    gateway.tell(resume(0)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(replica.seen().len(), 0, "that was an earlier attempt");
    gateway.tell(resume(1)).await;
    assert_eq!(client.answer().await.text(), "0 a");
}

#[tokio::test]
async fn in_flight_or_held_it_is_busy() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    gateway.held("hello", 1).await;
    gateway.tell(quiesce(1)).await;
    gateway.says("Busy: held", busy(1)).await;
    gateway.awake("hello", &[upstream.address]).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    gateway.tell(quiesce(2)).await;
    gateway.says("Busy: in flight", busy(2)).await;
    replica
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no")
        .await;
    gateway.tell(quiesce(3)).await;
    gateway.says("Busy: half answered", busy(3)).await;
    replica.send("k").await;
    assert_eq!(client.answer().await.status, 200);
    gateway.in_flight("hello", 0).await;
    let long = ToProxy::Quiesce {
        workload: id("hello"),
        epoch: 4,
        idle_for: Duration::from_secs(600),
    };
    gateway.tell(long).await;
    gateway
        .says("Busy: not idle for long enough", busy(4))
        .await;
    gateway.tell(quiesce(5)).await;
    gateway.says("Quiesced", quiesced(5)).await;
}

#[tokio::test]
async fn asleep_it_holds_until_there_is_a_new_replica() {
    let (old, new) = (Steady::start("old").await, Steady::start("new").await);
    let gateway = Gateway::hello(&[old.address]).await;
    gateway.tell(quiesce(1)).await;
    gateway.says("Quiesced", quiesced(1)).await;
    gateway
        .tell(ToProxy::Asleep {
            workload: id("hello"),
            epoch: 1,
        })
        .await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    gateway.says("Wake", wake).await;
    gateway.forget();
    gateway.says("Wake again", wake).await;
    let replica = |state| ("n".to_owned(), new.address, state);
    gateway
        .state("hello", &[replica(EndpointState::Starting)])
        .await;
    assert_eq!(new.seen().len(), 0, "it is not ready");
    gateway
        .state("hello", &[replica(EndpointState::Ready)])
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.text(), "0 new");
    for stage in ["rouse-hold", "rouse-schedule", "rouse-start", "rouse-queue"] {
        let timing = answer.header("server-timing").unwrap();
        assert!(timing.contains(&format!("{stage};dur=")), "{timing}");
    }
    assert_eq!(old.seen().len(), 0);
}

#[tokio::test]
async fn wake_is_repeated_while_something_is_held_and_no_longer() {
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    for _ in 0..3 {
        gateway.says("Wake", wake).await;
        gateway.forget();
    }
    drop(client);
    gateway.held("hello", 0).await;
    // One may be under way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    gateway.forget();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(gateway.said(wake), 0, "nobody waits any more");
}

#[tokio::test]
async fn held_requests_leave_in_order() {
    let upstream = Upstream::bind().await;
    let one = routed("hello", |http| {
        http.concurrency_limit = Some(1.try_into().unwrap());
    });
    let gateway = Gateway::routing(|_| {}, vec![one]).await;
    let mut clients = Vec::new();
    for at in 0..5 {
        let mut client = gateway.wire().await;
        client
            .send(format!("GET /{at} HTTP/1.1\r\nhost: hello.test\r\n\r\n"))
            .await;
        gateway.held("hello", at + 1).await;
        clients.push(client);
    }
    gateway.awake("hello", &[upstream.address]).await;
    for (at, mut client) in clients.into_iter().enumerate() {
        let mut replica = upstream.accept().await;
        let head = replica.head().await;
        assert!(head.starts_with(&format!("GET /{at} ")), "{head:?}");
        gateway.in_flight("hello", 1).await;
        let close = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
        replica.send(close).await;
        assert_eq!(client.answer().await.text(), "ok");
    }
}

#[tokio::test]
async fn a_draining_replica_gets_nothing_new_and_is_told_when_it_is_empty() {
    let (old, new) = (Upstream::bind().await, Steady::start("new").await);
    let gateway = Gateway::hello(&[old.address]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let mut replica = old.accept().await;
    replica.head().await;
    let drains = [
        ("r0".to_owned(), old.address, EndpointState::Draining),
        ("n".to_owned(), new.address, EndpointState::Ready),
    ];
    gateway.state("hello", &drains).await;
    let drained = |said: &ToScaler| matches!(said, ToScaler::Drained { endpoint, .. } if *endpoint == EndpointId("r0".into()));
    for _ in 0..10 {
        assert_eq!(gateway.get("hello").await.text(), "0 new");
    }
    assert_eq!(gateway.said(drained), 0, "a request is in flight there");
    replica
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
    assert_eq!(client.answer().await.text(), "ok");
    gateway.says("Drained", drained).await;
}

#[tokio::test]
async fn a_replica_that_goes_lets_its_requests_end() {
    let old = Upstream::bind().await;
    let gateway = Gateway::hello(&[old.address]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let mut replica = old.accept().await;
    replica.head().await;
    gateway.state("hello", &[]).await;
    replica
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
    assert_eq!(client.answer().await.text(), "ok");
    gateway.in_flight("hello", 0).await;
}

#[tokio::test]
async fn a_workload_that_is_removed_answers_those_who_wait_and_lets_the_others_end() {
    let upstream = Upstream::bind().await;
    let one = || routed("busy", |_| {});
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {}), one()]).await;
    gateway.awake("busy", &[upstream.address]).await;
    let (mut held, mut busy) = (gateway.wire().await, gateway.wire().await);
    held.send(get("hello")).await;
    gateway.held("hello", 1).await;
    busy.send(get("busy")).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    gateway.route(Vec::new()).await;
    let answer = held.answer().await;
    answer.is_problem(503, "workload-removed");
    assert_eq!(answer.header("retry-after"), Some("5"));
    replica
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
    assert_eq!(busy.answer().await.text(), "ok");
    gateway.get("hello").await.is_problem(404, "no-route");
}

#[tokio::test]
async fn a_workload_that_comes_back_still_counts_what_is_in_flight() {
    let upstream = Upstream::bind().await;
    let one = || {
        routed("busy", |http| {
            http.concurrency_limit = std::num::NonZeroU32::new(1);
        })
    };
    let gateway = Gateway::routing(|_| {}, vec![one()]).await;
    gateway.awake("busy", &[upstream.address]).await;
    let (mut first, mut second) = (gateway.wire().await, gateway.wire().await);
    first.send(get("busy")).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    gateway.route(Vec::new()).await;
    gateway.route(vec![one()]).await;
    gateway.awake("busy", &[upstream.address]).await;
    second.send(get("busy")).await;
    gateway.held("busy", 1).await;
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    replica.send(answer).await;
    assert_eq!(first.answer().await.text(), "ok");
    replica.head().await;
    replica.send(answer).await;
    assert_eq!(second.answer().await.text(), "ok");
}

#[tokio::test]
async fn those_who_wait_for_a_removed_workload_go_to_the_one_that_has_its_route_now() {
    let replica = Steady::start("heir").await;
    let heir = || {
        let mut heir = routed("hello", |_| {});
        heir.id = id("heir");
        heir
    };
    for body in [String::new(), "x".repeat(100_000)] {
        let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
        let mut client = gateway.wire().await;
        client.send(post("hello", &body)).await;
        gateway.held("hello", 1).await;
        gateway.route(vec![heir()]).await;
        gateway.held("heir", 1).await;
        gateway.awake("heir", &[replica.address]).await;
        assert_eq!(client.answer().await.text(), format!("{} heir", body.len()));
    }
    assert_eq!(replica.seen().len(), 2);
}

#[tokio::test]
async fn a_workload_that_cannot_start_tells_those_who_wait() {
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
    let mut held = gateway.wire().await;
    held.send(get("hello")).await;
    gateway.held("hello", 1).await;
    let failure = Failure {
        reason: "StartError".to_owned(),
        message: "no such file: /nowhere".to_owned(),
    };
    let state = |failure| {
        ToProxy::State(WorkloadState {
            failure,
            ..WorkloadState::empty(id("hello"))
        })
    };
    gateway.tell(state(Some(failure))).await;
    let answer = held.answer().await;
    answer.is_problem(503, "workload-failed");
    assert!(
        answer.text().contains("no such file: /nowhere"),
        "{}",
        answer.text()
    );
    gateway
        .get("hello")
        .await
        .is_problem(503, "workload-failed");
    gateway.says("a refused request asks again", wake).await;
    gateway.tell(state(None)).await;
    gateway.forget();
    held.send(get("hello")).await;
    gateway.held("hello", 1).await;
}

#[tokio::test]
async fn before_its_first_routes_it_is_not_ready() {
    let gateway = Gateway::start(|_| {}).await;
    assert!(!gateway.proxy.ready());
    let answer = gateway.get("hello").await;
    answer.is_problem(503, "not-ready");
    assert_eq!(answer.header("retry-after"), Some("1"));
    gateway.route(vec![routed("hello", |_| {})]).await;
    assert!(gateway.proxy.ready());
    gateway.get("other").await.is_problem(404, "no-route");
}

#[tokio::test]
async fn without_a_scaler_it_serves_with_what_it_knew() {
    let replica = Steady::start("a").await;
    let mut gateway = Gateway::hello(&[replica.address]).await;
    gateway.unlink();
    assert_eq!(gateway.get("hello").await.text(), "0 a");
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(gateway.get("hello").await.text(), "0 a");
}

#[tokio::test]
async fn what_is_said_of_unknown_workloads_does_no_harm() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let workload = id("nobody");
    gateway
        .tell(ToProxy::Asleep {
            workload: workload.clone(),
            epoch: 9,
        })
        .await;
    gateway
        .tell(ToProxy::Resume {
            workload: workload.clone(),
            epoch: 9,
        })
        .await;
    gateway
        .tell(ToProxy::Quiesce {
            workload,
            epoch: 10,
            idle_for: Duration::ZERO,
        })
        .await;
    gateway.says("nothing is sent to it", quiesced(10)).await;
    assert_eq!(gateway.get("hello").await.text(), "0 a");
}
