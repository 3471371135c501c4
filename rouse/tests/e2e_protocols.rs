//! HTTP, gRPC and WebSocket through the whole, asleep and awake.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod support;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Request};

use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use support::grpc::{self, Grpc, Raw, method};
use support::{DEADLINE, Home, Rouse, With, get, http1, http2, in_origin_form, post, whole};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tonic::Code;

const START: &[&str] = &["--start-delay", "200ms"];

async fn hello(home: &Home, http: &str) -> Rouse {
    Rouse::start(
        home,
        &home.workload("hello", "replicas: {max: 1}", http, START),
    )
    .await
}

async fn grpc(rouse: &Rouse) -> Grpc {
    grpc::connect(rouse.proxy, "hello").await
}

fn messages() -> impl futures_util::Stream<Item = Bytes> + Send + 'static {
    futures_util::stream::iter(["a", "b", "c"].map(Bytes::from))
}

#[tokio::test]
async fn grpc_unary_calls_at_once_wake_it_once() {
    for count in [1, 50, 1000] {
        let home = Home::new();
        let http = "protocol: h2c, hold: {maxRequests: 2000}";
        let yaml = home.workload("hello", "replicas: {max: 1}", http, START);
        let rouse = Rouse::start_with(&home, &yaml, &["--max-streams=1000"]).await;
        let client = grpc(&rouse).await;
        let mut tasks = JoinSet::new();
        for n in 0..count {
            let mut client = client.clone();
            tasks.spawn(async move {
                let message = Bytes::from(format!("message {n}"));
                client.ready().await.unwrap();
                let request = tonic::Request::new(message.clone());
                let call = client.unary(request, method("Unary"), Raw);
                let answer = timeout(DEADLINE, call).await.expect("in time").unwrap();
                assert_eq!(answer.into_inner(), message);
            });
        }
        tasks.join_all().await;
        assert_eq!(home.ledger().starts(), 1);
    }
}

#[tokio::test]
async fn grpc_streams_in_every_way_asleep_and_awake() {
    for kind in ["ServerStream", "ClientStream", "Bidi"] {
        let home = Home::new();
        let rouse = hello(&home, "protocol: h2c").await;
        let mut client = grpc(&rouse).await;
        for state in ["asleep", "awake"] {
            client.ready().await.unwrap();
            let received: Vec<Bytes> = match kind {
                "ServerStream" => {
                    let request = tonic::Request::new(Bytes::from("m"));
                    let answer = client.server_streaming(request, method(kind), Raw).await;
                    answer
                        .unwrap()
                        .into_inner()
                        .map(Result::unwrap)
                        .collect()
                        .await
                }
                "ClientStream" => {
                    let request = tonic::Request::new(messages());
                    let answer = client.client_streaming(request, method(kind), Raw).await;
                    vec![answer.unwrap().into_inner()]
                }
                _ => {
                    let request = tonic::Request::new(messages());
                    let answer = client.streaming(request, method(kind), Raw).await;
                    answer
                        .unwrap()
                        .into_inner()
                        .map(Result::unwrap)
                        .collect()
                        .await
                }
            };
            let right: &[&str] = match kind {
                "ServerStream" => &["m", "m", "m"],
                "ClientStream" => &["abc"],
                _ => &["a", "b", "c"],
            };
            assert_eq!(received, right, "{kind}, {state}");
        }
        assert_eq!(home.ledger().starts(), 1);
    }
}

#[tokio::test]
async fn grpc_both_ways_at_the_same_time() {
    let home = Home::new();
    let rouse = hello(&home, "protocol: h2c").await;
    let mut client = grpc(&rouse).await;
    let (send, receive) = tokio::sync::mpsc::channel::<Bytes>(1);
    let outgoing = futures_util::stream::unfold(receive, async |mut receive| {
        Some((receive.recv().await?, receive))
    });
    let request = tonic::Request::new(outgoing);
    let answer = client.streaming(request, method("Bidi"), Raw).await;
    let mut incoming = answer.unwrap().into_inner();
    for n in 0..5 {
        let message = Bytes::from(format!("turn {n}"));
        send.send(message.clone()).await.unwrap();
        let echoed = timeout(DEADLINE, incoming.message()).await;
        assert_eq!(echoed.expect("in time").unwrap(), Some(message));
    }
    drop(send);
    assert_eq!(incoming.message().await.unwrap(), None);
}

