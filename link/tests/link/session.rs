use rouse_api::link::{ToProxy, ToScaler};

use crate::support::{LONG, Proxy, Scaler, id, member, report, routes, state, wake};

#[tokio::test]
async fn a_snapshot_and_then_what_changes() {
    let mut scaler = Scaler::start().await;
    let mut proxy = Proxy::start(&[scaler.address()]).await;
    let session = scaler.session().await;
    assert_eq!(session.member, member());
    assert_eq!(proxy.heard_any().await, ToProxy::ReportWhole);
    let mut names: Vec<String> = (0..2500).map(|n| format!("w{n}")).collect();
    session.say(ToProxy::Role { leads: Some(1) }).await;
    session.say(routes(1, &names)).await;
    session.say(ToProxy::State(state("w1", "x"))).await;
    session.say(ToProxy::Synced).await;
    assert_eq!(proxy.heard().await, ToProxy::Role { leads: Some(1) });
    assert_eq!(proxy.heard().await, routes(1, &names));
    assert_eq!(proxy.heard().await, ToProxy::State(state("w1", "x")));
    assert_eq!(proxy.heard().await, ToProxy::Synced);
    names.remove(0);
    names.push("new".to_owned());
    session.say(routes(2, &names)).await;
    assert_eq!(proxy.heard().await, routes(2, &names));
    let (workload, epoch) = (id("w1"), 1 << 32 | 5);
    let asleep = ToProxy::Asleep { workload, epoch };
    session.say(asleep.clone()).await;
    assert_eq!(proxy.heard().await, asleep);
    let status = proxy.link.status();
    assert_eq!(status.scalers[0].name, "scaler-0");
    assert!(status.scalers[0].source && !status.unlinked);
}

#[tokio::test]
async fn what_the_proxy_says_arrives_after_a_whole_report() {
    let mut scaler = Scaler::start().await;
    let proxy = Proxy::start(&[scaler.address()]).await;
    let mut session = scaler.session().await;
    session.tell(None, &["a"], &[]).await;
    proxy.synced(1).await;
    proxy.say(report(false, 1)).await;
    proxy.say(wake("a")).await;
    assert_eq!(session.heard().await, Some(wake("a")));
    proxy.say(report(true, 2)).await;
    assert_eq!(session.heard().await, Some(report(true, 2)));
}

#[tokio::test]
async fn leaving_is_heard_and_ends_the_session() {
    let mut scaler = Scaler::start().await;
    let mut proxy = Proxy::start(&[scaler.address()]).await;
    let mut session = scaler.session().await;
    assert_eq!(proxy.heard_any().await, ToProxy::ReportWhole);
    let Proxy { link, say, .. } = proxy;
    say.send(report(true, 1)).await.unwrap();
    assert_eq!(session.heard().await, Some(report(true, 1)));
    drop(say);
    tokio::time::timeout(LONG / 2, link.leave())
        .await
        .expect("leaves as soon as it is heard");
    assert_eq!(session.heard().await, Some(ToScaler::Leaving));
    assert_eq!(session.heard().await, None);
    session.closed().await;
    assert!(scaler.sessions.try_recv().is_err(), "it does not come back");
}

#[tokio::test]
async fn a_dropped_link_ends_the_session_without_leaving() {
    let mut scaler = Scaler::start().await;
    let proxy = Proxy::start(&[scaler.address()]).await;
    let mut session = scaler.session().await;
    drop(proxy);
    assert_eq!(session.heard().await, None);
    session.closed().await;
}

#[tokio::test]
async fn a_scaler_that_stops_ends_its_sessions_and_one_in_its_place_is_found() {
    let mut scaler = Scaler::start().await;
    let address = scaler.address();
    let mut proxy = Proxy::start(&[address]).await;
    let mut session = scaler.session().await;
    session.tell(Some(1), &["a"], &[state("a", "x")]).await;
    proxy.until(&ToProxy::Synced).await;
    tokio::time::timeout(LONG / 2, scaler.server.shutdown())
        .await
        .expect("stops");
    assert_eq!(session.heard().await, None);
    let mut scaler = Scaler::with(rouse_link::tls::TlsConfig::Insecure, address).await;
    let session = scaler.session().await;
    session.tell(Some(2), &["a"], &[state("a", "y")]).await;
    assert_eq!(proxy.heard().await, ToProxy::Role { leads: None });
    assert_eq!(proxy.heard().await, ToProxy::Role { leads: Some(2) });
    assert_eq!(proxy.heard().await, ToProxy::State(state("a", "y")));
}

#[tokio::test]
async fn a_session_that_its_scaler_closes_is_opened_anew() {
    let mut scaler = Scaler::start().await;
    let proxy = Proxy::start(&[scaler.address()]).await;
    drop(scaler.session().await);
    let session = scaler.session().await;
    session.tell(None, &["a"], &[]).await;
    proxy.synced(1).await;
}

#[tokio::test]
async fn a_scaler_that_takes_nothing_blocks_nobody() {
    let (mut slow, mut other) = (Scaler::start().await, Scaler::start().await);
    let proxy = Proxy::start(&[slow.address(), other.address()]).await;
    // Its messages are never taken: its channel fills, then the stream, then the outbox.
    let _stuck = slow.session().await;
    let mut session = other.session().await;
    session.tell(None, &["a"], &[]).await;
    proxy.synced(1).await;
    proxy
        .wait(|link| {
            let scalers = link.status().scalers;
            scalers.len() == 2 && scalers.iter().all(|scaler| !scaler.name.is_empty())
        })
        .await;
    for n in 0..3000 {
        proxy.say(report(n == 0, 1)).await;
    }
    let mut requests = 0;
    while requests < 3000 {
        if let Some(ToScaler::Report(report)) = session.heard().await {
            requests += report.workloads[0].requests;
        }
    }
    assert_eq!(requests, 3000, "merged reports lose nothing");
}

#[tokio::test]
async fn a_proxy_that_takes_nothing_still_is_heard() {
    let mut scaler = Scaler::start().await;
    let proxy = Proxy::start(&[scaler.address()]).await;
    let mut session = scaler.session().await;
    session.tell(Some(1), &["a"], &[]).await;
    proxy.synced(1).await;
    let say = session.say.clone();
    let flood = tokio::spawn(async move {
        for n in 0..5000 {
            let message = ToProxy::State(state("a", &n.to_string()));
            if say.send(message).await.is_err() {
                return;
            }
        }
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    proxy.say(wake("a")).await;
    assert_eq!(session.heard().await, Some(wake("a")));
    flood.abort();
}

#[tokio::test]
async fn the_highest_term_that_a_proxy_knows_is_told_to_the_next_scaler() {
    let (mut first, mut second) = (Scaler::start().await, Scaler::start().await);
    let mut proxy = Proxy::start(&[first.address(), second.address()]).await;
    let session = first.session().await;
    let other = second.session().await;
    session.tell(Some(7), &["a"], &[]).await;
    proxy.until(&ToProxy::Role { leads: Some(7) }).await;
    // Its Lease is gone, and it has restarted.
    drop((other.say, other.hear));
    let again = second.session().await;
    assert_eq!(*second.server.terms().borrow(), 7);
    drop(again);
}
