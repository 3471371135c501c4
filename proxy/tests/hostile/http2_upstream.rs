//! Replicas that speak HTTP/2: what they say they have not processed is sent again, everything else is not.

use bytes::Bytes;
use http::Response;
use rouse_api::workload::Protocol;
use tokio::net::TcpStream;

use crate::support::{Answer, Gateway, Upstream, get, routed, within};

type Connection = h2::server::Connection<TcpStream, Bytes>;
type Responder = h2::server::SendResponse<Bytes>;

async fn gateway(upstream: &Upstream) -> Gateway {
    let http2 = routed("hello", |http| http.protocol = Protocol::H2c);
    let gateway = Gateway::routing(|_| {}, vec![http2]).await;
    gateway.awake("hello", &[upstream.address]).await;
    gateway
}

async fn handshake(upstream: &Upstream) -> Connection {
    let stream = upstream.stream().await;
    within("the preface", h2::server::handshake(stream))
        .await
        .unwrap()
}

async fn next(connection: &mut Connection) -> Responder {
    within("a stream", connection.accept())
        .await
        .unwrap()
        .unwrap()
        .1
}

fn ok(mut responder: Responder) {
    let mut body = responder.send_response(Response::new(()), false).unwrap();
    body.send_data(Bytes::from_static(b"ok"), true).unwrap();
}

/// Drives the connection until the client has its answer.
async fn answer(connection: &mut Connection, client: &mut crate::support::Wire) -> Answer {
    tokio::select! {
        answer = client.answer() => answer,
        _ = async { while connection.accept().await.is_some() {} std::future::pending::<()>().await } => unreachable!(),
    }
}

const GRPC: &str = "POST /a.B/C HTTP/1.1\r\nhost: hello.test\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n";
const EMPTY_POST: &str = "POST / HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_refused_stream_is_sent_again() {
    let upstream = Upstream::bind().await;
    let gateway = gateway(&upstream).await;
    for request in [get("hello").as_str(), EMPTY_POST, GRPC] {
        let mut client = gateway.wire().await;
        client.send(request).await;
        let mut connection = handshake(&upstream).await;
        next(&mut connection)
            .await
            .send_reset(h2::Reason::REFUSED_STREAM);
        ok(next(&mut connection).await);
        let answer = answer(&mut connection, &mut client).await;
        assert_eq!(answer.text(), "ok", "{request}");
        // The next request begins with a connection of its own.
        drop(connection);
        gateway.in_flight("hello", 0).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_stream_that_is_always_refused_is_unavailable() {
    let upstream = Upstream::bind().await;
    let gateway = gateway(&upstream).await;
    let mut client = gateway.wire().await;
    client.send(GRPC).await;
    let mut connection = handshake(&upstream).await;
    let refuse = async {
        while let Some(Ok((_, mut responder))) = connection.accept().await {
            responder.send_reset(h2::Reason::REFUSED_STREAM);
        }
    };
    let answer = tokio::select! {
        answer = client.answer() => answer,
        () = refuse => panic!("the connection ended"),
    };
    assert_eq!(
        (answer.status, answer.header("grpc-status")),
        (200, Some("14"))
    );
    assert!(
        answer
            .header("grpc-message")
            .unwrap()
            .starts_with("upstream-refused")
    );
}

#[tokio::test]
async fn a_stream_above_goaways_last_id_is_sent_again() {
    let upstream = Upstream::bind().await;
    let gateway = gateway(&upstream).await;
    let mut client = gateway.wire().await;
    client.send(EMPTY_POST).await;
    let mut raw = upstream.accept().await;
    raw.take(24).await;
    // SETTINGS, empty.
    raw.send([0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
    loop {
        let head = raw.take(9).await;
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        raw.take(length).await;
        if head[3] == 1 {
            break;
        }
    }
    // GOAWAY: last stream 0, NO_ERROR.
    raw.send([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        .await;
    let mut connection = handshake(&upstream).await;
    ok(next(&mut connection).await);
    assert_eq!(answer(&mut connection, &mut client).await.text(), "ok");
}

#[tokio::test]
async fn any_other_reset_is_internal_and_never_sent_again() {
    let upstream = Upstream::bind().await;
    let gateway = gateway(&upstream).await;
    for reason in [
        h2::Reason::INTERNAL_ERROR,
        h2::Reason::CANCEL,
        h2::Reason::NO_ERROR,
    ] {
        let mut client = gateway.wire().await;
        client.send(GRPC).await;
        let mut connection = handshake(&upstream).await;
        next(&mut connection).await.send_reset(reason);
        let answer = answer(&mut connection, &mut client).await;
        assert_eq!(
            answer.header("grpc-status"),
            Some("13"),
            "{reason:?}: {answer:?}"
        );
        drop(connection);
        gateway.in_flight("hello", 0).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_connection_that_dies_under_grpc_is_internal() {
    let upstream = Upstream::bind().await;
    let gateway = gateway(&upstream).await;
    let mut client = gateway.wire().await;
    client.send(GRPC).await;
    let mut connection = handshake(&upstream).await;
    let responder = next(&mut connection).await;
    drop((responder, connection));
    let answer = client.answer().await;
    assert_eq!(answer.header("grpc-status"), Some("13"), "{answer:?}");
    upstream.is_left_alone().await;
}

#[tokio::test]
async fn a_replica_that_goes_away_gently_finishes_what_it_has() {
    let upstream = Upstream::bind().await;
    let gateway = gateway(&upstream).await;
    let mut first = gateway.wire().await;
    first.send(EMPTY_POST).await;
    let mut old = handshake(&upstream).await;
    let responder = next(&mut old).await;
    old.graceful_shutdown();
    let drained = tokio::spawn(async move { while old.accept().await.is_some() {} });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let mut second = gateway.wire().await;
    second.send(EMPTY_POST).await;
    let mut new = handshake(&upstream).await;
    ok(next(&mut new).await);
    assert_eq!(answer(&mut new, &mut second).await.text(), "ok");
    ok(responder);
    assert_eq!(first.answer().await.text(), "ok");
    within("the old connection ends", drained).await.unwrap();
}

#[tokio::test]
async fn a_replica_of_few_streams_gets_more_connections() {
    let upstream = Upstream::bind().await;
    let gateway = gateway(&upstream).await;
    let mut clients = Vec::new();
    let mut kept = Vec::new();
    for at in 0..3 {
        let mut client = gateway.wire().await;
        client.send(get("hello")).await;
        let stream = upstream.stream().await;
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(1);
        let mut connection: Connection = within("the preface", builder.handshake(stream))
            .await
            .unwrap();
        let responder = next(&mut connection).await;
        gateway.in_flight("hello", at + 1).await;
        kept.push((connection, responder));
        clients.push(client);
    }
    for (mut client, (mut connection, responder)) in clients.into_iter().zip(kept) {
        ok(responder);
        assert_eq!(answer(&mut connection, &mut client).await.text(), "ok");
    }
}
