//! Workloads that something else than a request wakes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod support;

use jiff::{SignedDuration, Timestamp};
use support::{Home, Rouse, get, until};

/// A worker that listens to nothing; `spec` is in YAML flow style.
fn worker(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: rouse.dev/v1alpha1\nkind: ScaledWorkload\nmetadata: {{name: {name}}}\n\
         spec: {{target: {{process: {{command: [sleep, '1000']}}}}, {spec}}}\n"
    )
}

/// A cron trigger with a window from so many minutes from now to so many.
fn window(from: i64, to: i64, replicas: u32) -> String {
    let at = |minutes| {
        let at = Timestamp::now()
            .checked_add(SignedDuration::from_mins(minutes))
            .unwrap();
        at.strftime("%-M %-H * * *").to_string()
    };
    let (start, end) = (at(from), at(to));
    format!("cron: {{timezone: UTC, start: '{start}', end: '{end}', replicas: {replicas}}}")
}

async fn ready(rouse: &Rouse, name: &str, count: u32) {
    let what = format!("{count} of {name} are ready");
    until(&what, async || rouse.workload(name).await["ready"] == count).await;
}

#[tokio::test]
async fn a_schedule_alone_runs_a_worker_and_its_end_lets_it_sleep() {
    let home = Home::new();
    let within = |window: &str| worker("job", &format!("idleAfter: 1s, triggers: [{{{window}}}]"));
    let rouse = Rouse::start(&home, &within(&window(-10, 60, 2))).await;
    ready(&rouse, "job", 2).await;
    let why = rouse.workload("job").await["decision"]["why"].clone();
    assert_eq!(why, "2 replicas: 2 by triggers[0] (cron); max 10");
    // Another window: this one is over.
    home.write(&within(&window(-60, -10, 2)));
    rouse.phase("job", "asleep").await;
    let told = rouse.workload("job").await;
    assert_eq!(told["lastCause"]["cause"]["name"], "schedule", "{told}");
    let explained = rouse.admin("/explain?workload=job").await;
    assert!(explained.text().contains("triggers[0] (cron)"));
}

#[tokio::test]
async fn requests_and_a_schedule_the_larger_wins() {
    let home = Home::new();
    let spec = format!("idleAfter: 1s, triggers: [{{{}}}]", window(-10, 60, 3));
    let rouse = Rouse::start(&home, &home.workload("hello", &spec, "", &[])).await;
    ready(&rouse, "hello", 3).await;
    assert_eq!(rouse.send(get("hello", "/")).await.status, 200);
    assert_eq!(rouse.workload("hello").await["wanted"], 3);
}

#[tokio::test]
async fn a_request_wakes_what_its_workload_needs_and_both_sleep_again() {
    let home = Home::new();
    let yaml = home.workload("web", "idleAfter: 1s, wakes: [db]", "", &[])
        + &worker("db", "idleAfter: 1s, wakes: [disk]")
        + &worker("disk", "idleAfter: 1s");
    let rouse = Rouse::start(&home, &yaml).await;
    assert_eq!(rouse.workload("disk").await["phase"], "asleep");
    assert_eq!(rouse.send(get("web", "/")).await.status, 200);
    ready(&rouse, "disk", 1).await;
    let told = rouse.workload("disk").await;
    assert_eq!(told["lastCause"]["cause"]["name"], "needed", "{told}");
    assert_eq!(
        told["decision"]["why"],
        "1 replica: needed by default/db; max 10"
    );
    for name in ["web", "db", "disk"] {
        rouse.phase(name, "asleep").await;
    }
}

#[tokio::test]
async fn a_new_workload_begins_with_its_initial_count_and_a_changed_file_does_not_begin_anew() {
    let home = Home::new();
    let yaml = |max: u32| {
        let spec = format!("idleAfter: 1s, replicas: {{initial: 2, max: {max}}}");
        home.workload("hello", &spec, "", &[])
    };
    let rouse = Rouse::start(&home, &yaml(4)).await;
    until("two were started", async || home.ledger().starts() == 2).await;
    rouse.phase("hello", "asleep").await;
    home.write(&yaml(3));
    assert_eq!(rouse.send(get("hello", "/")).await.status, 200);
    rouse.phase("hello", "asleep").await;
    assert_eq!(home.ledger().starts(), 3);
}
