//! What is done instead of holding.

use std::net::SocketAddr;

use rouse_api::link::{Fallback, ToProxy, ToScaler, WorkloadState};
use rouse_api::workload::{Protocol, Respond, Service, WhileWaking};

use crate::support::{Gateway, Steady, Upstream, get, id, post, routed, until};

fn wakes(message: &ToScaler) -> bool {
    matches!(message, ToScaler::Wake(wake) if wake.held == 1)
}

fn browser(headers: &str) -> String {
    format!(
        "GET /deep?a=1 HTTP/1.1\r\nhost: hello.test\r\naccept: text/html,*/*;q=0.8\r\nuser-agent: Mozilla/5.0 (X11) Chrome/140\r\n{headers}\r\n"
    )
}

async fn with(mode: WhileWaking) -> Gateway {
    let workload = routed("hello", |http| http.while_waking = mode);
    Gateway::routing(|_| {}, vec![workload]).await
}

#[tokio::test]
async fn a_browser_sees_a_page_that_wakes_and_then_the_service() {
    let replica = Steady::start("a").await;
    let gateway = with(WhileWaking::Page).await;
    let page = gateway.ask(&browser("sec-fetch-mode: navigate\r\n")).await;
    assert_eq!(page.status, 503);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.text().contains("hello.test"), "{}", page.text());
    gateway.says("a wake", wakes).await;
    let held = |reports: Vec<rouse_api::link::Report>| {
        let last = reports.into_iter().next_back();
        last.is_some_and(|last| last.workloads.iter().any(|one| one.held == 1))
    };
    until("it is demand", || held(gateway.reports())).await;
    // Everything else is held.
    let mut others = Vec::new();
    for request in [
        get("hello"),
        post("hello", "body"),
        browser("sec-fetch-mode: cors\r\n"),
        browser("connection: upgrade\r\nupgrade: websocket\r\n"),
        browser("content-type: application/grpc\r\n"),
    ] {
        let mut client = gateway.wire().await;
        client.send(request).await;
        others.push(client);
        gateway.held("hello", others.len()).await;
    }
    gateway.awake("hello", &[replica.address]).await;
    for client in &mut others {
        assert_eq!(client.answer().await.status, 200);
    }
    let own = gateway.ask(&browser("")).await;
    assert_eq!((own.status, own.text()), (200, "0 a"));
}

#[tokio::test]
async fn a_page_says_what_the_start_waits_for_or_fails_with() {
    let gateway = with(WhileWaking::Page).await;
    let told = |reason: &str| {
        Some(rouse_api::link::Failure {
            reason: reason.to_owned(),
            message: "0/1 nodes <b>".to_owned(),
        })
    };
    let state = WorkloadState {
        progress: told("Unschedulable"),
        ..WorkloadState::empty(id("hello"))
    };
    gateway.tell(ToProxy::State(state)).await;
    let page = async || gateway.ask(&browser("")).await.text().to_owned();
    let mut html = page().await;
    while !html.contains("Unschedulable") {
        html = page().await;
    }
    assert!(html.contains("0/1 nodes &lt;b&gt;"), "{html}");
    let state = WorkloadState {
        failure: told("ImagePullBackOff"),
        ..WorkloadState::empty(id("hello"))
    };
    gateway.tell(ToProxy::State(state)).await;
    while !html.contains("ImagePullBackOff") {
        html = page().await;
    }
    assert!(html.contains("It can't start"), "{html}");
}

#[tokio::test]
async fn a_fixed_answer_wakes_too() {
    let replica = Steady::start("a").await;
    let respond = Respond {
        status: 503,
        headers: vec![("retry-after".to_owned(), "3".to_owned())],
        body: "soon".to_owned(),
    };
    let gateway = with(WhileWaking::Respond(respond)).await;
    let answer = gateway.ask(&post("hello", "body")).await;
    assert_eq!((answer.status, answer.text()), (503, "soon"));
    assert_eq!(answer.header("retry-after"), Some("3"));
    gateway.says("a wake", wakes).await;
    gateway.awake("hello", &[replica.address]).await;
    assert_eq!(gateway.ask(&post("hello", "body")).await.text(), "4 a");
}

fn elsewhere(address: SocketAddr) -> WorkloadState {
    WorkloadState {
        fallback: Some(Fallback {
            address,
            protocol: Protocol::Http1,
        }),
        ..WorkloadState::empty(id("hello"))
    }
}

fn to_service() -> WhileWaking {
    WhileWaking::Fallback(Service {
        name: "other".to_owned(),
        port: None,
    })
}

#[tokio::test]
async fn a_fallback_answers_until_it_is_awake() {
    let (replica, other) = (Steady::start("a").await, Steady::start("other").await);
    let gateway = with(to_service()).await;
    // Nobody knows where it is: held.
    let mut held = gateway.wire().await;
    held.send(get("hello")).await;
    gateway.held("hello", 1).await;
    drop(held);
    gateway.held("hello", 0).await;
    gateway.tell(ToProxy::State(elsewhere(other.address))).await;
    gateway.forget();
    let mut client = gateway.wire().await;
    let mut answered = false;
    while !answered {
        client.send(post("hello", "body")).await;
        answered = client.answer().await.text() == "4 other";
    }
    client.send(post("hello", "more body")).await;
    assert_eq!(client.answer().await.text(), "9 other");
    gateway.says("a wake", wakes).await;
    let seen = other.nth(1).await;
    assert_eq!(seen.head.headers["x-forwarded-host"], "hello.test");
    gateway
        .status("hello", "none of it is in flight here", |status| {
            status.in_flight == 0
        })
        .await;
    let awake = WorkloadState {
        endpoints: vec![rouse_api::link::Endpoint {
            id: rouse_api::link::EndpointId("r0".into()),
            address: replica.address,
            state: rouse_api::link::EndpointState::Ready,
            probe: None,
            service_account: None,
        }],
        ..elsewhere(other.address)
    };
    gateway.tell(ToProxy::State(awake)).await;
    gateway
        .status("hello", "it is awake", |status| status.endpoints.len() == 1)
        .await;
    client.send(post("hello", "body")).await;
    assert_eq!(client.answer().await.text(), "4 a");
}

#[tokio::test]
async fn what_the_fallback_does_not_take_is_held() {
    let replica = Steady::start("a").await;
    let nobody = Upstream::bind().await.address;
    let gateway = with(to_service()).await;
    gateway.tell(ToProxy::State(elsewhere(nobody))).await;
    let mut client = gateway.wire().await;
    client.send(post("hello", "body")).await;
    gateway.held("hello", 1).await;
    gateway.awake("hello", &[replica.address]).await;
    assert_eq!(client.answer().await.text(), "4 a");
}
