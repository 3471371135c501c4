//! gRPC: the four kinds of calls, failures, health.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::http2::SendRequest;
use rouse_sample::Options;
use support::{Sample, Whole, With, http2, post, whole};
use tokio::sync::mpsc;

type Body = BoxBody<Bytes, hyper::Error>;

fn framed(messages: &[&[u8]]) -> Vec<u8> {
    let mut frames = Vec::new();
    for message in messages {
        frames.push(0);
        frames.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        frames.extend(*message);
    }
    frames
}

fn call(path: &str, body: Vec<u8>) -> Request<Body> {
    post(path, "")
        .map(|_| Full::from(body).map_err(|never| match never {}).boxed())
        .with("content-type", "application/grpc")
        .with("te", "trailers")
}

async fn answer(client: &mut SendRequest<Body>, request: Request<Body>) -> Whole {
    whole(client.send_request(request).await.unwrap())
        .await
        .unwrap()
}

fn status(answer: &Whole) -> &str {
    answer
        .trailers
        .get("grpc-status")
        .or(answer.headers.get("grpc-status"))
        .unwrap()
        .to_str()
        .unwrap()
}

#[tokio::test]
async fn gives_messages_back() {
    let sample = Sample::start(Options::default()).await;
    let mut client = http2(sample.address).await;
    let unary = answer(
        &mut client,
        call("/rouse.sample.Echo/Unary", framed(&[b"one"])),
    )
    .await;
    assert_eq!(
        (
            &unary.body[..],
            unary.trailers["grpc-status"].to_str().unwrap()
        ),
        (&framed(&[b"one"])[..], "0")
    );
    let repeated = call("/rouse.sample.Echo/ServerStream", framed(&[b"x"]))
        .with("count", "4")
        .with("interval", "1ms");
    assert_eq!(
        answer(&mut client, repeated).await.body,
        framed(&[b"x" as &[u8]; 4])
    );
    let joined = answer(
        &mut client,
        call(
            "/rouse.sample.Echo/ClientStream",
            framed(&[b"a", b"", b"bc"]),
        ),
    )
    .await;
    assert_eq!(
        (&joined.body[..], status(&joined)),
        (&framed(&[b"abc"])[..], "0")
    );
    drop(client);
    sample.stopped().await;
}

#[tokio::test]
async fn answers_each_message_of_a_bidi_call_before_the_next() {
    let sample = Sample::start(Options::default()).await;
    let mut client = http2(sample.address).await;
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let frames = futures_util::stream::unfold(receiver, async |mut receiver| {
        let message = receiver.recv().await?;
        Some((Ok::<_, hyper::Error>(Frame::data(message)), receiver))
    });
    let body = StreamBody::new(Box::pin(frames));
    let request = post("/rouse.sample.Echo/Bidi", "").map(|_| BodyExt::boxed(body));
    let mut answer = client
        .send_request(request.with("content-type", "application/grpc"))
        .await
        .unwrap()
        .into_body();
    for message in [b"one", b"two"] {
        let frame = framed(&[message]);
        // In two pieces: frames of gRPC and of HTTP/2 are not the same.
        sender
            .send(Bytes::copy_from_slice(&frame[..2]))
            .await
            .unwrap();
        sender
            .send(Bytes::copy_from_slice(&frame[2..]))
            .await
            .unwrap();
        assert_eq!(
            answer.frame().await.unwrap().unwrap().into_data().unwrap(),
            frame
        );
    }
    drop(sender);
    assert_eq!(
        answer
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_trailers()
            .unwrap()["grpc-status"],
        "0"
    );
    drop(client);
    sample.stopped().await;
}

#[tokio::test]
async fn fails_with_a_status() {
    let sample = Sample::start(Options::default()).await;
    let mut client = http2(sample.address).await;
    let echo = |frames| call("/rouse.sample.Echo/Unary", frames);
    for (request, expected) in [
        (call("/rouse.sample.Echo/Other", framed(&[b""])), "12"),
        (
            echo(framed(&[b""]))
                .with("grpc-fail", "14")
                .with("latency", "1ms"),
            "14",
        ),
        (echo(framed(&[b""])).with("latency", "soon"), "3"),
        (echo(vec![0, 0xff, 0, 0, 0]), "8"),
        (echo(vec![1, 0, 0, 0, 0]), "12"),
        (echo(vec![0, 0, 0, 0, 9, 1]), "13"),
        (echo(framed(&[b"a", b"b"])), "13"),
    ] {
        assert_eq!(status(&answer(&mut client, request).await), expected);
    }
    drop(client);
    sample.stopped().await;
}

#[tokio::test]
async fn tells_its_health_without_counting() {
    let check = |service: &[u8]| {
        let mut message = vec![0x0a, u8::try_from(service.len()).unwrap()];
        message.extend(service);
        call("/grpc.health.v1.Health/Check", framed(&[&message]))
    };
    for (ready_after, serving) in [(Duration::from_secs(3600), 2), (Duration::ZERO, 1)] {
        let sample = Sample::start(Options {
            ready_after,
            ..Options::default()
        })
        .await;
        let mut client = http2(sample.address).await;
        for service in ["", "rouse.sample.Echo"] {
            let health = answer(&mut client, check(service.as_bytes())).await;
            assert_eq!(health.body, framed(&[&[8, serving]]));
        }
        assert_eq!(status(&answer(&mut client, check(b"other")).await), "5");
        assert_eq!((sample.stats)().requests, 0);
        drop(client);
        sample.stopped().await;
    }
}
