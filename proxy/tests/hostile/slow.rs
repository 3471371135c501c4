//! Peers that are slow, silent, endless or too large: bounded, closed in time, and nobody else's problem.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::support::{Gateway, Steady, Upstream, Wire, get, routed, until, within};

const SHORT: Duration = Duration::from_millis(300);
/// More than the kernel's buffers of two connections hold (with their usual bounds of 4 MiB to send and 6 MiB to receive).
const BUFFERS: usize = 32 << 20;
/// No progress for this long: the other side holds it back.
const STALL: Duration = Duration::from_millis(700);

/// Writes until nothing more is taken; the bytes written.
async fn fill(wire: &mut Wire, piece: &[u8]) -> usize {
    let mut written = 0;
    while written <= BUFFERS {
        match tokio::time::timeout(STALL, wire.stream.write(piece)).await {
            Ok(length) => written += length.unwrap(),
            Err(_) => return written,
        }
    }
    written
}

/// A workload behind which nothing goes wrong, and `hello` with this replica.
async fn beside(steady: &Steady, replica: &Upstream) -> Gateway {
    let workloads = vec![routed("hello", |_| {}), routed("good", |_| {})];
    let gateway = Gateway::routing(|_| {}, workloads).await;
    gateway.awake("hello", &[replica.address]).await;
    gateway.awake("good", &[steady.address]).await;
    gateway
}

#[tokio::test]
async fn a_slow_client_holds_its_replica_back_and_nobody_else() {
    let (steady, upstream) = (Steady::start("b").await, Upstream::bind().await);
    let gateway = beside(&steady, &upstream).await;
    let mut client = Wire::narrow(gateway.address).await;
    client.send(get("hello")).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    replica.send("HTTP/1.1 200 OK\r\n\r\n").await;
    let written = fill(&mut replica, &[b'x'; 64 << 10]).await;
    assert!(written < BUFFERS, "{written} bytes and no end");
    client.head().await;
    for _ in 0..2000 {
        client.take(1).await;
    }
    assert_eq!(gateway.get("good").await.text(), "0 b");
    // It reads on: so does the answer.
    let pump = tokio::spawn(async move {
        fill(&mut replica, &[b'x'; 64 << 10]).await;
    });
    client.take(written).await;
    drop(client);
    gateway.in_flight("hello", 0).await;
    pump.abort();
}

#[tokio::test]
async fn a_large_answer_reaches_a_slow_client_whole() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let mut client = Wire::narrow(gateway.address).await;
    client.send(get("hello")).await;
    let mut replica = upstream.accept().await;
    let body: Vec<u8> = (0..4_u32 << 20).map(|at| (at % 251) as u8).collect();
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4194304\r\n\r\n".to_vec();
    answer.extend(&body);
    let writer = tokio::spawn(async move {
        replica.head().await;
        replica.send(answer).await;
        replica
    });
    client.head().await;
    let mut read = Vec::new();
    for _ in 0..1000 {
        read.extend(client.take(1).await);
    }
    while read.len() < body.len() {
        let length = (body.len() - read.len()).min(100_000);
        read.extend(client.take(length).await);
    }
    assert!(read == body, "the bytes differ");
    writer.await.unwrap();
}

#[tokio::test]
async fn an_endless_body_is_passed_on_and_held_back() {
    let (steady, upstream) = (Steady::start("b").await, Upstream::bind().await);
    let gateway = beside(&steady, &upstream).await;
    let mut client = Wire::narrow(gateway.address).await;
    client
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend([b'x'; 64 << 10]);
    chunk.extend(b"\r\n");
    client.send(&chunk).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    // The replica does not read: the client can't send on for ever.
    let (mut written, mut at) = (0, 0);
    while written <= BUFFERS {
        match tokio::time::timeout(STALL, client.stream.write(&chunk[at..])).await {
            Ok(length) => {
                let length = length.unwrap();
                written += length;
                at = (at + length) % chunk.len();
            }
            Err(_) => break,
        }
    }
    assert!(written < BUFFERS, "{written} bytes and no end");
    assert_eq!(gateway.get("good").await.text(), "0 b");
    replica.take(written / 2).await;
    drop(client);
    // A body that was cut is never ended as if it were whole.
    let rest = replica.rest().await;
    assert!(!rest.ends_with(b"0\r\n\r\n"));
    gateway.in_flight("hello", 0).await;
}

