//! Neighbouring versions, and messages that mean nothing.

use futures_util::stream;
use prost::Message;
use rouse_api::link::{ToProxy, ToScaler};
use rouse_link::wire::{
    Attempt, FromProxy, FromScaler, Hello, Member, Role, Routes, State, Synced, Wake, Welcome,
    from_proxy, from_scaler, link_client::LinkClient,
};
use tokio::time::timeout;
use tonic::Code;

use crate::fake::FakeScaler;
use crate::support::{LONG, Proxy, Scaler, id, wake};

/// A field that this version doesn't have: number 1000, bytes.
fn newer(message: &impl Message) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    bytes.extend([0xc2, 0x3e, 3, b'n', b'e', b'w']);
    bytes
}

fn hello(oldest_version: u32, version: u32) -> FromProxy {
    let hello = Hello {
        version,
        oldest_version,
        software: "9.0".to_owned(),
        member: Some(Member {
            host: "uid".to_owned(),
            instance: 1,
        }),
        capabilities: vec!["telepathy".to_owned()],
        term: None,
    };
    FromProxy::decode(
        newer(&FromProxy {
            message: Some(from_proxy::Message::Hello(hello)),
        })
        .as_slice(),
    )
    .unwrap()
}

fn say(message: from_proxy::Message) -> FromProxy {
    FromProxy {
        message: Some(message),
    }
}

async fn client(scaler: &Scaler) -> LinkClient<tonic::transport::Channel> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", scaler.address()));
    LinkClient::new(endpoint.unwrap().connect().await.unwrap())
}

/// What a scaler answers to these messages: its welcome, and how the stream ends after them.
async fn answer(messages: Vec<FromProxy>) -> (Option<Welcome>, tonic::Status) {
    let scaler = Scaler::start().await;
    let mut client = client(&scaler).await;
    let talk = async {
        let mut incoming = match client.connect(stream::iter(messages)).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => return (None, status),
        };
        let mut welcome = None;
        loop {
            match incoming.message().await {
                Ok(Some(FromScaler {
                    message: Some(from_scaler::Message::Welcome(said)),
                })) => welcome = Some(said),
                Ok(Some(_)) => {}
                Ok(None) => return (welcome, tonic::Status::ok("ended")),
                Err(status) => return (welcome, status),
            }
        }
    };
    timeout(LONG, talk).await.unwrap()
}

#[tokio::test]
async fn a_newer_proxy_is_answered_with_the_version_in_common() {
    let mut scaler = Scaler::start().await;
    let mut client = client(&scaler).await;
    // Of a kind that this version doesn't have.
    let unknown = FromProxy::decode([0xc2, 0x3e, 0].as_slice()).unwrap();
    let known = Wake {
        workload: "default/a".to_owned(),
        held: 1,
        oldest_ns: 0,
        by: None,
    };
    let messages = vec![hello(1, 2), unknown, say(from_proxy::Message::Wake(known))];
    let mut incoming = client
        .connect(stream::iter(messages))
        .await
        .unwrap()
        .into_inner();
    let first = incoming.message().await.unwrap().unwrap().message;
    let Some(from_scaler::Message::Welcome(welcome)) = first else {
        panic!("no welcome: {first:?}")
    };
    assert_eq!(welcome.version, 1);
    let mut session = scaler.session().await;
    // It doesn't say that it can keep permits.
    assert!(!session.capabilities.permits);
    assert_eq!(session.heard().await, Some(wake("a")));
}

#[tokio::test]
async fn one_without_a_version_in_common_is_told_both() {
    let (_, status) = answer(vec![hello(2, 3)]).await;
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(
        status.message().contains("2 to 3") && status.message().contains("1 to 1"),
        "{status}"
    );
}

#[tokio::test]
async fn a_proxy_without_a_hello_or_a_name_is_refused() {
    let (_, status) = answer(vec![say(from_proxy::Message::Leaving(Default::default()))]).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("hello: is missing"), "{status}");
    let nameless = Hello {
        version: 1,
        ..Default::default()
    };
    let (_, status) = answer(vec![say(from_proxy::Message::Hello(nameless))]).await;
    assert!(
        status.message().contains("hello.member: is missing"),
        "{status}"
    );
}

#[tokio::test]
async fn a_malformed_message_ends_its_session_and_names_its_field() {
    let bad = Attempt {
        workload: "hello".to_owned(),
        epoch: 1,
    };
    let (welcome, status) = answer(vec![hello(1, 1), say(from_proxy::Message::Busy(bad))]).await;
    assert!(welcome.is_some());
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("busy.workload"), "{status}");
}

fn welcome(version: u32) -> from_scaler::Message {
    from_scaler::Message::Welcome(Welcome {
        version,
        ..Default::default()
    })
}

#[tokio::test]
async fn a_newer_scalers_messages_are_taken_as_far_as_they_are_known() {
    let mut scaler = FakeScaler::start().await;
    let mut proxy = Proxy::start(&[scaler.address]).await;
    let mut wire = scaler.wire().await;
    assert!(matches!(wire.heard().await, from_proxy::Message::Hello(hello) if hello.version == 1));
    wire.say(welcome(1)).await;
    wire.say
        .send(Ok(FromScaler::decode([0xc2, 0x3e, 0].as_slice()).unwrap()))
        .await
        .unwrap();
    wire.say(from_scaler::Message::Role(Role { leads: Some(1) }))
        .await;
    let table = Routes {
        version: 1,
        ..Default::default()
    };
    wire.say(from_scaler::Message::Routes(
        Routes::decode(newer(&table).as_slice()).unwrap(),
    ))
    .await;
    wire.say(from_scaler::Message::Synced(Synced {})).await;
    proxy.until(&ToProxy::Synced).await;
    let state = State {
        workload: "default/a".to_owned(),
        ..Default::default()
    };
    wire.say(from_scaler::Message::State(
        State::decode(newer(&state).as_slice()).unwrap(),
    ))
    .await;
    let empty = rouse_api::link::WorkloadState::empty(id("a"));
    assert_eq!(proxy.heard().await, ToProxy::State(empty));
    proxy.say(ToScaler::Leaving).await;
    assert!(matches!(
        wire.heard().await,
        from_proxy::Message::Leaving(_)
    ));
}

#[tokio::test]
async fn a_scaler_that_chooses_an_unknown_version_is_left() {
    let mut scaler = FakeScaler::start().await;
    let proxy = Proxy::start(&[scaler.address]).await;
    scaler.wire().await.say(welcome(2)).await;
    proxy.fails("the scaler speaks link protocol 2").await;
}

#[tokio::test]
async fn a_scaler_that_says_what_means_nothing_is_left_and_tried_again() {
    let mut scaler = FakeScaler::start().await;
    let proxy = Proxy::start(&[scaler.address]).await;
    let wire = scaler.wire().await;
    wire.say(from_scaler::Message::Synced(Synced {})).await;
    proxy.fails("welcome: is missing").await;
    let wire = scaler.wire().await;
    wire.say(welcome(1)).await;
    let base = Some(7);
    wire.say(from_scaler::Message::Routes(Routes {
        base,
        ..Default::default()
    }))
    .await;
    proxy.fails("routes.base").await;
    let wire = scaler.wire().await;
    wire.say(welcome(1)).await;
    wire.say(from_scaler::Message::State(State::default()))
        .await;
    proxy.fails("state.workload").await;
    scaler.wire().await;
}
