//! The guard alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may"
)]

mod common;

use std::io::Write;
use std::process::{Child, Command, Stdio};

use common::{HELPER, ends, pid, runs};
use tempfile::tempdir;

fn guard(command: &[&str], dir: &std::path::Path) -> Child {
    let mut guard = Command::new(HELPER);
    guard.arg("guard").args(command).env("DIR", dir);
    guard
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn outcome(command: &[&str]) -> (Option<i32>, String) {
    let dir = tempdir().unwrap();
    let mut guard = guard(command, dir.path());
    // Keeps its standard input open meanwhile.
    let stdin = guard.stdin.take();
    let output = guard.wait_with_output().unwrap();
    drop(stdin);
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn exits_as_the_command_does() {
    assert_eq!(outcome(&["sh", "-c", "exit 0"]).0, Some(0));
    assert_eq!(outcome(&["sh", "-c", "exit 42"]).0, Some(42));
    assert_eq!(outcome(&["sh", "-c", "kill -9 $$"]).0, Some(137));
}

#[test]
fn says_why_it_can_not_start() {
    let (code, text) = outcome(&["/no/such/program"]);
    assert_eq!(code, Some(127));
    assert!(
        text.contains("/no/such/program") && text.lines().count() == 1,
        "{text}"
    );
    assert_eq!(outcome(&["/etc/passwd"]).0, Some(126));
    assert_eq!(outcome(&[]).0, Some(126));
}

#[tokio::test]
async fn passes_term_on_to_the_whole_group() {
    let dir = tempdir().unwrap();
    let script = "trap 'exit 5' TERM; sleep 1000 & echo $! > $DIR/child; wait";
    let mut guard = guard(&["sh", "-c", script], dir.path());
    let child = pid(dir.path(), "child").await;
    // Kept open: waiting for the guard would close it.
    let mut stdin = guard.stdin.take().unwrap();
    stdin.write_all(b"TERM\n").unwrap();
    assert_eq!(guard.wait().unwrap().code(), Some(5));
    drop(stdin);
    ends(child).await;
}

#[tokio::test]
async fn kills_everything_when_its_input_ends() {
    let dir = tempdir().unwrap();
    let script = "trap '' TERM; sleep 1000 & echo $! > $DIR/child; wait";
    let mut guard = guard(&["sh", "-c", script], dir.path());
    let child = pid(dir.path(), "child").await;
    assert!(runs(child));
    drop(guard.stdin.take());
    assert_eq!(guard.wait().unwrap().code(), Some(137));
    ends(child).await;
}
