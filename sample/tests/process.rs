//! The program: start, signals, exit codes, the ledger over several lifetimes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rouse_sample::ledger::{Event, Ledger};
use support::{With, get, once, until};

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(ledger: &Path, flags: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rouse-sample"));
    command
        .env("PORT", "0")
        .env("SAMPLE_LEDGER", ledger)
        .args(flags);
    Process(
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    )
}

/// Reads where it listens.
fn address(process: &mut Process) -> SocketAddr {
    let mut line = String::new();
    BufReader::new(process.0.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    line.trim()
        .rsplit("http://")
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

fn terminate(process: &Process) {
    let pid = process.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
}

async fn ended(process: &mut Process) -> ExitStatus {
    let process = std::cell::RefCell::new(process);
    until("the process ends", || {
        process.borrow_mut().0.try_wait().unwrap().is_some()
    })
    .await;
    process.into_inner().0.wait().unwrap()
}

#[tokio::test]
async fn drains_on_sigterm_and_keeps_a_ledger_over_lifetimes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    for _ in 0..2 {
        let mut process = start(&path, &["--name", "green"]);
        let address = address(&mut process);
        let before = Ledger::read(&path).unwrap().executions("slow");
        let slow = tokio::spawn(once(
            address,
            get("/?latency=200ms").with("x-request-id", "slow"),
        ));
        until("it runs", || {
            Ledger::read(&path).unwrap().executions("slow") > before
        })
        .await;
        terminate(&process);
        assert!(
            slow.await
                .unwrap()
                .unwrap()
                .text()
                .starts_with("Hello from green")
        );
        assert!(ended(&mut process).await.success());
    }
    let ledger = Ledger::read(&path).unwrap();
    assert_eq!((ledger.starts(), ledger.stops()), (2, 2));
    assert_eq!((ledger.executions("slow"), ledger.done("slow")), (2, 2));
    assert_eq!(
        ledger
            .max_in_flight_by_pid()
            .into_values()
            .collect::<Vec<_>>(),
        [1, 1]
    );
    let listening = ledger
        .records()
        .iter()
        .filter(|record| matches!(record.event, Event::Listening { port } if port > 0));
    assert!(listening.map(|record| record.unix_ns).is_sorted());
}

#[tokio::test]
async fn fails_at_start_with_code_and_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut process = start(&path, &["--fail-start", "3"]);
    assert_eq!(ended(&mut process).await.code(), Some(3));
    let mut said = String::new();
    process
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(said.contains("told to fail at start with code 3"), "{said}");
    let ledger = Ledger::read(&path).unwrap();
    assert_eq!((ledger.starts(), ledger.stops()), (1, 0));
}

#[tokio::test]
async fn exits_without_an_answer_when_a_request_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = start(&folder.path().join("ledger"), &[]);
    let address = address(&mut process);
    assert!(once(address, get("/?exit=7")).await.is_err());
    assert_eq!(ended(&mut process).await.code(), Some(7));
}

#[tokio::test]
async fn on_term_exits_at_once_or_ignores() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut exits = start(&path, &["--on-term", "exit"]);
    let slow = tokio::spawn(once(
        address(&mut exits),
        get("/never").with("x-request-id", "cut"),
    ));
    until("it runs", || {
        Ledger::read(&path).unwrap().executions("cut") == 1
    })
    .await;
    terminate(&exits);
    assert!(slow.await.unwrap().is_err());
    ended(&mut exits).await;
    assert_eq!(Ledger::read(&path).unwrap().done("cut"), 0);

    let mut ignores = start(&path, &["--on-term", "ignore"]);
    let address = address(&mut ignores);
    terminate(&ignores);
    // Longer than a signal takes.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(once(address, get("/")).await.unwrap().status, 200);
}
