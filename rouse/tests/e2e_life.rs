//! Files that change, signals, and what becomes of processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::fs;
use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use rouse_sample::ledger::Event;
use support::{DEADLINE, Home, Rouse, With, get, once, until};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// The processes of a home that ever started.
fn started(home: &Home) -> Vec<u32> {
    let ledger = home.ledger();
    let starts = ledger
        .records()
        .iter()
        .filter(|record| matches!(record.event, Event::Start { .. }));
    starts.map(|record| record.pid).collect()
}

/// Whether a process runs; one that ended and waits for its parent does not.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.as_bytes()[0]);
    state.is_some_and(|state| state != b'Z')
}

async fn executes(home: &Home, id: &str) {
    until(id, async || home.ledger().executions(id) == 1).await;
}

#[tokio::test]
async fn a_removed_workload_is_gone_and_so_are_its_processes() {
    let home = Home::new();
    let kept = home.workload("kept", "", "", &[]);
    let rouse = Rouse::start(&home, &(home.workload("gone", "", "", &[]) + &kept)).await;
    assert_eq!(rouse.send(get("gone", "/")).await.status, 200);
    let pid = started(&home)[0];
    assert_eq!(rouse.send(get("kept", "/")).await.status, 200);
    home.write(&kept);
    until("404", async || {
        rouse.send(get("gone", "/")).await.status == 404
    })
    .await;
    until("its process ends", async || !runs(pid)).await;
    assert_eq!(rouse.send(get("kept", "/")).await.status, 200);
    assert_eq!(home.ledger().starts(), 2);
}

#[tokio::test]
async fn a_removed_workload_finishes_what_is_in_flight() {
    let home = Home::new();
    let kept = home.workload("kept", "", "", &[]);
    let rouse = Rouse::start(&home, &(home.workload("gone", "", "", &[]) + &kept)).await;
    let request = get("gone", "/?latency=1s").with("x-request-id", "long");
    let long = tokio::spawn(once(rouse.proxy, request));
    executes(&home, "long").await;
    home.write(&kept);
    assert_eq!(long.await.unwrap().expect("an answer").status, 200);
}

#[tokio::test]
async fn changed_routes_apply_and_bad_files_change_nothing() {
    let home = Home::new();
    let first = home.workload("hello", "", "", &[]);
    let rouse = Rouse::start(&home, &first).await;
    home.write(&first.replace("hosts: [hello]", "hosts: [hello, second]"));
    until("the new host", async || {
        rouse.send(get("second", "/")).await.status == 200
    })
    .await;
    home.write(&first.replace("hosts: [hello]", "hosts: [third], nonsense: 1"));
    until("refused", async || rouse.log().contains("nonsense")).await;
    assert_eq!(rouse.send(get("third", "/")).await.status, 404);
    assert_eq!(rouse.send(get("second", "/")).await.status, 200);
}

#[tokio::test]
async fn sigterm_finishes_long_requests() {
    let home = Home::new();
    let mut rouse = Rouse::start(&home, &home.workload("hello", "", "", &[])).await;
    let tasks = ["/?latency=2s", "/sse?count=5&interval=400ms"].map(|path| {
        let request = get("hello", path).with("x-request-id", path);
        tokio::spawn(once(rouse.proxy, request))
    });
    executes(&home, "/?latency=2s").await;
    executes(&home, "/sse?count=5&interval=400ms").await;
    rouse.signal("TERM");
    let [long, events] = tasks;
    assert_eq!(long.await.unwrap().expect("an answer").status, 200);
    let events = events.await.unwrap().expect("all events");
    assert!(events.text().contains("event 4"), "{}", events.text());
    assert_eq!(rouse.ended().await.code(), Some(0));
    assert!(started(&home).into_iter().all(|pid| !runs(pid)));
}

#[tokio::test]
async fn sigterm_closes_websockets_in_good_order() {
    let home = Home::new();
    let mut rouse = Rouse::start(&home, &home.workload("hello", "", "", &[])).await;
    let stream = TcpStream::connect(rouse.proxy).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://hello/ws", stream)
        .await
        .unwrap();
    socket.send(Message::text("before")).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("before")
    );
    rouse.signal("TERM");
    let message = timeout(DEADLINE, socket.next())
        .await
        .expect("in time")
        .expect("a message");
    assert!(message.as_ref().unwrap().is_close(), "{message:?}");
    while let Ok(Some(Ok(_))) = timeout(DEADLINE, socket.next()).await {}
    assert_eq!(rouse.ended().await.code(), Some(0));
}

#[tokio::test]
async fn kill_leaves_no_child() {
    let home = Home::new();
    let note = home.ledger_path().with_file_name("grandchild");
    let grandchild = |flags: &[&str]| {
        // The sample, with a process beside it in its group.
        let own: Vec<String> = serde_json::from_str(&home.sample(flags)).unwrap();
        let script = format!(
            "sleep 1000 & echo $! >{}; exec {}",
            note.display(),
            own.join(" ")
        );
        serde_json::to_string(&["sh", "-c", &script]).unwrap()
    };
    let plain = home.workload("starting", "", "", &["--start-delay", "10m"]);
    let beside = format!(
        "---\napiVersion: rouse.dev/v1alpha1\nkind: ScaledWorkload\nmetadata: {{name: beside}}\n\
         spec: {{target: {{process: {{command: {}}}}}, http: {{hosts: [beside]}}}}\n",
        grandchild(&["--on-term", "ignore"])
    );
    let mut rouse = Rouse::start(&home, &(plain + &beside)).await;
    let held = tokio::spawn(once(rouse.proxy, get("starting", "/")));
    assert_eq!(rouse.send(get("beside", "/")).await.status, 200);
    until("both started", async || started(&home).len() == 2).await;
    let mut pids = started(&home);
    pids.push(read_pid(&note));
    assert!(pids.iter().all(|pid| runs(*pid)));
    rouse.signal("KILL");
    rouse.ended().await;
    until("no child is left", async || {
        !pids.iter().any(|pid| runs(*pid))
    })
    .await;
    assert!(held.await.unwrap().is_err());
}

fn read_pid(path: &Path) -> u32 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}
