//! Rules, and what a wake needs.

use std::time::Duration;

use rouse_api::link::{EndpointState, ToProxy, ToScaler};
use rouse_api::workload::{Http, PathPrefix, Respond, Rule, RuleAction, RuleMatch, WakeRequires};

use crate::support::{Gateway, Steady, Upstream, get, id, routed};

fn under(path: &str, action: RuleAction) -> Rule {
    Rule {
        matches: RuleMatch {
            path_prefixes: vec![PathPrefix::parse(path).unwrap()],
            ..RuleMatch::default()
        },
        action,
    }
}

fn respond(status: u16, body: &str) -> Respond {
    Respond {
        status,
        headers: vec![("x-by".to_owned(), "rule".to_owned())],
        body: body.to_owned(),
    }
}

fn rules(http: &mut Http) {
    http.rules = vec![
        under("/healthz", RuleAction::Respond(respond(200, "fine"))),
        under("/probe", RuleAction::NoWake(None)),
        under("/lb", RuleAction::NoWake(Some(respond(200, "asleep")))),
    ];
}

fn ask(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: hello.test\r\n\r\n")
}

fn wakes(message: &ToScaler) -> bool {
    matches!(message, ToScaler::Wake(_))
}

#[tokio::test]
async fn what_a_rule_answers_goes_nowhere() {
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", rules)]).await;
    let mut client = gateway.wire().await;
    // On one connection, also with a body that nobody reads.
    for _ in 0..2 {
        client
            .send("POST /healthz HTTP/1.1\r\nhost: hello.test\r\ncontent-length: 4\r\n\r\nbody")
            .await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.text()), (200, "fine"));
        assert_eq!(answer.header("x-by"), Some("rule"));
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
    client
        .send("HEAD /healthz HTTP/1.1\r\nhost: hello.test\r\n\r\n")
        .await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    gateway.ask(&ask("/probe")).await.is_problem(503, "asleep");
    let asleep = gateway.ask(&ask("/lb")).await;
    assert_eq!((asleep.status, asleep.text()), (200, "asleep"));
    for report in gateway.next_reports(2).await {
        assert!(report.workloads.is_empty(), "{report:?}");
    }
    assert_eq!(gateway.said(wakes), 0);
}

#[tokio::test]
async fn what_does_not_wake_is_forwarded_when_awake_and_never_counts() {
    let replica = Steady::start("a").await;
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", rules)]).await;
    gateway.awake("hello", &[replica.address]).await;
    for path in ["/probe", "/lb"] {
        let answer = gateway.ask(&ask(path)).await;
        assert_eq!((answer.status, answer.text()), (200, "0 a"));
    }
    let fixed = gateway.ask(&ask("/healthz")).await;
    assert_eq!(fixed.text(), "fine");
    assert_eq!(replica.seen().len(), 2);
    for report in gateway.next_reports(3).await {
        assert!(report.workloads.is_empty(), "{report:?}");
    }
    // It was idle all the time.
    let (workload, epoch) = (id("hello"), 1);
    let quiesce = |idle_for| ToProxy::Quiesce {
        workload: workload.clone(),
        epoch,
        idle_for,
    };
    gateway.tell(quiesce(Duration::from_millis(1))).await;
    gateway
        .says("quiesced", |one| matches!(one, ToScaler::Quiesced { .. }))
        .await;
}

#[tokio::test]
async fn a_sleep_waits_for_what_does_not_count_and_takes_no_more_of_it() {
    let replica = Upstream::bind().await;
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", rules)]).await;
    gateway.awake("hello", &[replica.address]).await;
    let mut slow = gateway.wire().await;
    slow.send(ask("/probe")).await;
    let mut upstream = replica.accept().await;
    upstream.head().await;
    let (workload, epoch) = (id("hello"), 5);
    gateway
        .tell(ToProxy::Quiesce {
            workload: workload.clone(),
            epoch,
            idle_for: Duration::ZERO,
        })
        .await;
    gateway
        .status("hello", "it holds back", |status| status.quiesced)
        .await;
    gateway.ask(&ask("/probe")).await.is_problem(503, "asleep");
    gateway.next_reports(2).await;
    let answers = |one: &ToScaler| matches!(one, ToScaler::Quiesced { .. } | ToScaler::Busy { .. });
    assert_eq!(gateway.said(answers), 0, "one is in flight");
    upstream
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
    assert_eq!(slow.answer().await.text(), "ok");
    let quiesced = ToScaler::Quiesced {
        workload: workload.clone(),
        epoch,
    };
    gateway.says("quiesced", |one| *one == quiesced).await;
    // Nobody may have heard.
    gateway.forget();
    gateway.says("quiesced again", |one| *one == quiesced).await;
    gateway.tell(ToProxy::Asleep { workload, epoch }).await;
    gateway
        .status("hello", "it sleeps", |status| !status.quiesced)
        .await;
    gateway.forget();
    gateway.next_reports(2).await;
    assert_eq!(gateway.said(answers), 0, "it has been heard");
}