#[tokio::test]
async fn grpc_failures_keep_their_status() {
    let home = Home::new();
    let rouse = hello(&home, "protocol: h2c").await;
    let mut client = grpc(&rouse).await;
    let mut request = tonic::Request::new(Bytes::from("m"));
    request
        .metadata_mut()
        .insert("grpc-fail", "9".parse().unwrap());
    let status = client.unary(request, method("Unary"), Raw).await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(status.message(), "as grpc-fail says");

    let mut client = grpc::connect(rouse.proxy, "nowhere").await;
    let request = tonic::Request::new(Bytes::new());
    let status = client.unary(request, method("Unary"), Raw).await;
    assert_eq!(status.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn websockets_at_once_wake_it_once() {
    for count in [1, 50, 1000] {
        let home = Home::new();
        let rouse = hello(&home, "hold: {maxRequests: 2000}").await;
        let mut tasks = JoinSet::new();
        for n in 0..count {
            let address = rouse.proxy;
            tasks.spawn(timeout(DEADLINE, async move {
                let stream = TcpStream::connect(address).await.unwrap();
                let socket = tokio_tungstenite::client_async("ws://hello/ws", stream).await;
                let (mut socket, answer) = socket.unwrap();
                assert_eq!(answer.status(), 101);
                let message = Message::text(format!("message {n}"));
                socket.send(message.clone()).await.unwrap();
                assert_eq!(socket.next().await.unwrap().unwrap(), message);
                socket.close(None).await.unwrap();
                while let Some(Ok(_)) = socket.next().await {}
            }));
        }
        for ended in tasks.join_all().await {
            ended.expect("in time");
        }
        assert_eq!(home.ledger().starts(), 1);
    }
}

#[tokio::test]
async fn trailers_go_both_ways() {
    let trailers = || HeaderMap::from_iter([("x-sum".parse().unwrap(), "5".parse().unwrap())]);
    let body = || {
        let frames = [
            Frame::data(Bytes::from("hello")),
            Frame::trailers(trailers()),
        ];
        StreamBody::new(futures_util::stream::iter(
            frames.map(Ok::<_, std::convert::Infallible>),
        ))
    };
    let request = || {
        Request::post("http://hello/echo")
            .header("trailer", "x-sum")
            .header("te", "trailers")
            .body(body())
            .unwrap()
    };
    for protocol in ["http1", "h2c"] {
        let home = Home::new();
        let rouse = hello(&home, &format!("protocol: {protocol}")).await;
        let mut sender = http1(rouse.proxy).await;
        let answer = sender.send_request(in_origin_form(request())).await;
        let over_h1 = whole(answer.unwrap()).await.unwrap();
        let mut sender = http2(rouse.proxy).await;
        let over_h2 = whole(sender.send_request(request()).await.unwrap())
            .await
            .unwrap();
        for answer in [over_h1, over_h2] {
            assert_eq!(answer.text(), "hello");
            assert_eq!(answer.trailers, trailers(), "upstream {protocol}");
        }
    }
}

#[tokio::test]
async fn events_are_not_kept_back() {
    let home = Home::new();
    let rouse = hello(&home, "").await;
    // The second event never comes within the test.
    let request = || get("hello", "/sse?count=2&interval=10m");
    let mut h1 = http1::<Full<Bytes>>(rouse.proxy).await;
    let mut h2 = http2::<Full<Bytes>>(rouse.proxy).await;
    let first = async {
        let over_h1 = h1.send_request(in_origin_form(request())).await.unwrap();
        let over_h2 = h2.send_request(request()).await.unwrap();
        for mut answer in [over_h1, over_h2] {
            let frame = answer.frame().await.unwrap().unwrap();
            let event = frame.into_data().unwrap();
            assert!(event.starts_with(b"id: 0"), "{event:?}");
        }
    };
    timeout(DEADLINE, first).await.expect("the first event");
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let home = Home::new();
    let rouse = hello(&home, "").await;
    let mut sender = http1::<Full<Bytes>>(rouse.proxy).await;
    for (method, path, status) in [
        ("HEAD", "/hello45", 200),
        ("GET", "/?status=204&bytes=0", 204),
        ("GET", "/?status=304&bytes=0", 304),
        ("GET", "/hello45", 200),
    ] {
        let request = in_origin_form(get("hello", path).with_method(method));
        sender.ready().await.unwrap();
        let exchange = async { whole(sender.send_request(request).await.unwrap()).await };
        let answer = timeout(DEADLINE, exchange).await.expect(path).unwrap();
        assert_eq!(answer.status, status);
        match (method, status) {
            ("HEAD", _) => assert_eq!(
                (answer.header("content-length"), answer.body.len()),
                ("45", 0)
            ),
            (_, 200) => assert_eq!(answer.body.len(), 45),
            _ => assert!(answer.body.is_empty()),
        }
    }
}

/// Reads until it has seen this.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&text).contains(end) {
            let read = stream.read_buf(&mut text).await.unwrap();
            assert!(read > 0, "ended: {}", String::from_utf8_lossy(&text));
        }
    };
    timeout(DEADLINE, reading).await.expect(end);
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_client_that_expects_a_go_ahead_gets_one() {
    let home = Home::new();
    let rouse = hello(&home, "").await;
    for state in ["asleep", "awake"] {
        let mut client = TcpStream::connect(rouse.proxy).await.unwrap();
        let head = "POST /upload HTTP/1.1\r\nhost: hello\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        let text = read_until(&mut client, "\r\n\r\n").await;
        assert!(text.starts_with("HTTP/1.1 100 "), "{state}: {text}");
        client.write_all(b"the body.").await.unwrap();
        let text = read_until(&mut client, "\"bytes\":9").await;
        assert!(text.starts_with("HTTP/1.1 200 "), "{state}: {text}");
    }
}