#[tokio::test]
async fn an_endless_body_is_held_back_while_its_request_is_held() {
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
    let mut client = Wire::narrow(gateway.address).await;
    client
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 1000000000\r\n\r\n")
        .await;
    let written = fill(&mut client, &[b'x'; 64 << 10]).await;
    assert!(written < BUFFERS, "{written} bytes and no end");
    gateway.held("hello", 1).await;
    // With a reset: a close would wait behind the bytes that nobody takes.
    client.stream.set_zero_linger().unwrap();
    drop(client);
    gateway.held("hello", 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_behind_more_body_than_is_read_ahead_frees_its_place() {
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
    for length in [0, 1000, 64 << 10, 96 << 10] {
        let mut client = gateway.wire().await;
        client
            .send("POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 1000000000\r\n\r\n")
            .await;
        client.send(vec![b'x'; length]).await;
        gateway.held("hello", 1).await;
        drop(client);
        gateway.held("hello", 0).await;
    }
}

#[tokio::test]
async fn a_replica_that_does_not_answer_is_a_504() {
    let upstream = Upstream::bind().await;
    let impatient = routed("hello", |http| http.timeouts.response_header = SHORT);
    let gateway = Gateway::routing(|_| {}, vec![impatient]).await;
    gateway.awake("hello", &[upstream.address]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    client.answer().await.is_problem(504, "upstream-timeout");
    replica.closed().await;
    upstream.is_left_alone().await;
    gateway.in_flight("hello", 0).await;
}

#[tokio::test]
async fn an_answer_that_stops_is_cut() {
    let upstream = Upstream::bind().await;
    let impatient = routed("hello", |http| http.timeouts.idle = SHORT);
    let gateway = Gateway::routing(|_| {}, vec![impatient]).await;
    gateway.awake("hello", &[upstream.address]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    replica
        .send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        .await;
    client.through(b"half").await;
    client.closed().await;
    gateway.in_flight("hello", 0).await;
}

#[tokio::test]
async fn a_held_request_is_a_504_at_its_deadline() {
    let impatient = routed("hello", |http| http.hold.timeout = SHORT);
    let gateway = Gateway::routing(|_| {}, vec![impatient]).await;
    gateway.get("hello").await.is_problem(504, "hold-timeout");
    gateway.held("hello", 0).await;
}

#[tokio::test]
async fn what_does_not_fit_is_a_503() {
    let narrow = routed("hello", |http| http.hold.max_requests = 2);
    let workloads = vec![narrow, routed("other", |_| {})];
    let gateway = Gateway::routing(|config| config.limits.held_requests = 3, workloads).await;
    let mut clients = Vec::new();
    for (at, name) in [(1, "hello"), (2, "hello"), (1, "other")] {
        let mut client = gateway.wire().await;
        client.send(get(name)).await;
        gateway.held(name, at).await;
        clients.push(client);
    }
    for name in ["hello", "other"] {
        let full = gateway.get(name).await;
        full.is_problem(503, "hold-full");
        assert_eq!(full.header("retry-after"), Some("1"));
    }
    drop(clients);
    gateway.held("hello", 0).await;
    gateway.held("other", 0).await;
}

#[tokio::test]
async fn a_half_closed_client_frees_its_place() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
    let mut held = gateway.wire().await;
    held.send(get("hello")).await;
    gateway.held("hello", 1).await;
    held.stream.shutdown().await.unwrap();
    gateway.held("hello", 0).await;
    held.closed().await;
    gateway.awake("hello", &[upstream.address]).await;
    let mut sent = gateway.wire().await;
    sent.send(get("hello")).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    sent.stream.shutdown().await.unwrap();
    gateway.in_flight("hello", 0).await;
    replica.closed().await;
    sent.closed().await;
}

#[tokio::test]
async fn a_body_that_a_half_close_ends_early_is_not_executed_as_whole() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let mut client = gateway.wire().await;
    client
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 100\r\n\r\nhalf")
        .await;
    replica.nth(1).await;
    client.stream.shutdown().await.unwrap();
    let answer = String::from_utf8_lossy(&client.rest().await).into_owned();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer:?}"
    );
    gateway.in_flight("hello", 0).await;
    assert!(replica.seen()[0].body.is_none());
}

/// A gateway with short limits, and a replica behind it.
async fn hasty() -> (Gateway, Steady) {
    let replica = Steady::start("a").await;
    let short = |config: &mut rouse_proxy::ProxyConfig| {
        config.limits.header_read = SHORT;
        config.limits.keep_alive = SHORT;
    };
    let gateway = Gateway::routing(short, vec![routed("hello", |_| {})]).await;
    gateway.awake("hello", &[replica.address]).await;
    (gateway, replica)
}

#[tokio::test]
async fn silence_is_closed() {
    let (gateway, replica) = hasty().await;
    for beginning in [
        "",
        "PRI * HT",
        "P",
        "GET / HT",
        "GET / HTTP/1.1\r\nhost: hello.test\r\n",
    ] {
        let mut client = gateway.wire().await;
        client.send(beginning).await;
        let said = String::from_utf8(client.rest().await).unwrap();
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 408 "),
            "{beginning:?}: {said:?}"
        );
    }
    let mut http2 = gateway.wire().await;
    http2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    http2.rest().await;
    assert_eq!(replica.seen().len(), 0);
}

#[tokio::test]
async fn a_head_byte_by_byte_is_closed() {
    let (gateway, replica) = hasty().await;
    let mut client = gateway.wire().await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: hello.test\r\nx-long: {}",
        "x".repeat(10_000)
    );
    let drip = async {
        for byte in head.as_bytes() {
            if client.try_send([*byte]).await.is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    };
    assert!(within("the connection is closed", drip).await);
    assert_eq!(replica.seen().len(), 0);
}

