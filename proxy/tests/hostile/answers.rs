//! What replicas answer that could be read in two ways: no client gets a part of another's answer.

use crate::support::{Gateway, Upstream, get, within};

#[tokio::test]
async fn an_answer_too_many_is_nobodys() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let twice = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let no_content =
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    for answer in [twice, no_content] {
        let mut client = gateway.wire().await;
        client.send(get("hello")).await;
        let mut replica = upstream.accept().await;
        replica.head().await;
        replica.send(answer).await;
        assert!([200, 204].contains(&client.answer().await.status));
        gateway.in_flight("hello", 0).await;
        client.send(get("hello")).await;
        let mut other = upstream.accept().await;
        other.head().await;
        let close = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\ngood";
        other.send(close).await;
        assert_eq!(client.answer().await.text(), "good");
        gateway.in_flight("hello", 0).await;
    }
}

#[tokio::test]
async fn the_body_of_an_answer_to_head_is_nobodys() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let mut client = gateway.wire().await;
    client
        .send("HEAD / HTTP/1.1\r\nhost: hello.test\r\n\r\n")
        .await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    replica
        .send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    gateway.in_flight("hello", 0).await;
    client.send(get("hello")).await;
    let mut other = upstream.accept().await;
    other.head().await;
    other
        .send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood")
        .await;
    assert_eq!(client.answer().await.text(), "good");
}

#[tokio::test]
async fn a_length_beside_chunks_never_reaches_a_client() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let chunks = "a\r\n0123456789\r\n0\r\n\r\n";
    for fields in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
    ] {
        let mut client = gateway.wire().await;
        client.send(get("hello")).await;
        let mut replica = upstream.accept().await;
        replica.head().await;
        replica
            .send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{chunks}"))
            .await;
        let answer = client.answer().await;
        if answer.status == 200 {
            assert_eq!(answer.text(), "0123456789", "{answer:?}");
            assert_eq!(answer.header("content-length"), None);
        } else {
            answer.is_problem(502, "upstream-closed");
        }
        gateway.in_flight("hello", 0).await;
        drop(replica);
    }
}

#[tokio::test]
async fn two_lengths_are_one_clear_error() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let mut client = gateway.wire().await;
    client
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 0\r\n\r\n")
        .await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    replica
        .send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 9\r\n\r\nhello")
        .await;
    client.answer().await.is_problem(502, "upstream-closed");
}

#[tokio::test]
async fn an_endless_head_is_one_clear_error() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let mut client = gateway.wire().await;
    client
        .send("POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 0\r\n\r\n")
        .await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    replica.send("HTTP/1.1 200 OK\r\nx-long: ").await;
    let piece = vec![b'x'; 64 << 10];
    let endless = async { while replica.try_send(&piece).await.is_ok() {} };
    within("the connection is closed", endless).await;
    client.answer().await.is_problem(502, "upstream-closed");
}

#[tokio::test]
async fn interim_answers_come_before_the_answer() {
    let upstream = Upstream::bind().await;
    let gateway = Gateway::hello(&[upstream.address]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    replica
        .send(format!(
            "{interim}{interim}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        ))
        .await;
    assert_eq!(client.answer().await.text(), "ok");
}