#[tokio::test]
async fn the_proxys_own_rules_stand_behind_those_of_the_workload() {
    let monitors = |action| Rule {
        matches: RuleMatch {
            user_agents: vec!["Robot/*".to_owned()],
            ..RuleMatch::default()
        },
        action,
    };
    let except = routed("hello", |http| {
        http.rules = vec![under("/wake", RuleAction::Wake)];
    });
    let everyones = monitors(RuleAction::NoWake(None));
    let tune = move |config: &mut rouse_proxy::ProxyConfig| config.rules = vec![everyones];
    let gateway = Gateway::routing(tune, vec![except, routed("other", |_| {})]).await;
    let robot = |host: &str, path: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: {host}.test\r\nuser-agent: Robot/1\r\n\r\n")
    };
    gateway
        .ask(&robot("other", "/"))
        .await
        .is_problem(503, "asleep");
    gateway
        .ask(&robot("hello", "/"))
        .await
        .is_problem(503, "asleep");
    let mut held = gateway.wire().await;
    held.send(robot("hello", "/wake")).await;
    gateway.held("hello", 1).await;
    let by = |one: &ToScaler| match one {
        ToScaler::Wake(wake) => wake
            .by
            .as_ref()
            .is_some_and(|by| by.to_string() == "GET hello.test by Robot"),
        _ => false,
    };
    gateway.says("who woke it", by).await;
}

#[tokio::test]
async fn the_source_is_the_peers_or_what_a_trusted_peer_says() {
    let inside = |http: &mut Http| {
        http.rules = vec![Rule {
            matches: RuleMatch {
                source_addresses: vec!["192.0.2.0/24".parse().unwrap()],
                ..RuleMatch::default()
            },
            action: RuleAction::Respond(respond(204, "")),
        }];
    };
    let from = "GET / HTTP/1.1\r\nhost: hello.test\r\nx-forwarded-for: 192.0.2.7\r\n\r\n";
    let trusting = |config: &mut rouse_proxy::ProxyConfig| {
        config.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    };
    let gateway = Gateway::routing(trusting, vec![routed("hello", inside)]).await;
    assert_eq!(gateway.ask(from).await.status, 204);
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", inside)]).await;
    let mut held = gateway.wire().await;
    held.send(from).await;
    gateway.held("hello", 1).await;
}

#[tokio::test]
async fn what_a_wake_needs_and_a_request_lacks() {
    for (status, challenge) in [(401, Some("Bearer")), (503, None)] {
        let replica = Steady::start("a").await;
        let needs = |http: &mut Http| {
            http.wake_requires = Some(WakeRequires {
                headers: vec!["authorization".to_owned()],
                status,
            });
        };
        let gateway = Gateway::routing(|_| {}, vec![routed("hello", needs)]).await;
        let refused = gateway.get("hello").await;
        refused.is_problem(status, "wake-requires");
        assert_eq!(refused.header("www-authenticate"), challenge);
        let empty = "GET / HTTP/1.1\r\nhost: hello.test\r\nauthorization:\r\n\r\n";
        gateway.ask(empty).await.is_problem(status, "wake-requires");
        assert_eq!(gateway.said(wakes), 0);
        let mut held = gateway.wire().await;
        held.send("GET / HTTP/1.1\r\nhost: hello.test\r\nauthorization: Bearer x\r\n\r\n")
            .await;
        gateway.held("hello", 1).await;
        gateway.says("a wake", wakes).await;
        // While it wakes the others wait no more than before.
        let starting = [("r0".to_owned(), replica.address, EndpointState::Starting)];
        gateway.state("hello", &starting).await;
        gateway
            .get("hello")
            .await
            .is_problem(status, "wake-requires");
        gateway.awake("hello", &[replica.address]).await;
        assert_eq!(held.answer().await.status, 200);
        assert_eq!(
            gateway.get("hello").await.status,
            200,
            "served as any other"
        );
        let counted = |reports: Vec<rouse_api::link::Report>| {
            let entries = reports.into_iter().flat_map(|report| report.workloads);
            entries.map(|entry| entry.requests).sum::<u64>()
        };
        // Those that were refused came to nothing, and are no reason to keep it.
        crate::support::until("they are counted", || counted(gateway.reports()) >= 2).await;
    }
}

#[tokio::test]
async fn a_plain_get_is_held_as_ever() {
    let gateway = Gateway::routing(|_| {}, vec![routed("hello", rules)]).await;
    let mut client = gateway.wire().await;
    client.send(get("hello")).await;
    gateway.held("hello", 1).await;
}
