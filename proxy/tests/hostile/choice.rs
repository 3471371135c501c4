//! A workload that a gateway in front has chosen by header: on the listener that says so, from peers that it names.

use rouse_proxy::ProxyConfig;

use crate::support::{Gateway, Steady, Wire, routed};

/// Two workloads, `hello` and `other`, and the address of a listener where these may choose.
async fn gateway(from: &str, hello: &Steady, other: &Steady) -> (Gateway, std::net::SocketAddr) {
    let tune = |config: &mut ProxyConfig| {
        config.by_header.listen = vec![([127, 0, 0, 1], 0).into()];
        config.by_header.from = vec![from.parse().unwrap()];
    };
    let workloads = vec![routed("hello", |_| {}), routed("other", |_| {})];
    let gateway = Gateway::routing(tune, workloads).await;
    gateway.awake("hello", &[hello.address]).await;
    gateway.awake("other", &[other.address]).await;
    let door = gateway.proxy.addresses()[1];
    (gateway, door)
}

async fn ask(address: std::net::SocketAddr, host: &str, header: &str) -> crate::support::Answer {
    let mut wire = Wire::connect(address).await;
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{header}Connection: close\r\n\r\n");
    wire.send(&request).await;
    wire.answer().await
}

#[tokio::test]
async fn a_peer_that_is_named_chooses_whatever_the_host_says() {
    let (hello, other) = (Steady::start("hello").await, Steady::start("other").await);
    let (_gateway, door) = gateway("127.0.0.0/8", &hello, &other).await;
    for host in ["hello.test", "nobody.test"] {
        let answer = ask(door, host, "rouse-workload: default/other\r\n").await;
        assert_eq!(answer.status, 200, "{host}");
    }
    let head = other.nth(2).await.head;
    assert!(!head.headers.contains_key("rouse-workload"), "{head:?}");
    let answer = ask(door, "hello.test", "").await;
    assert_eq!(answer.status, 200, "without the header by host");
    hello.nth(1).await;
}

#[tokio::test]
async fn what_is_chosen_must_be_there() {
    let (hello, other) = (Steady::start("hello").await, Steady::start("other").await);
    let (_gateway, door) = gateway("127.0.0.1/32", &hello, &other).await;
    let answer = ask(door, "hello.test", "rouse-workload: default/nobody\r\n").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("no-workload"), "{}", answer.text());
    for bad in [
        "rouse-workload: hello\r\n",
        "rouse-workload: default/hello\r\nrouse-workload: default/other\r\n",
    ] {
        assert_eq!(ask(door, "hello.test", bad).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn others_cannot_choose() {
    let (hello, other) = (Steady::start("hello").await, Steady::start("other").await);
    let (gateway, door) = gateway("192.0.2.0/24", &hello, &other).await;
    let header = "rouse-workload: default/other\r\n";
    assert_eq!(ask(door, "hello.test", header).await.status, 200);
    let head = hello.nth(1).await.head;
    assert!(!head.headers.contains_key("rouse-workload"), "{head:?}");
    assert_eq!(ask(door, "nobody.test", header).await.status, 404);
    // The usual listener knows nothing of it.
    assert_eq!(ask(gateway.address, "hello.test", header).await.status, 200);
    hello.nth(2).await;
}
