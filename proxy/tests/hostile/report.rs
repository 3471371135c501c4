//! What the scaler is told of demand, of what a start waits for, and of the end.

use std::time::Duration;

use rouse_api::link::{Failure, Report, ToProxy, ToScaler, WorkloadState};

use crate::support::{Gateway, Steady, get, id, routed, until};

fn names(report: &Report) -> Vec<&str> {
    let entries = report.workloads.iter();
    entries.map(|entry| entry.workload.name()).collect()
}

#[tokio::test]
async fn only_what_moved_is_reported() {
    let replica = Steady::start("a").await;
    let idle = (0..50).map(|at| routed(&format!("idle{at}"), |_| {}));
    let workloads = idle.chain([routed("hello", |_| {})]).collect();
    let gateway = Gateway::routing(|_| {}, workloads).await;
    gateway.awake("hello", &[replica.address]).await;
    until("a report", || !gateway.reports().is_empty()).await;
    let first = gateway.reports().remove(0);
    assert!(first.whole && first.workloads.is_empty(), "{first:?}");
    let before = gateway.next_reports(1).await.remove(0);
    assert!(!before.whole && before.workloads.is_empty(), "{before:?}");
    assert_eq!(gateway.get("hello").await.status, 200);
    let end = |reports: &[Report]| {
        let zero = |report: &Report| report.workloads.iter().any(|one| one.requests == 0);
        reports.iter().any(zero)
    };
    until("the end is told", || end(&gateway.reports())).await;
    gateway.next_reports(3).await;
    let told: Vec<_> = gateway
        .reports()
        .into_iter()
        .flat_map(|report| report.workloads)
        .collect();
    let requests: Vec<_> = told.iter().map(|one| one.requests).collect();
    assert!(
        [vec![1, 0], vec![1, 0, 0]].contains(&requests),
        "{requests:?}"
    );
    let last = told.last().unwrap();
    assert_eq!((last.in_flight, last.held), (0, 0));
    assert!(told.iter().all(|one| one.workload == id("hello")));
    gateway.tell(ToProxy::ReportWhole).await;
    let whole = |reports: Vec<Report>| reports.into_iter().rfind(|one| one.whole);
    let second = || whole(gateway.reports()).filter(|one| one.sequence > 0);
    until("a whole report", || second().is_some()).await;
    let second = second().unwrap();
    assert_eq!(
        names(&second),
        ["hello"],
        "it had a request, the others none"
    );
    assert!(second.workloads[0].idle_for >= last.idle_for);
    assert!(!gateway.next_reports(2).await[1].whole);
    let sequences: Vec<_> = gateway.reports().iter().map(|one| one.sequence).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] + 1 == pair[1]));
}

#[tokio::test]
async fn what_is_held_is_reported_as_long_as_it_is() {
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    gateway.held("hello", 1).await;
    for report in gateway.next_reports(4).await.split_off(1) {
        assert_eq!(report.workloads[0].held, 1, "{report:?}");
    }
}

#[tokio::test]
async fn a_request_that_waits_too_long_is_told_what_the_start_waits_for() {
    let short = routed("hello", |http| {
        http.hold.timeout = Duration::from_millis(100);
        http.hold.max_requests = 1;
    });
    let gateway = Gateway::routing(|_| {}, vec![short]).await;
    let progress = Failure {
        reason: "Unschedulable".to_owned(),
        message: "pod hello-x: 0/1 nodes are available".to_owned(),
    };
    let state = WorkloadState {
        progress: Some(progress),
        ..WorkloadState::empty(id("hello"))
    };
    gateway.tell(ToProxy::State(state)).await;
    let mut held = gateway.wire().await;
    held.send(get("hello")).await;
    gateway.held("hello", 1).await;
    let full = gateway.get("hello").await;
    full.is_problem(503, "hold-full");
    let late = held.answer().await;
    late.is_problem(504, "hold-timeout");
    for answer in [full, late] {
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["progress"]["reason"], "Unschedulable");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("Unschedulable: pod hello-x: 0/1 nodes"),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn it_is_ready_when_all_was_told() {
    let gateway = Gateway::start(|_| {}).await;
    gateway.tell(ToProxy::Role { leads: Some(1) }).await;
    let routes = rouse_api::link::Routes {
        version: 1,
        workloads: vec![routed("hello", |_| {})],
    };
    gateway
        .tell(ToProxy::Routes(std::sync::Arc::new(routes)))
        .await;
    until("the routes are known", || {
        !gateway.proxy.status().workloads.is_empty()
    })
    .await;
    assert!(!gateway.proxy.ready(), "there is more to come");
    gateway.tell(ToProxy::Synced).await;
    until("ready", || gateway.proxy.ready()).await;
    gateway.tell(ToProxy::Role { leads: None }).await;
    gateway.tell(ToProxy::Unlinked).await;
    gateway.next_reports(2).await;
    assert!(gateway.proxy.ready(), "it serves with what it knows");
}

#[tokio::test]
async fn it_says_that_it_leaves_when_all_has_ended() {
    let upstream = crate::support::Upstream::bind().await;
    let prompt = |config: &mut rouse_proxy::ProxyConfig| config.drain.delay = Duration::ZERO;
    let gateway = Gateway::routing(prompt, vec![routed("hello", |_| {})]).await;
    gateway.awake("hello", &[upstream.address]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    let mut replica = upstream.accept().await;
    replica.head().await;
    let leaving = |said: &ToScaler| matches!(said, ToScaler::Leaving);
    let proxy = gateway.proxy.clone();
    let end = tokio::spawn(async move { proxy.shutdown().await });
    gateway.next_reports(2).await;
    assert_eq!(gateway.said(leaving), 0, "one is in flight");
    replica
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
    assert_eq!(client.answer().await.text(), "ok");
    crate::support::within("the end", end).await.unwrap();
    gateway.says("Leaving", leaving).await;
    let reports = gateway.reports().len();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(gateway.reports().len(), reports, "it was its last word");
}
