//! WebSocket: echo, Close, and 1001 when the service stops.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use rouse_sample::Options;
use support::{Sample, get, once, until};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

async fn connect(address: SocketAddr) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(format!("ws://{address}/ws"), stream)
        .await
        .unwrap()
        .0
}

#[tokio::test]
async fn echoes_until_closed() {
    let sample = Sample::start(Options::default()).await;
    let mut socket = connect(sample.address).await;
    for message in [Message::text("hello"), Message::binary(vec![1_u8; 100_000])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    assert_eq!((sample.stats)().in_flight, 1);
    socket.close(None).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_close());
    until("it is done", || (sample.stats)().in_flight == 0).await;
    assert_eq!((sample.stats)().gone, 0);
    sample.stopped().await;
}

#[tokio::test]
async fn says_1001_when_the_service_stops() {
    let mut sample = Sample::start(Options::default()).await;
    let mut socket = connect(sample.address).await;
    until("it runs", || (sample.stats)().in_flight == 1).await;
    sample.stop();
    let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else {
        panic!("not a Close")
    };
    assert_eq!(u16::from(frame.code), 1001);
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
    sample.stopped().await;
}

#[tokio::test]
async fn counts_a_cut_one_as_gone_and_refuses_a_plain_get() {
    let sample = Sample::start(Options::default()).await;
    drop(connect(sample.address).await);
    until("it is gone", || (sample.stats)().gone == 1).await;
    assert_eq!(once(sample.address, get("/ws")).await.unwrap().status, 426);
    sample.stopped().await;
}
