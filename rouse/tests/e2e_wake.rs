//! Requests wake a sleeping service: each is answered, executed once, and no more processes start than are needed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use support::{DEADLINE, Home, Rouse, Whole, With, get, http2, once, post, whole};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Long enough that all requests of a burst are held.
const START: &[&str] = &["--start-delay", "200ms"];
const HOLD: &str = "hold: {maxRequests: 2000}";
const QUICK: &[&str] = &["--report-interval=50ms", "--tick=50ms"];

fn id(n: usize) -> String {
    format!("id-{n}")
}

fn get_of(n: usize) -> Request<Full<Bytes>> {
    get("hello", "/").with("x-request-id", &id(n))
}

fn body_of(n: usize) -> Bytes {
    format!("body of {n};").repeat(100).into()
}

fn post_of(n: usize) -> Request<Full<Bytes>> {
    post("hello", "/echo", body_of(n)).with("x-request-id", &id(n))
}

/// All at once, each over HTTP/1.1 on a connection of its own; answers in the order of the requests.
async fn over_http1(
    rouse: &Rouse,
    count: usize,
    make: impl Fn(usize) -> Request<Full<Bytes>>,
) -> Vec<Whole> {
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let exchange = once(rouse.proxy, make(n));
        tasks.spawn(async move { (n, exchange.await.expect("an answer")) });
    }
    in_order(tasks).await
}

/// All at once, as streams of one HTTP/2 connection.
async fn over_http2(
    rouse: &Rouse,
    count: usize,
    make: impl Fn(usize) -> Request<Full<Bytes>>,
) -> Vec<Whole> {
    let sender = http2::<Full<Bytes>>(rouse.proxy).await;
    let mut tasks = JoinSet::new();
    for n in 0..count {
        let (mut sender, request) = (sender.clone(), make(n));
        tasks.spawn(async move {
            let exchange = async { whole(sender.send_request(request).await?).await };
            let answer = timeout(DEADLINE, exchange).await.expect("in time");
            (n, answer.expect("an answer"))
        });
    }
    in_order(tasks).await
}

async fn in_order(tasks: JoinSet<(usize, Whole)>) -> Vec<Whole> {
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(n, _)| *n);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn assert_all(home: &Home, answers: &[Whole], starts: impl std::ops::RangeBounds<usize>) {
    let ledger = home.ledger();
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, 200, "{n}: {answer:?}");
        assert_eq!(ledger.executions(&id(n)), 1, "{n}");
    }
    assert!(
        starts.contains(&ledger.starts()),
        "{} starts",
        ledger.starts()
    );
}

#[tokio::test]
async fn one_fifty_and_a_thousand_at_once_start_one_process() {
    for count in [1, 50, 1000] {
        let home = Home::new();
        let yaml = home.workload("hello", "replicas: {max: 1}", HOLD, START);
        let rouse = Rouse::start(&home, &yaml).await;
        let answers = over_http1(&rouse, count, get_of).await;
        assert_all(&home, &answers, 1..=1);
    }
}

#[tokio::test]
async fn at_most_as_many_start_as_may() {
    let http = format!("concurrency: {{perReplica: 10}}, {HOLD}");
    for count in [1, 50, 1000] {
        let home = Home::new();
        let yaml = home.workload("hello", "replicas: {max: 3}", &http, START);
        let rouse = Rouse::start(&home, &yaml).await;
        let answers = over_http1(&rouse, count, get_of).await;
        assert_all(&home, &answers, 1..=3);
    }
}

#[tokio::test]
async fn bodies_wait_with_their_requests() {
    for count in [1, 50, 1000] {
        let home = Home::new();
        let yaml = home.workload("hello", "replicas: {max: 1}", HOLD, START);
        let rouse = Rouse::start(&home, &yaml).await;
        let answers = over_http1(&rouse, count, post_of).await;
        assert_all(&home, &answers, 1..=1);
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(answer.body, body_of(n));
        }
    }
}

#[tokio::test]
async fn streams_of_one_http2_connection_wake_it() {
    for (count, protocol) in [(1, "http1"), (50, "h2c"), (1000, "h2c")] {
        let home = Home::new();
        let http = format!("protocol: {protocol}, {HOLD}");
        let yaml = home.workload("hello", "replicas: {max: 1}", &http, START);
        let rouse = Rouse::start_with(&home, &yaml, &["--max-streams=1000"]).await;
        let answers = over_http2(&rouse, count, post_of).await;
        assert_all(&home, &answers, 1..=1);
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(answer.body, body_of(n));
        }
    }
}

