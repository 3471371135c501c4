//! Replicas that die in the middle: what may be sent again is, everything else gets one clear error.

use tokio::net::TcpSocket;

use crate::support::{Gateway, Steady, Upstream, get, post, routed};
use rouse_api::link::EndpointState;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_get_that_lost_its_replica_is_answered_by_another() {
    let (dying, steady) = (Upstream::bind().await, Steady::start("b").await);
    let gateway = Gateway::hello(&[dying.address]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let mut replica = dying.accept().await;
    replica.head().await;
    gateway
        .awake("hello", &[dying.address, steady.address])
        .await;
    drop(replica);
    assert_eq!(client.answer().await.text(), "0 b");
    assert_eq!(steady.seen().len(), 1);
    dying.is_left_alone().await;
    client.send(get("hello")).await;
    let other = tokio::spawn(async move {
        let mut replica = dying.accept().await;
        replica.head().await;
        replica.send(OK).await;
        replica.rest().await
    });
    assert_eq!(client.answer().await.status, 200, "the connection lives on");
    other.abort();
}

#[tokio::test]
async fn a_post_that_lost_its_replica_gets_one_error_and_is_not_sent_again() {
    let (dying, steady) = (Upstream::bind().await, Steady::start("b").await);
    let gateway = Gateway::hello(&[dying.address]).await;
    let mut client = gateway.wire().await;
    client.send(post("hello", "pay")).await;
    let mut replica = dying.accept().await;
    replica.through(b"pay").await;
    gateway
        .awake("hello", &[dying.address, steady.address])
        .await;
    drop(replica);
    client.answer().await.is_problem(502, "upstream-closed");
    dying.is_left_alone().await;
    assert_eq!(steady.seen().len(), 0);
    gateway.in_flight("hello", 0).await;
}

#[tokio::test]
async fn a_replica_that_refuses_connections_is_passed_over() {
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let steady = Steady::start("b").await;
    let gateway = Gateway::hello(&[closed.local_addr().unwrap(), steady.address]).await;
    for at in 0..20 {
        let answer = gateway.ask(&post("hello", "pay")).await;
        assert_eq!(answer.text(), "3 b", "request {at}");
    }
    assert_eq!(steady.seen().len(), 20);
}

#[tokio::test]
async fn with_no_other_replica_a_refused_request_is_held_till_it_is_back() {
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gateway = Gateway::hello(&[closed.local_addr().unwrap()]).await;
    let mut client = gateway.wire().await;
    client.send(post("hello", "pay")).await;
    gateway.held("hello", 1).await;
    gateway
        .status("hello", "set aside", |status| {
            status.endpoints[0].state == "aside"
        })
        .await;
    let opened = Upstream::new(closed.listen(16).unwrap());
    // The probe comes first, and says nothing.
    opened.accept().await;
    let mut replica = opened.accept().await;
    replica.through(b"pay").await;
    replica.send(OK).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("server-timing")
            .unwrap()
            .starts_with("rouse-hold;dur=")
    );
    gateway
        .status("hello", "back", |status| {
            status.endpoints[0].state == "ready"
        })
        .await;
}

#[tokio::test]
async fn an_answer_that_ends_early_is_cut_and_never_completed() {
    let dying = Upstream::bind().await;
    let gateway = Gateway::hello(&[dying.address]).await;
    let length = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    for head in [length, chunked] {
        let mut client = gateway.wire().await;
        client.send(get("hello")).await;
        let mut replica = dying.accept().await;
        replica.head().await;
        replica.send(head).await;
        client.through(b"half").await;
        drop(replica);
        let rest = String::from_utf8(client.rest().await).unwrap();
        assert!(!rest.contains("0\r\n\r\n"), "it looks whole: {rest:?}");
        assert!(rest.trim().is_empty(), "{rest:?}");
        gateway.in_flight("hello", 0).await;
    }
}

#[tokio::test]
async fn a_kept_connection_that_the_replica_closes_while_idle_loses_nothing() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let mut client = gateway.wire().await;
    for at in 0..5 {
        client.send(post("hello", "pay")).await;
        let mut replica = upstream.accept().await;
        replica.through(b"pay").await;
        replica.send(OK).await;
        assert_eq!(client.answer().await.status, 200, "request {at}");
        drop(replica);
        // The close has to be noticed: a request that crosses it may have been executed.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_post_lost_on_a_kept_connection_is_not_sent_again() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let mut client = gateway.wire().await;
    client.send(post("hello", "one")).await;
    let mut replica = upstream.accept().await;
    replica.through(b"one").await;
    replica.send(OK).await;
    assert_eq!(client.answer().await.status, 200);
    gateway.in_flight("hello", 0).await;
    client.send(post("hello", "two")).await;
    let reused = tokio::select! {
        _ = replica.through(b"two") => true,
        mut other = upstream.accept() => {
            other.through(b"two").await;
            drop(other);
            false
        }
    };
    drop(replica);
    client.answer().await.is_problem(502, "upstream-closed");
    if reused {
        upstream.is_left_alone().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_one_clear_error() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    for nonsense in [
        "SSH-2.0-nonsense\r\n\r\n",
        "HTTP/1.1 999999 no\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let mut client = gateway.wire().await;
        client.send(post("hello", "pay")).await;
        let mut replica = upstream.accept().await;
        replica.through(b"pay").await;
        replica.send(nonsense).await;
        client.answer().await.is_problem(502, "upstream-closed");
    }
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_one_clear_error() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let mut client = gateway.wire().await;
    client.send(post("hello", "pay")).await;
    let mut replica = upstream.accept().await;
    replica.through(b"pay").await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    replica.send(switch).await;
    client.answer().await.is_problem(502, "upstream-closed");
    gateway.in_flight("hello", 0).await;
}

#[tokio::test]
async fn a_failing_workload_leaves_others_alone() {
    let steady = Steady::start("b").await;
    let dying = Upstream::bind().await;
    let gateway =
        Gateway::routing(|_| {}, vec![routed("bad", |_| {}), routed("good", |_| {})]).await;
    gateway.awake("good", &[steady.address]).await;
    let ready = ("r0".to_owned(), dying.address, EndpointState::Ready);
    gateway.state("bad", &[ready]).await;
    let killer = tokio::spawn(async move {
        loop {
            drop(dying.accept().await);
        }
    });
    for _ in 0..4 {
        let bad = gateway.ask(&post("bad", "pay")).await;
        assert_eq!(bad.status, 502);
        assert_eq!(gateway.get("good").await.text(), "0 b");
    }
    killer.abort();
}
