use std::time::Duration;

use rouse_api::link::{Granted, Owned, Recall, ToProxy, ToScaler};
use rouse_link::wire::{Welcome, from_scaler};
use tokio::io::AsyncReadExt;

use crate::fake::FakeScaler;
use crate::support::{Proxy, SHORT, Scaler, config, id, state, wake};

#[tokio::test]
async fn the_leader_is_the_source_and_when_it_dies_another() {
    let (mut first, mut second) = (Scaler::start().await, Scaler::start().await);
    let mut proxy = Proxy::start(&[first.address(), second.address()]).await;
    let (one, two) = (first.session().await, second.session().await);
    one.tell(None, &["a", "b"], &[state("a", "old")]).await;
    assert_eq!(proxy.until(&ToProxy::Synced).await.len(), 3);
    two.tell(Some(3), &["a", "b"], &[state("a", "x"), state("b", "x")])
        .await;
    assert_eq!(proxy.heard().await, ToProxy::Role { leads: Some(3) });
    let mut news = vec![proxy.heard().await, proxy.heard().await];
    news.sort_by_key(|message| format!("{message:?}"));
    let states = [state("a", "x"), state("b", "x")].map(ToProxy::State);
    assert_eq!(news, states);
    one.say(ToProxy::State(state("a", "older"))).await;
    proxy.quiet().await;
    // The leader dies: what the other knows counts, all of it.
    drop(second);
    two.closed().await;
    assert_eq!(proxy.heard().await, ToProxy::Role { leads: None });
    let mut news = vec![proxy.heard().await, proxy.heard().await];
    news.sort_by_key(|message| format!("{message:?}"));
    let empty = rouse_api::link::WorkloadState::empty(id("b"));
    assert_eq!(
        news,
        [ToProxy::State(state("a", "older")), ToProxy::State(empty)]
    );
    one.say(ToProxy::Role { leads: Some(4) }).await;
    assert_eq!(proxy.heard().await, ToProxy::Role { leads: Some(4) });
}

#[tokio::test]
async fn a_leader_that_hangs_does_not_keep_a_wake_from_the_others() {
    let (mut first, mut second) = (Scaler::start().await, Scaler::start().await);
    let proxy = Proxy::start(&[first.address(), second.address()]).await;
    let mut leader = first.session().await;
    let mut follower = second.session().await;
    leader.tell(Some(1), &["a"], &[]).await;
    follower.tell(None, &["a"], &[]).await;
    proxy.synced(2).await;
    proxy.say(wake("a")).await;
    assert_eq!(leader.heard().await, Some(wake("a")));
    assert!(
        tokio::time::timeout(SHORT, follower.hear.recv())
            .await
            .is_err(),
        "the leader is asked first"
    );
    proxy.say(wake("a")).await;
    assert_eq!(follower.heard().await, Some(wake("a")));
}

#[tokio::test]
async fn a_scaler_that_says_nothing_is_given_up() {
    let mut silent = FakeScaler::start().await;
    let mut config = config(&[silent.address]);
    config.timing.silence = Duration::from_millis(200);
    let proxy = Proxy::with(config).await;
    let wire = silent.wire().await;
    let version = 1;
    wire.say(from_scaler::Message::Welcome(Welcome {
        version,
        ..Default::default()
    }))
    .await;
    // The stream stays open, but nothing comes.
    proxy.fails("nothing heard for 200 ms").await;
    let _again = silent.wire().await;
}

#[tokio::test]
async fn one_that_accepts_and_does_not_answer_blocks_nobody() {
    let hole = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut scaler = Scaler::start().await;
    let mut config = config(&[hole.local_addr().unwrap(), scaler.address()]);
    config.timing.connect = Duration::from_millis(200);
    let mut proxy = Proxy::with(config).await;
    let session = scaler.session().await;
    session.tell(None, &["a"], &[]).await;
    proxy.until(&ToProxy::Synced).await;
    proxy.fails("no welcome within 200 ms").await;
    let (mut socket, _) = hole.accept().await.unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    let _second_try = hole.accept().await.unwrap();
}