#[tokio::test]
async fn a_body_larger_than_what_is_pulled_while_held_arrives_whole() {
    let home = Home::new();
    let rouse = Rouse::start(&home, &home.workload("hello", "", "", START)).await;
    let body: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (h1, h2) = (
        over_http1(&rouse, 1, |_| post("hello", "/echo", body.clone())),
        over_http2(&rouse, 1, |_| post("hello", "/echo", body.clone())),
    );
    let (h1, h2) = tokio::join!(h1, h2);
    assert!(h1[0].body == body && h2[0].body == body);
    assert_eq!(home.ledger().starts(), 1);
}

/// One client of one workload: gaps from below to above what it takes to fall asleep.
async fn light_traffic(home: &Home, rouse: &Rouse, name: &str, starts: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while home.ledger().starts() < starts {
        let id = format!("{name}-{}", ids.len());
        let request = match ids.len() % 2 {
            0 => get(name, "/"),
            _ => post(name, "/echo", id.clone()),
        };
        let answer = rouse.send(request.with("x-request-id", &id)).await;
        assert_eq!(answer.status, 200, "{id}: {answer:?}");
        sleep(Duration::from_millis(130 + (ids.len() as u64 * 37) % 160)).await;
        ids.push(id);
    }
    ids
}

#[tokio::test]
async fn fifty_times_down_and_up_loses_nothing_and_executes_nothing_twice() {
    let home = Home::new();
    let names = ["a", "b", "c", "d", "e"];
    let workload = |name| home.workload(name, "idleAfter: 150ms, replicas: {max: 1}", "", &[]);
    let yaml: String = names.map(workload).concat();
    let rouse = Rouse::start_with(&home, &yaml, QUICK).await;
    let starts = 50 + names.len();
    let (home, rouse) = (&home, &rouse);
    let all = names.map(|name| light_traffic(home, rouse, name, starts));
    let ids = timeout(DEADLINE * 2, futures_util::future::join_all(all))
        .await
        .expect("it goes to sleep again and again")
        .concat();
    assert!(ids.len() > 50);
    let ledger = home.ledger();
    let by_id = ledger.executions_by_id();
    assert_eq!(by_id.len(), ids.len());
    for id in &ids {
        assert_eq!(by_id.get(id.as_str()), Some(&1), "{id}");
    }
}

#[tokio::test]
async fn a_limit_of_one_is_kept_by_three_replicas() {
    let slow = |n| get("hello", "/?latency=50ms").with("x-request-id", &id(n));
    for replicas in ["min: 3, max: 3", "max: 3"] {
        let home = Home::new();
        let spec = format!("replicas: {{{replicas}}}");
        let http = format!("concurrency: {{limit: 1, perReplica: 1}}, {HOLD}");
        let rouse = Rouse::start(&home, &home.workload("hello", &spec, &http, &[])).await;
        let answers = over_http1(&rouse, 100, slow).await;
        assert_all(&home, &answers, 1..=3);
        let most = home.ledger().max_in_flight_by_pid();
        assert!(most.values().all(|most| *most == 1), "{most:?}");
    }
}

#[tokio::test]
async fn a_limit_of_one_is_kept_when_clients_leave_in_the_middle() {
    let home = Home::new();
    let http = format!("concurrency: {{limit: 1}}, {HOLD}");
    let yaml = home.workload("hello", "replicas: {max: 1}", &http, &[]);
    let rouse = Rouse::start(&home, &yaml).await;
    let mut leaving = JoinSet::new();
    for n in 0..40 {
        let request = get("hello", "/?latency=20ms").with("x-request-id", &id(n));
        let exchange = once(rouse.proxy, request);
        // Some leave while held, some while executed, some stay.
        let patience = Duration::from_millis(10 + n as u64 * 15);
        leaving.spawn(timeout(patience, exchange));
    }
    let staying = over_http1(&rouse, 20, |n| {
        get("hello", "/?latency=20ms").with("x-request-id", &id(100 + n))
    });
    let (answers, _) = tokio::join!(staying, leaving.join_all());
    let ledger = home.ledger();
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!((answer.status, ledger.executions(&id(100 + n))), (200, 1));
    }
    assert!((0..40).any(|n| ledger.gone(&id(n)) > 0 || ledger.executions(&id(n)) == 0));
    let most = ledger.max_in_flight_by_pid();
    assert!(most.values().all(|most| *most == 1), "{most:?}");
}