#[tokio::test]
async fn a_second_head_byte_by_byte_is_closed() {
    let (gateway, replica) = hasty().await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    assert_eq!(client.answer().await.status, 200);
    let drip = async {
        loop {
            if client.try_send("G").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the connection is closed", drip).await;
    assert_eq!(replica.seen().len(), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (gateway, _replica) = hasty().await;
    let mut client = gateway.wire().await;
    for _ in 0..3 {
        client.send(get("hello")).await;
        assert_eq!(client.answer().await.status, 200);
    }
    client.closed().await;
}

#[tokio::test]
async fn a_long_answer_outlives_every_limit_on_heads_and_idleness() {
    let upstream = Upstream::bind().await;
    let (gateway, _replica) = hasty().await;
    gateway.awake("hello", &[]).await;
    let ready = rouse_api::link::EndpointState::Ready;
    gateway
        .state("hello", &[("late".to_owned(), upstream.address, ready)])
        .await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    tokio::time::sleep(SHORT * 4).await;
    replica
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no")
        .await;
    tokio::time::sleep(SHORT * 4).await;
    replica.send("k").await;
    assert_eq!(client.answer().await.text(), "ok");
}

#[tokio::test]
async fn a_head_of_a_megabyte_is_refused() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let line = format!(
        "GET /{} HTTP/1.1\r\nhost: hello.test\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let field = format!(
        "GET / HTTP/1.1\r\nhost: hello.test\r\nx-long: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let fields = format!(
        "GET / HTTP/1.1\r\nhost: hello.test\r\n{}\r\n",
        "x-many: 1\r\n".repeat(100_000)
    );
    for (what, head) in [("line", line), ("field", field), ("fields", fields)] {
        let mut client = gateway.wire().await;
        let _ = client.try_send(&head).await;
        let answer = String::from_utf8_lossy(&client.rest().await).into_owned();
        // A reset that overtakes the answer takes it away.
        let refused = ["HTTP/1.1 431 ", "HTTP/1.1 400 ", "HTTP/1.1 414 "]
            .iter()
            .any(|status| answer.starts_with(status));
        assert!(refused || answer.is_empty(), "{what}: {answer:?}");
        assert_eq!(gateway.get("hello").await.status, 200, "others");
    }
    assert_eq!(replica.seen().len(), 3, "those of the others");
}

#[tokio::test]
async fn too_many_fields_are_refused() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::hello(&[replica.address]).await;
    let fields = "x-many: 1\r\n".repeat(150);
    let mut client = gateway.wire().await;
    client
        .send(format!(
            "GET / HTTP/1.1\r\nhost: hello.test\r\n{fields}\r\n"
        ))
        .await;
    let answer = String::from_utf8_lossy(&client.rest().await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    assert_eq!(replica.seen().len(), 0);
}

#[tokio::test]
async fn a_connection_beyond_the_bound_waits_for_its_turn() {
    let replica = Steady::start("a").await;
    let bound = |config: &mut rouse_proxy::ProxyConfig| config.limits.connections = 2;
    let gateway = Gateway::routing(bound, vec![routed("hello", |_| {})]).await;
    gateway.awake("hello", &[replica.address]).await;
    let (mut first, mut second) = (gateway.wire().await, gateway.wire().await);
    for client in [&mut first, &mut second] {
        client.send(get("hello")).await;
        assert_eq!(client.answer().await.status, 200);
    }
    let mut third = gateway.wire().await;
    third.send(get("hello")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(replica.seen().len(), 2, "there is no room");
    drop(first);
    assert_eq!(third.answer().await.status, 200);
    until("three in all", || replica.seen().len() == 3).await;
}

#[tokio::test]
async fn a_body_that_waits_for_100_is_not_asked_for_while_held() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
    let mut client = gateway.wire().await;
    client
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        .await;
    gateway.held("hello", 1).await;
    let early = tokio::time::timeout(Duration::from_millis(100), client.stream.readable());
    assert!(early.await.is_err(), "something was said");
    gateway.awake("hello", &[replica.address]).await;
    assert!(client.head().await.starts_with("HTTP/1.1 100 "));
    client.send("pay").await;
    assert_eq!(client.answer().await.text(), "3 a");
    // And whoever leaves meanwhile frees its place.
    gateway.awake("hello", &[]).await;
    client
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        .await;
    gateway.held("hello", 1).await;
    drop(client);
    gateway.held("hello", 0).await;
}

#[tokio::test]
async fn a_large_body_for_nobody_does_not_take_its_answer_away() {
    let gateway = Gateway::routing(|_| {}, Vec::new()).await;
    for _ in 0..5 {
        let mut client = gateway.wire().await;
        client
            .send("POST / HTTP/1.1\r\nhost: nobody.test\r\ncontent-length: 100000\r\n\r\n")
            .await;
        client.send(vec![b'x'; 100_000]).await;
        client.answer().await.is_problem(404, "no-route");
    }
}