#[tokio::test]
async fn an_early_answer_arrives_while_the_body_is_still_coming() {
    let home = Home::new();
    let rouse = hello(&home, "").await;
    let endless = || {
        StreamBody::new(futures_util::stream::repeat_with(|| {
            Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(&[b'x'; 1024])))
        }))
    };
    let request = || Request::post("http://hello/early").body(endless()).unwrap();
    let mut h1 = http1(rouse.proxy).await;
    let mut h2 = http2(rouse.proxy).await;
    let both = async {
        let over_h1 = h1.send_request(in_origin_form(request())).await.unwrap();
        assert_eq!(over_h1.status(), 413);
        let over_h2 = h2.send_request(request()).await.unwrap();
        assert_eq!(over_h2.status(), 413);
    };
    timeout(DEADLINE, both).await.expect("the answers");
}

#[tokio::test]
async fn very_long_answers_and_uploads_arrive_whole() {
    const LENGTH: usize = 64 << 20;
    let home = Home::new();
    let rouse = hello(&home, "").await;
    let mut h1 = http1::<Empty<Bytes>>(rouse.proxy).await;
    let mut h2 = http2::<Empty<Bytes>>(rouse.proxy).await;
    let request = || {
        let uri = format!("http://hello/?bytes={LENGTH}");
        Request::get(uri).body(Empty::new()).unwrap()
    };
    let over_h1 = h1.send_request(in_origin_form(request())).await.unwrap();
    let over_h2 = h2.send_request(request()).await.unwrap();
    for mut answer in [over_h1, over_h2] {
        let mut length = 0;
        while let Some(frame) = answer.frame().await {
            length += frame.unwrap().data_ref().map_or(0, Bytes::len);
        }
        assert_eq!(length, LENGTH);
    }
    let body = Bytes::from(vec![7; 16 << 20]);
    let stored = rouse.send(post("hello", "/upload", body)).await;
    assert_eq!(stored.json()["bytes"], 16 << 20);
}

#[tokio::test]
async fn connect_is_refused() {
    let home = Home::new();
    let rouse = hello(&home, "").await;
    let mut client = TcpStream::connect(rouse.proxy).await.unwrap();
    let head = "CONNECT hello:80 HTTP/1.1\r\nhost: hello:80\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let text = read_until(&mut client, "connect-not-supported").await;
    assert!(text.starts_with("HTTP/1.1 501 "), "{text}");
    assert_eq!(home.ledger().starts(), 0, "it wakes nothing");
}
