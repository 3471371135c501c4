//! No scaler for long: pods' addresses may be stale, the Service's is not.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use rouse_api::link::{Endpoint, EndpointId, EndpointState, ToProxy, ToScaler, WorkloadState};
use rouse_api::workload::{Http, Protocol};

use rouse_proxy::ProxyConfig;

use crate::support::{Gateway, Steady, Upstream, get, id, routed, until};

async fn gateway(pod: SocketAddr, service: SocketAddr, tune: impl FnOnce(&mut Http)) -> Gateway {
    tuned(|_| {}, pod, service, tune).await
}

async fn tuned(
    config: impl FnOnce(&mut ProxyConfig),
    pod: SocketAddr,
    service: SocketAddr,
    tune: impl FnOnce(&mut Http),
) -> Gateway {
    let gateway = Gateway::routing(config, vec![routed("hello", tune)]).await;
    let state = WorkloadState {
        endpoints: vec![Endpoint {
            id: EndpointId("r0".into()),
            address: pod,
            state: EndpointState::Ready,
            probe: None,
            service_account: None,
        }],
        service: Some(service),
        ..WorkloadState::empty(id("hello"))
    };
    gateway.tell(ToProxy::State(state)).await;
    gateway
        .status("hello", "awake", |status| status.endpoints.len() == 1)
        .await;
    gateway
}

/// Says it, and waits until it was heard: what follows in line has an answer.
async fn link(gateway: &Gateway, message: ToProxy, epoch: u64) {
    gateway.tell(message).await;
    let workload = id("nobody");
    let quiesce = ToProxy::Quiesce {
        workload,
        epoch,
        idle_for: Duration::ZERO,
    };
    gateway.tell(quiesce).await;
    let heard =
        |said: &ToScaler| matches!(said, ToScaler::Quiesced { epoch: told, .. } if *told == epoch);
    gateway.says("heard", heard).await;
}

#[tokio::test]
async fn new_connections_go_to_the_service_until_a_scaler_is_there() {
    let (pod, service) = (Steady::start("pod").await, Steady::start("service").await);
    let gateway = gateway(pod.address, service.address, |_| {}).await;
    assert_eq!(gateway.get("hello").await.text(), "0 pod");
    link(&gateway, ToProxy::Unlinked, 1).await;
    assert_eq!(
        gateway.get("hello").await.text(),
        "0 pod",
        "a connection that stands goes on"
    );
    // The pod's connection is taken: the next is a new one.
    let mut both = (gateway.wire().await, gateway.wire().await);
    both.0
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 1\r\n\r\n")
        .await;
    pod.nth(3).await;
    both.1.send(get("hello")).await;
    assert_eq!(both.1.answer().await.text(), "0 service");
    both.0.send("x").await;
    assert_eq!(both.0.answer().await.text(), "1 pod");
    link(&gateway, ToProxy::Linked, 2).await;
    for at in 0..3 {
        assert_eq!(gateway.get("hello").await.text(), "0 pod", "{at}");
    }
    assert_eq!(service.seen().len(), 1);
}

#[tokio::test]
async fn a_connection_to_the_service_is_kept_while_unlinked_and_not_used_after() {
    let (pod, service) = (Steady::start("pod").await, Upstream::bind().await);
    let gateway = gateway(pod.address, service.address, |_| {}).await;
    link(&gateway, ToProxy::Unlinked, 1).await;
    let mut client = gateway.wire().await;
    let mut replica = None;
    for _ in 0..2 {
        client.send(get("hello")).await;
        let replica = match &mut replica {
            Some(replica) => replica,
            none => none.insert(service.accept().await),
        };
        replica.head().await;
        replica
            .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await;
        assert_eq!(client.answer().await.text(), "ok");
        gateway.next_reports(2).await;
    }
    gateway.tell(ToProxy::Linked).await;
    replica.unwrap().closed().await;
    assert_eq!(gateway.get("hello").await.text(), "0 pod");
}

#[tokio::test]
async fn once_linked_the_first_request_goes_to_the_pod() {
    let (pod, service) = (Steady::start("pod").await, Steady::start("service").await);
    // No look at its connections in between.
    let gateway = tuned(
        |config| config.report_interval = Duration::from_secs(600),
        pod.address,
        service.address,
        |_| {},
    )
    .await;
    link(&gateway, ToProxy::Unlinked, 1).await;
    assert_eq!(gateway.get("hello").await.text(), "0 service");
    link(&gateway, ToProxy::Linked, 2).await;
    assert_eq!(gateway.get("hello").await.text(), "0 pod");
}

#[tokio::test]
async fn over_http2_too() {
    let (pod, service) = (Upstream::bind().await, Upstream::bind().await);
    let gateway = gateway(pod.address, service.address, |http| {
        http.protocol = Protocol::H2c;
    })
    .await;
    link(&gateway, ToProxy::Unlinked, 1).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let _connection = service.accept().await;
    pod.is_left_alone().await;
    link(&gateway, ToProxy::Linked, 2).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let _connection = pod.accept().await;
}

#[tokio::test]
async fn a_limited_workload_uses_the_connections_it_has_and_waits_without() {
    let (pod, service) = (Steady::start("pod").await, Steady::start("service").await);
    let limited = |http: &mut Http| http.concurrency_limit = NonZeroU32::new(2);
    let gateway = gateway(pod.address, service.address, limited).await;
    assert_eq!(gateway.get("hello").await.text(), "0 pod");
    link(&gateway, ToProxy::Unlinked, 1).await;
    let mut first = gateway.wire().await;
    first
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 1\r\n\r\n")
        .await;
    pod.nth(2).await;
    let mut second = gateway.wire().await;
    second.send(get("hello")).await;
    gateway.held("hello", 1).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    gateway.held("hello", 1).await;
    first.send("x").await;
    assert_eq!(first.answer().await.text(), "1 pod");
    assert_eq!(
        second.answer().await.text(),
        "0 pod",
        "the connection is free"
    );
    let mut third = gateway.wire().await;
    third
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 1\r\n\r\n")
        .await;
    pod.nth(4).await;
    second.send(get("hello")).await;
    gateway.held("hello", 1).await;
    link(&gateway, ToProxy::Linked, 2).await;
    assert_eq!(
        second.answer().await.text(),
        "0 pod",
        "a new connection may be opened"
    );
    until("nothing went by the Service", || service.seen().is_empty()).await;
}
