//! The PROXY protocol, on the listener that says so, from the peers that it names.

use std::net::SocketAddr;

use rouse_proxy::ProxyConfig;

use crate::support::{Gateway, Steady, Wire, get, routed};

const LINE: &str = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";

/// `hello`, awake, and the address of a listener for peers of `from`.
async fn gateway(from: &str, replica: &Steady) -> (Gateway, SocketAddr) {
    let tune = |config: &mut ProxyConfig| {
        config.proxy_protocol.listen = vec![([127, 0, 0, 1], 0).into()];
        config.proxy_protocol.from = vec![from.parse().unwrap()];
        config.limits.header_read = std::time::Duration::from_millis(500);
    };
    let gateway = Gateway::routing(tune, vec![routed("hello", |_| {})]).await;
    gateway.awake("hello", &[replica.address]).await;
    let door = gateway.proxy.addresses()[1];
    (gateway, door)
}

#[tokio::test]
async fn whose_a_connection_is_is_told_upstream() {
    let replica = Steady::start("a").await;
    let (_gateway, door) = gateway("127.0.0.0/8", &replica).await;
    let mut client = Wire::connect(door).await;
    // In pieces, and with what a client claims of itself.
    client.send(&LINE[..20]).await;
    client.send(&LINE[20..]).await;
    let request = "GET / HTTP/1.1\r\nhost: hello.test\r\nx-forwarded-for: 1.1.1.1\r\n\r\n";
    for nth in 1..=2 {
        client.send(request).await;
        assert_eq!(client.answer().await.status, 200);
        let head = replica.nth(nth).await.head;
        assert_eq!(head.headers["x-forwarded-for"], "192.0.2.7");
        assert_eq!(head.headers["forwarded"], "for=192.0.2.7;proto=http");
        assert_eq!(head.headers["x-forwarded-proto"], "http");
    }
}

#[tokio::test]
async fn version_2_may_say_that_it_came_over_tls() {
    let replica = Steady::start("a").await;
    let (_gateway, door) = gateway("127.0.0.0/8", &replica).await;
    let mut client = Wire::connect(door).await;
    let mut head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x14".to_vec();
    head.extend([192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 4, 1, 0xbb]);
    head.extend([0x20, 0, 5, 1, 0, 0, 0, 0]);
    client.send(&head).await;
    client.send(get("hello")).await;
    assert_eq!(client.answer().await.status, 200);
    let seen = replica.nth(1).await.head;
    assert_eq!(seen.headers["x-forwarded-proto"], "https");
    assert_eq!(seen.headers["forwarded"], "for=192.0.2.7;proto=https");
}

#[tokio::test]
async fn without_it_or_from_others_nothing_is_heard() {
    let replica = Steady::start("a").await;
    let (gateway, door) = gateway("127.0.0.0/8", &replica).await;
    let mut plain = Wire::connect(door).await;
    plain.send(get("hello")).await;
    plain.closed().await;
    let mut silent = Wire::connect(door).await;
    silent.send("PROXY").await;
    silent.closed().await;
    // On the other listener it is no request.
    let mut other = gateway.wire().await;
    other.send(LINE).await;
    other.send(get("hello")).await;
    let answer = other.rest().await;
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
        "{answer:?}"
    );
    let (_gateway, door) = self::gateway("192.0.2.0/24", &replica).await;
    let mut stranger = Wire::connect(door).await;
    // It may be closed before this is written.
    let _ = stranger.try_send(LINE).await;
    let _ = stranger.try_send(get("hello")).await;
    assert!(stranger.rest().await.is_empty());
    assert!(replica.seen().is_empty());
}