#[tokio::test]
async fn unlinked_and_linked_again() {
    let mut scaler = Scaler::start().await;
    let address = scaler.address();
    let mut config = config(&[address]);
    config.timing.unlinked_after = Duration::from_millis(300);
    let mut proxy = Proxy::with(config).await;
    let session = scaler.session().await;
    session.tell(Some(1), &["a"], &[state("a", "x")]).await;
    proxy.until(&ToProxy::State(state("a", "x"))).await;
    drop(scaler);
    let before = proxy.until(&ToProxy::Unlinked).await;
    let gone = ToProxy::Role { leads: None };
    assert!(before.ends_with(&[gone]), "{before:?}");
    assert!(proxy.link.status().unlinked);
    let mut scaler = Scaler::with(rouse_link::tls::TlsConfig::Insecure, address).await;
    let session = scaler.session().await;
    session.tell(Some(1), &["a"], &[state("a", "x")]).await;
    assert_eq!(proxy.heard().await, ToProxy::Role { leads: Some(1) });
    assert_eq!(proxy.heard().await, ToProxy::Linked);
    proxy.quiet().await;
    assert!(!proxy.link.status().unlinked);
}

#[tokio::test]
async fn a_name_stands_for_all_of_its_addresses() {
    let mut scaler = Scaler::start().await;
    let mut config = config(&[]);
    config.scalers = vec![
        format!("localhost:{}", scaler.address().port()),
        "no-such-name.invalid:80".to_owned(),
    ];
    let mut proxy = Proxy::with(config).await;
    let session = scaler.session().await;
    session.tell(None, &["a"], &[]).await;
    proxy.until(&ToProxy::Synced).await;
    let scalers = proxy.link.status().scalers;
    let found = scalers
        .iter()
        .find(|found| found.address == scaler.address());
    assert!(found.is_some_and(|found| found.source), "{scalers:?}");
}

fn owned(term: u32) -> ToScaler {
    ToScaler::Permits(Owned {
        term,
        sequence: 1,
        whole: true,
        workloads: Vec::new(),
    })
}

fn granted(term: u32) -> ToProxy {
    ToProxy::Permits(Granted {
        workload: id("a"),
        term,
        recall: Recall::default(),
        given: Vec::new(),
    })
}

#[tokio::test]
async fn permits_are_between_the_proxy_and_the_leader_alone() {
    let (mut first, mut second) = (Scaler::start().await, Scaler::start().await);
    let mut proxy = Proxy::start(&[first.address(), second.address()]).await;
    let (mut one, mut two) = (first.session().await, second.session().await);
    assert!(one.capabilities.permits && two.capabilities.permits);
    one.tell(None, &["a"], &[]).await;
    two.tell(Some(3), &["a"], &[]).await;
    proxy.until(&ToProxy::Role { leads: Some(3) }).await;
    proxy.synced(2).await;
    proxy.say(owned(3)).await;
    proxy.say(wake("b")).await;
    assert_eq!(two.heard().await, Some(owned(3)));
    assert_eq!(two.heard().await, Some(wake("b")));
    // Neither one that follows gives permits, nor one that led before.
    one.say(granted(3)).await;
    two.say(granted(2)).await;
    two.say(granted(3)).await;
    let before = proxy.until(&granted(3)).await;
    assert!(matches!(before[..], [] | [ToProxy::Synced]), "{before:?}");
    proxy.quiet().await;
    // Without a leader nobody is told, and the proxy knows that.
    drop(second);
    two.closed().await;
    proxy.until(&ToProxy::Role { leads: None }).await;
    proxy.say(owned(3)).await;
    proxy.say(wake("c")).await;
    assert_eq!(one.heard().await, Some(wake("c")));
    drop(first);
    one.closed().await;
    proxy.until(&ToProxy::Role { leads: None }).await;
}
