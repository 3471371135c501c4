//! What becomes of held requests that can't be answered, or that are no longer wanted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::time::Duration;

use support::{Home, Rouse, Whole, get, once, until};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Never ready within a test.
const ASLEEP: &[&str] = &["--start-delay", "10m"];

fn assert_problem(answer: &Whole, status: u16, name: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["type"], format!("urn:rouse:problem:{name}"));
    assert_eq!(problem["status"], status);
}

async fn held(rouse: &Rouse, count: u64) {
    until(&format!("{count} are held"), async || {
        let status = rouse.status().await;
        let all = status["proxy"]["workloads"].as_array().unwrap();
        all.iter()
            .filter_map(|one| one["held"].as_u64())
            .sum::<u64>()
            == count
    })
    .await;
}

/// A document whose process is this command.
fn with_command(name: &str, command: &[&str]) -> String {
    let command = serde_json::to_string(command).unwrap();
    format!(
        "---\napiVersion: rouse.dev/v1alpha1\nkind: ScaledWorkload\nmetadata: {{name: {name}}}\n\
         spec: {{target: {{process: {{command: {command}}}}}, http: {{hosts: [{name}]}}}}\n"
    )
}

#[tokio::test]
async fn one_more_than_may_wait_is_told_so_and_another_workload_is_not_touched() {
    let home = Home::new();
    let yaml = home.workload("slow", "", "hold: {maxRequests: 2}", ASLEEP)
        + &home.workload("other", "", "", &[]);
    let rouse = Rouse::start(&home, &yaml).await;
    let waiting = [(); 2].map(|()| tokio::spawn(once(rouse.proxy, get("slow", "/"))));
    held(&rouse, 2).await;
    let answer = rouse.send(get("slow", "/")).await;
    assert_problem(&answer, 503, "hold-full");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(rouse.send(get("other", "/")).await.status, 200);
    for task in waiting {
        task.abort();
    }
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place() {
    let home = Home::new();
    let yaml = home.workload("slow", "", "hold: {maxRequests: 1}", ASLEEP);
    let rouse = Rouse::start(&home, &yaml).await;
    let body = |announced: usize, sent: usize| {
        let head = format!("POST / HTTP/1.1\r\nhost: slow\r\ncontent-length: {announced}\r\n\r\n");
        [head.into_bytes(), vec![b'x'; sent]].concat()
    };
    for request in [
        b"GET / HTTP/1.1\r\nhost: slow\r\n\r\n".to_vec(),
        body(10, 0),
        body(10, 10),
        body(1 << 20, 1000),
        body(1 << 20, 200 << 10),
        body(200 << 10, 200 << 10),
    ] {
        let mut client = TcpStream::connect(rouse.proxy).await.unwrap();
        // What the gateway does not read may not fit into the sockets' buffers.
        let _ = timeout(Duration::from_millis(300), client.write_all(&request)).await;
        held(&rouse, 1).await;
        drop(client);
        held(&rouse, 0).await;
    }
}

#[tokio::test]
async fn past_the_deadline_it_is_told_so() {
    let home = Home::new();
    let yaml = home.workload("slow", "", "hold: {timeout: 200ms}", ASLEEP);
    let rouse = Rouse::start(&home, &yaml).await;
    let answer = rouse.send(get("slow", "/")).await;
    assert_problem(&answer, 504, "hold-timeout");
    assert!(answer.text().contains("default/slow"), "{}", answer.text());
}

#[tokio::test]
async fn a_command_that_is_not_there_fails_what_is_held() {
    let home = Home::new();
    let rouse = Rouse::start(&home, &with_command("broken", &["/no/such/program"])).await;
    let answer = rouse.send(get("broken", "/")).await;
    assert_problem(&answer, 503, "workload-failed");
    assert!(
        answer.text().contains("/no/such/program"),
        "{}",
        answer.text()
    );
    assert_ne!(answer.header("retry-after"), "");
}

#[tokio::test]
async fn a_process_that_exits_at_once_fails_what_is_held_with_its_last_words() {
    let home = Home::new();
    let script = "echo 'starting up'; echo 'no database for you' >&2; exit 7";
    let rouse = Rouse::start(&home, &with_command("broken", &["sh", "-c", script])).await;
    let [a, b] = [(); 2].map(|()| rouse.send(get("broken", "/")));
    let (a, b) = tokio::join!(a, b);
    for answer in [a, b] {
        assert_problem(&answer, 503, "workload-failed");
        let detail = answer.text();
        assert!(detail.contains("no database for you"), "{detail}");
        assert!(detail.contains('7'), "the exit status: {detail}");
    }
}

#[tokio::test]
async fn a_held_answer_says_what_the_wait_was_made_of() {
    let home = Home::new();
    let rouse = Rouse::start(&home, &home.workload("hello", "", "", &[])).await;
    let first = rouse.send(get("hello", "/")).await;
    assert_eq!(first.status, 200);
    let timing = first.header("server-timing");
    assert!(timing.contains("rouse-hold;dur="), "{timing:?}");
    let second = rouse.send(get("hello", "/")).await;
    assert_eq!(
        second.header("server-timing"),
        "",
        "it was not held, and says nothing"
    );
}

#[tokio::test]
async fn a_workload_removed_while_requests_are_held_says_so() {
    let home = Home::new();
    let other = home.workload("other", "", "", &[]);
    let rouse = Rouse::start(&home, &(home.workload("slow", "", "", ASLEEP) + &other)).await;
    let waiting = tokio::spawn(once(rouse.proxy, get("slow", "/")));
    held(&rouse, 1).await;
    home.write(&other);
    let answer = waiting.await.unwrap().expect("an answer");
    assert_problem(&answer, 503, "workload-removed");
    assert_problem(&rouse.send(get("slow", "/")).await, 404, "no-route");
}
