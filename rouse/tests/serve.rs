//! `rouse serve` as a program: its files, its admin listener, its signals, its exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use support::{Home, Rouse, With, get, serve, until};

#[tokio::test]
async fn serves_a_file_and_its_changes_and_refuses_bad_ones() {
    let home = Home::new();
    let hello = home.workload("hello", "", "", &[]);
    let rouse = Rouse::start(&home, &hello).await;
    assert!(
        rouse
            .send(get("hello", "/"))
            .await
            .text()
            .starts_with("Hello from hello")
    );
    assert_eq!(rouse.send(get("other", "/")).await.status, 404);

    home.write("kind: Nonsense");
    let refused = "rouse_config_reloads_total{outcome=\"refused\"}";
    until("refused", async || rouse.metric(refused).await == Some(1.0)).await;
    assert!(
        rouse.log().contains("workloads.yaml:1: "),
        "the problems are in the log"
    );
    assert_eq!(rouse.send(get("hello", "/")).await.status, 200);

    home.write(&(hello + &home.workload("other", "", "", &[])));
    until("applied", async || {
        rouse.send(get("other", "/")).await.status == 200
    })
    .await;
    assert_eq!(rouse.send(get("hello", "/")).await.status, 200);
    assert_eq!(
        home.ledger().starts(),
        2,
        "what has not changed was not started again"
    );
}

#[tokio::test]
async fn one_thread_serves_as_well() {
    let home = Home::new();
    let yaml = home.workload("hello", "", "", &[]);
    let rouse = Rouse::start_with(&home, &yaml, &["--threads", "1"]).await;
    assert_eq!(rouse.send(get("hello", "/")).await.status, 200);
}

#[tokio::test]
async fn tells_of_itself() {
    let home = Home::new();
    let rouse = Rouse::start_with(
        &home,
        &home.workload("hello", "", "", &[]),
        &["--log-format=json"],
    )
    .await;
    rouse.send(get("hello", "/")).await;
    rouse.phase("hello", "awake").await;
    assert_eq!(rouse.workload("hello").await["ready"], 1);
    let woken = "rouse_scaler_wakes_total{workload=\"default/hello\",outcome=\"ready\"}";
    until("counted", async || rouse.metric(woken).await == Some(1.0)).await;
    assert!(rouse.status().await["proxy"].is_object());
    for line in rouse.log().lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
}

#[tokio::test]
async fn stops_in_good_order_with_its_replicas() {
    let home = Home::new();
    let mut rouse = Rouse::start(&home, &home.workload("hello", "", "", &[])).await;
    rouse.send(get("hello", "/")).await;
    rouse.signal("TERM");
    assert_eq!(rouse.ended().await.code(), Some(0));
    assert_eq!(home.ledger().stops(), 1);
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let home = Home::new();
    let mut rouse = Rouse::start(&home, &home.workload("hello", "", "", &[])).await;
    let address = rouse.proxy;
    let never = tokio::spawn(support::once(address, get("hello", "/never")));
    until("it is executed", async || home.ledger().executions("") == 1).await;
    rouse.signal("TERM");
    until("told", async || rouse.log().contains("a second signal")).await;
    rouse.signal("INT");
    assert_eq!(rouse.ended().await.code(), Some(1));
    let cut = never.await.unwrap().map(|answer| answer.status);
    assert!(
        cut.is_err() || cut.is_ok_and(|status| status >= 500),
        "no request is left open"
    );
}

fn refused(flags: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = serve(flags).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn bad_files_are_bad_input() {
    let home = Home::new();
    fs::write(home.file(), "kind: Nonsense\n---\nkind: Nonsense\n").unwrap();
    let (code, stderr) = refused(&["--file", home.file().to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("workloads.yaml:1: ") && stderr.contains("workloads.yaml:3: "),
        "{stderr}"
    );
}

#[test]
fn an_address_in_use_fails_with_a_sentence() {
    let home = Home::new();
    home.write(&home.workload("hello", "", "", &[]));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--admin", "--listen"] {
        let file = home.file();
        let mut command =
            support::bare(&["serve", "--file", file.to_str().unwrap(), flag, &address]);
        let other = if flag == "--admin" {
            "--listen"
        } else {
            "--admin"
        };
        let Output { status, stderr, .. } = command.args([other, "127.0.0.1:0"]).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(&address) && stderr.contains("in use"),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn the_access_log_has_one_json_line_per_request() {
    let home = Home::new();
    let yaml = home.workload("hello", "", "", &[]);
    let rouse = Rouse::start_with(&home, &yaml, &["--access-log"]).await;
    let request = get("hello", "/some/where?secret=1").with("x-request-id", "seven");
    assert_eq!(rouse.send(request).await.status, 200);
    until("the line", async || rouse.log().contains("\"seven\"")).await;
    let log = rouse.log();
    let line = log.lines().find(|line| line.contains("\"seven\"")).unwrap();
    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
    for (field, wanted) in [
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("host", "hello"),
        ("path", "/some/where"),
        ("workload", "default/hello"),
    ] {
        assert_eq!(entry[field], wanted, "{line}");
    }
    assert_eq!(entry["status"], 200);
    assert!(
        entry["held_ms"].as_f64().unwrap() > 0.0,
        "it was held: {line}"
    );
    assert_eq!(entry.get("error"), None, "{line}");
}
