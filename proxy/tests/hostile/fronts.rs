//! Ports that lead to one workload each: what comes in there is its own, whatever it says.

use std::net::SocketAddr;

use rouse_api::link::{Fronts, RoutedWorkload, ToProxy, ToScaler};
use rouse_api::workload::{Front, Service};

use crate::support::{Gateway, Steady, Wire, get, id, routed, until};

/// A workload with a front.
fn fronted(name: &str, port: u16) -> RoutedWorkload {
    routed(name, |http| {
        http.front = Some(Front {
            service: Service {
                name: name.to_owned(),
                port: None,
            },
            listen: Some(port),
        });
    })
}

/// A port that nobody has just now.
async fn free_port() -> u16 {
    Steady::start("nobody").await.address.port()
}

fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn fronts(all: &[(&str, u16)]) -> Fronts {
    all.iter().map(|(name, port)| (id(name), *port)).collect()
}

/// The proxy has said that these are open, and no others.
async fn says(gateway: &Gateway, open: &[(&str, u16)]) {
    let open = fronts(open);
    gateway
        .says(
            &format!("{open:?} are open"),
            |said| matches!(said, ToScaler::Fronts(said) if **said == open),
        )
        .await;
}

async fn ask(port: u16, head: &str) -> crate::support::Answer {
    let mut wire = Wire::connect(at(port)).await;
    wire.send(&format!(
        "GET / HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
    ))
    .await;
    wire.answer().await
}

#[tokio::test]
async fn a_port_leads_to_its_workload_whatever_the_host() {
    let (hello, other) = (Steady::start("hello").await, Steady::start("other").await);
    let (one, two) = (free_port().await, free_port().await);
    let workloads = vec![fronted("hello", one), fronted("other", two)];
    let gateway = Gateway::routing(|_| {}, workloads).await;
    gateway.awake("hello", &[hello.address]).await;
    gateway.awake("other", &[other.address]).await;
    says(&gateway, &[("hello", one), ("other", two)]).await;
    for (port, host, name) in [
        (one, "hello", "hello"),
        (two, "hello", "other"),
        (two, "hello.test", "other"),
        (one, "nobody.example:8080", "hello"),
    ] {
        let head = format!("Host: {host}\r\nrouse-workload: default/other\r\n");
        let answer = ask(port, &head).await;
        assert_eq!(
            (answer.status, answer.text()),
            (200, &*format!("0 {name}")),
            "{host}"
        );
    }
    // Nothing of it was changed, and the header is one like any other.
    let head = other.nth(1).await.head;
    assert_eq!(head.headers["host"], "hello");
    assert_eq!(head.headers["rouse-workload"], "default/other");
    assert_eq!(gateway.get("hello").await.text(), "0 hello", "and by host");
}

#[tokio::test]
async fn a_request_there_wakes_it() {
    let port = free_port().await;
    let gateway = Gateway::routing(|_| {}, vec![fronted("hello", port)]).await;
    says(&gateway, &[("hello", port)]).await;
    let request = tokio::spawn(async move { ask(port, "Host: hello\r\n").await });
    gateway
        .says(
            "it asks for a wake",
            |said| matches!(said, ToScaler::Wake(wake) if wake.workload == id("hello")),
        )
        .await;
    let hello = Steady::start("hello").await;
    gateway.awake("hello", &[hello.address]).await;
    assert_eq!(request.await.unwrap().status, 200);
}

#[tokio::test]
async fn who_is_new_is_told_and_who_has_none_says_nothing() {
    let port = free_port().await;
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", |_| {})]).await;
    gateway.next_reports(2).await;
    let any = |said: &ToScaler| matches!(said, ToScaler::Fronts(_));
    assert_eq!(gateway.said(any), 0);
    gateway.route(vec![fronted("hello", port)]).await;
    says(&gateway, &[("hello", port)]).await;
    gateway.forget();
    gateway.tell(ToProxy::ReportWhole).await;
    says(&gateway, &[("hello", port)]).await;
}

#[tokio::test]
async fn what_is_not_wanted_is_said_at_once_and_open_for_those_who_have_not_heard() {
    let port = free_port().await;
    let hello = Steady::start("hello").await;
    let gateway = Gateway::routing(|_| {}, vec![fronted("hello", port)]).await;
    gateway.awake("hello", &[hello.address]).await;
    says(&gateway, &[("hello", port)]).await;
    gateway.route(vec![routed("hello", |_| {})]).await;
    says(&gateway, &[]).await;
    assert_eq!(ask(port, "Host: hello\r\n").await.status, 200);
    gateway.route(vec![]).await;
    let answer = ask(port, "Host: hello\r\n").await;
    answer.is_problem(503, "workload-removed");
}

#[tokio::test]
async fn a_port_that_becomes_anothers_finishes_what_it_has() {
    let port = free_port().await;
    let (hello, other) = (Steady::start("hello").await, Steady::start("other").await);
    let gateway = Gateway::routing(|_| {}, vec![fronted("hello", port)]).await;
    gateway.awake("hello", &[hello.address]).await;
    says(&gateway, &[("hello", port)]).await;
    let mut idle = Wire::connect(at(port)).await;
    idle.send(get("hello")).await;
    assert_eq!(idle.answer().await.text(), "0 hello");
    let mut busy = Wire::connect(at(port)).await;
    busy.send("POST / HTTP/1.1\r\nHost: hello\r\nContent-Length: 2\r\n\r\na")
        .await;
    hello.nth(2).await;

    let workloads = vec![routed("hello", |_| {}), fronted("other", port)];
    gateway.route(workloads).await;
    gateway.awake("other", &[other.address]).await;
    says(&gateway, &[("other", port)]).await;
    assert_eq!(ask(port, "Host: hello\r\n").await.text(), "0 other");
    idle.closed().await;
    busy.send("b").await;
    let answer = busy.answer().await;
    assert_eq!((answer.status, answer.text()), (200, "2 hello"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_counted_and_disturbs_nobody() {
    let taken = Steady::start("taken").await;
    let (bad, good) = (taken.address.port(), free_port().await);
    let hello = Steady::start("hello").await;
    let workloads = vec![fronted("a", bad), fronted("hello", good)];
    let gateway = Gateway::routing(|_| {}, workloads).await;
    gateway.awake("hello", &[hello.address]).await;
    says(&gateway, &[("hello", good)]).await;
    assert_eq!(ask(good, "Host: hello\r\n").await.status, 200);
    assert_eq!(gateway.proxy.status().fronts, fronts(&[("hello", good)]));
    // It is given another.
    let next = free_port().await;
    let workloads = vec![fronted("a", next), fronted("hello", good)];
    gateway.route(workloads).await;
    says(&gateway, &[("a", next), ("hello", good)]).await;
}

#[tokio::test]
async fn at_the_end_it_takes_no_more() {
    let port = free_port().await;
    let gateway = Gateway::routing(
        |config| config.drain.delay = std::time::Duration::ZERO,
        vec![fronted("hello", port)],
    )
    .await;
    says(&gateway, &[("hello", port)]).await;
    gateway.proxy.shutdown().await;
    until("nobody listens", || {
        std::net::TcpStream::connect(at(port)).is_err()
    })
    .await;
}
