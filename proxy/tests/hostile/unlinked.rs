//! No scaler for long: pods' addresses may be stale, the Service's is not.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use rouse_api::link::{Endpoint, EndpointId, EndpointState, ToProxy, WorkloadState};
use rouse_api::workload::{Http, Protocol};

use crate::support::{Gateway, Steady, get, id, routed, until};

async fn gateway(pod: SocketAddr, service: SocketAddr, tune: impl FnOnce(&mut Http)) -> Gateway {
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", tune)]).await;
    let state = WorkloadState {
        endpoints: vec![Endpoint {
            id: EndpointId("r0".into()),
            address: pod,
            state: EndpointState::Ready,
            probe: None,
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
    use rouse_api::link::ToScaler;
    gateway.tell(message).await;
    let workload = id("nobody");
    let quiesce = ToProxy::Quiesce {
        workload,
        epoch,
        idle_for: std::time::Duration::ZERO,
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
async fn over_http2_too() {
    use crate::support::Upstream;
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
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
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
