//! `/ws`: sends back what it is sent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use crate::answer::{self, Body, full};
use crate::execution::Execution;
use crate::server::State;

/// From our Close to the peer's.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers the handshake; the execution then lasts as long as the WebSocket.
pub(crate) fn answer(
    state: &Arc<State>,
    mut request: Request<Incoming>,
    execution: Execution,
) -> (Response<Body>, Option<Execution>) {
    let upgrades = request
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let key = request
        .headers()
        .get(header::SEC_WEBSOCKET_KEY)
        .filter(|_| upgrades && *request.method() == Method::GET);
    let accept = key.and_then(|key| HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok());
    let Some(accept) = accept else {
        let mut response = answer::text(
            StatusCode::UPGRADE_REQUIRED,
            "this is a WebSocket: upgrade with GET and HTTP/1.1\n",
        );
        response
            .headers_mut()
            .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        return (response, Some(execution));
    };
    tokio::spawn(serve(
        Arc::clone(state),
        hyper::upgrade::on(&mut request),
        execution,
    ));
    let mut response = answer::answer(StatusCode::SWITCHING_PROTOCOLS, "", full(""));
    response
        .headers_mut()
        .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    (response, None)
}

async fn serve(state: Arc<State>, upgrade: OnUpgrade, execution: Execution) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let closed = tokio::select! {
        closed = echo(&mut socket) => closed,
        () = state.stopping() => close(&mut socket).await,
    };
    if closed {
        execution.finish();
    }
}

/// True when the WebSocket ended with Close frames.
async fn echo(socket: &mut WebSocketStream<TokioIo<Upgraded>>) -> bool {
    let mut closing = false;
    while let Some(message) = socket.next().await {
        let sent = match message {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).await,
            Ok(Message::Close(_)) => {
                closing = true;
                continue;
            }
            // Pings are answered by reading on.
            Ok(_) => continue,
            Err(_) => return closing,
        };
        if sent.is_err() {
            return false;
        }
    }
    closing
}

async fn close(socket: &mut WebSocketStream<TokioIo<Upgraded>>) -> bool {
    let frame = CloseFrame {
        code: CloseCode::Away,
        reason: "the service stops".into(),
    };
    let handshake = async {
        socket.close(Some(frame)).await.is_ok() && {
            while let Some(Ok(message)) = socket.next().await {
                if message.is_close() {
                    return true;
                }
            }
            false
        }
    };
    tokio::time::timeout(CLOSE_TIMEOUT, handshake)
        .await
        .unwrap_or(false)
}
