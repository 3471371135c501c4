//! The local platform with real processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{HELPER, PATIENCE, ends, hello, pid, platform, process, runs, script, workload};
use rouse_api::link::EndpointId;
use rouse_api::workload::{Probe, ProbeAction, Process, WorkloadId};
use rouse_scaler::platform::local::LocalPlatform;
use rouse_scaler::platform::{Observation, Platform, ReplicaState, ScaleOrder};
use tempfile::tempdir;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

fn order(workload: WorkloadId, to: u32, victims: Vec<EndpointId>) -> ScaleOrder {
    ScaleOrder {
        workload,
        from: 0,
        to,
        victims,
    }
}

/// Waits for an observation for which `which` holds.
async fn until(platform: &LocalPlatform, which: impl Fn(&Observation) -> bool) -> Observation {
    let mut last = None;
    let seen = async {
        loop {
            let observation = platform.observe().await;
            if which(&observation) {
                return observation;
            }
            last = Some(observation);
        }
    };
    let seen = timeout(PATIENCE, seen).await;
    seen.unwrap_or_else(|_| panic!("not observed; the last was {last:?}"))
}

fn ready(count: usize) -> impl Fn(&Observation) -> bool {
    move |observation| {
        observation
            .replicas
            .iter()
            .filter(|replica| replica.state == ReplicaState::Ready)
            .count()
            == count
    }
}

async fn started(process: Process, replicas: u32) -> LocalPlatform {
    let platform = platform();
    platform.apply(Arc::new(workload(process)));
    platform
        .scale(order(hello(), replicas, Vec::new()))
        .await
        .unwrap();
    platform
}

#[tokio::test]
async fn starts_each_replica_on_a_port_of_its_own_and_stops_all() {
    let platform = started(process(&[HELPER, "listen"]), 2).await;
    let seen = until(&platform, ready(2)).await;
    assert_ne!(seen.replicas[0].address, seen.replicas[1].address);
    assert_ne!(seen.replicas[0].id, seen.replicas[1].id);
    for replica in &seen.replicas {
        TcpStream::connect(replica.address).await.unwrap();
        assert!(replica.ready_since.unwrap() >= replica.started);
    }
    platform.scale(order(hello(), 0, Vec::new())).await.unwrap();
    until(&platform, |observation| observation.replicas.is_empty()).await;
    TcpStream::connect(seen.replicas[0].address)
        .await
        .unwrap_err();
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn the_victim_goes_and_the_others_stay() {
    let platform = started(process(&[HELPER, "listen"]), 3).await;
    let seen = until(&platform, ready(3)).await;
    let victim = seen.replicas[0].id.clone();
    platform
        .scale(order(hello(), 2, vec![victim.clone()]))
        .await
        .unwrap();
    let seen = until(&platform, |observation| observation.replicas.len() == 2).await;
    assert!(ready(2)(&seen) && seen.replicas.iter().all(|replica| replica.id != victim));
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn is_ready_when_its_own_probe_says_so_and_not_when_it_stops_saying_so() {
    let dir = tempdir().unwrap();
    let mut process = script("exec $HELPER listen", dir.path());
    process.readiness = Some(Probe {
        action: ProbeAction::Exec {
            command: vec![
                "test".to_owned(),
                "-e".to_owned(),
                dir.path().join("ok").display().to_string(),
            ],
        },
        timeout: Duration::from_secs(5),
        period: Duration::from_millis(20),
        success_threshold: 2,
        failure_threshold: 2,
    });
    let platform = started(process, 1).await;
    let seen = until(&platform, |observation| observation.replicas.len() == 1).await;
    assert_eq!(seen.replicas[0].state, ReplicaState::Starting);
    std::fs::write(dir.path().join("ok"), "").unwrap();
    until(&platform, ready(1)).await;
    std::fs::remove_file(dir.path().join("ok")).unwrap();
    let unready = until(&platform, ready(0)).await;
    assert_eq!(unready.replicas[0].state, ReplicaState::Starting);
    assert!(
        unready.replicas[0].ready_since.is_some(),
        "it was ready once"
    );
    std::fs::write(dir.path().join("ok"), "").unwrap();
    until(&platform, ready(1)).await;
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_crash_loop_ends_in_a_failure_with_the_last_output() {
    let dir = tempdir().unwrap();
    let platform = started(
        script(
            "echo run >> $DIR/runs; echo no database >&2; exit 7",
            dir.path(),
        ),
        1,
    )
    .await;
    let seen = until(&platform, |observation| observation.failure.is_some()).await;
    let failure = seen.failure.unwrap();
    assert_eq!(failure.reason, "CrashLoopBackOff");
    assert!(
        failure.message.contains("status 7") && failure.message.contains("no database"),
        "{}",
        failure.message
    );
    assert_eq!(seen.replicas, []);
    let runs = || {
        std::fs::read_to_string(dir.path().join("runs"))
            .unwrap()
            .lines()
            .count()
    };
    assert_eq!(runs(), 3);

    platform.scale(order(hello(), 1, Vec::new())).await.unwrap();
    until(&platform, |observation| observation.failure.is_none()).await;
    until(&platform, |observation| observation.failure.is_some()).await;
    assert_eq!(runs(), 4, "once more");
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn what_can_not_be_started_fails_at_once_and_a_changed_process_is_tried() {
    let platform = started(process(&["/no/such/program"]), 1).await;
    let failed = until(&platform, |observation| observation.failure.is_some()).await;
    let failure = failed.failure.unwrap();
    assert_eq!(failure.reason, "StartError");
    assert!(
        failure.message.contains("/no/such/program") && failure.message.contains("No such file"),
        "{}",
        failure.message
    );

    let mut missing = process(&[HELPER, "listen"]);
    missing.working_dir = Some("/no/such/folder".into());
    platform.apply(Arc::new(workload(missing)));
    let failed = until(&platform, |observation| observation.failure.is_some()).await;
    assert!(failed.failure.unwrap().message.contains("/no/such/folder"));

    platform.apply(Arc::new(workload(process(&[HELPER, "listen"]))));
    until(&platform, ready(1)).await;
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn what_is_not_executable_fails_at_once() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("data");
    std::fs::write(&file, "no program").unwrap();
    let platform = started(process(&[&file.display().to_string()]), 1).await;
    let failed = until(&platform, |observation| observation.failure.is_some()).await;
    assert_eq!(failed.failure.unwrap().reason, "StartError");
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_replica_that_dies_is_replaced() {
    let dir = tempdir().unwrap();
    let platform = started(
        script("echo $$ > $DIR/pid; exec $HELPER listen", dir.path()),
        1,
    )
    .await;
    let first = until(&platform, ready(1)).await.replicas[0].id.clone();
    kill(pid(dir.path(), "pid").await);
    let second = until(&platform, |observation| {
        ready(1)(observation) && observation.replicas[0].id != first
    })
    .await;
    assert_eq!(second.failure, None);
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_replica_that_ignores_term_is_killed_with_its_whole_group() {
    let dir = tempdir().unwrap();
    let text = "trap '' TERM; sleep 1000 & echo $! > $DIR/grandchild; echo $$ > $DIR/pid; exec $HELPER listen";
    let mut process = script(text, dir.path());
    process.termination_grace_period = Duration::from_millis(200);
    let platform = started(process, 1).await;
    until(&platform, ready(1)).await;
    let (replica, grandchild) = (
        pid(dir.path(), "pid").await,
        pid(dir.path(), "grandchild").await,
    );
    let asked = Instant::now();
    platform.scale(order(hello(), 0, Vec::new())).await.unwrap();
    let told = until(&platform, |observation| {
        observation
            .replicas
            .iter()
            .all(|replica| replica.state == ReplicaState::Terminating)
    })
    .await;
    assert_eq!(told.replicas.len(), 1);
    assert!(runs(replica), "TERM is not KILL");
    until(&platform, |observation| observation.replicas.is_empty()).await;
    assert!(
        asked.elapsed() >= Duration::from_millis(200),
        "the grace period is kept"
    );
    ends(replica).await;
    ends(grandchild).await;
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn what_a_replica_leaves_behind_is_killed() {
    let dir = tempdir().unwrap();
    let text = "sleep 1000 & echo $! > $DIR/grandchild; sleep 0.1; exit 1";
    let platform = started(script(text, dir.path()), 1).await;
    let grandchild = pid(dir.path(), "grandchild").await;
    ends(grandchild).await;
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_changed_process_is_started_beside_the_old_one() {
    let platform = started(process(&[HELPER, "listen"]), 1).await;
    let old = until(&platform, ready(1)).await.replicas[0].id.clone();
    let mut changed = process(&[HELPER, "listen"]);
    changed.env.insert("VERSION".to_owned(), "2".to_owned());
    platform.apply(Arc::new(workload(changed)));
    let both = until(&platform, ready(2)).await;
    let outdated = |id| {
        both.replicas
            .iter()
            .find(|replica| replica.id == id)
            .map(|replica| replica.outdated)
    };
    assert_eq!(outdated(old.clone()), Some(true));
    assert_eq!(
        both.replicas
            .iter()
            .filter(|replica| replica.outdated)
            .count(),
        1
    );
    platform
        .scale(order(hello(), 1, vec![old.clone()]))
        .await
        .unwrap();
    let new = until(&platform, |observation| observation.replicas.len() == 1).await;
    assert!(new.replicas[0].id != old && ready(1)(&new));
    platform.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn a_shutdown_kills_what_does_not_stop_in_time() {
    let dir = tempdir().unwrap();
    let platform = started(
        script(
            "trap '' TERM; echo $$ > $DIR/pid; exec $HELPER listen",
            dir.path(),
        ),
        1,
    )
    .await;
    until(&platform, ready(1)).await;
    let replica = pid(dir.path(), "pid").await;
    platform.shutdown(Duration::from_millis(200)).await;
    ends(replica).await;
    platform
        .scale(order(hello(), 1, Vec::new()))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn no_replica_outlives_a_killed_host() {
    let dir = tempdir().unwrap();
    let text = "trap '' TERM; sleep 1000 & echo $! > $DIR/grandchild; echo $$ > $DIR/pid; exec $HELPER listen";
    let mut host = tokio::process::Command::new(HELPER)
        .args(["host", "sh", "-c", text])
        .env("HELPER", HELPER)
        .env("DIR", dir.path())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (replica, grandchild) = (
        pid(dir.path(), "pid").await,
        pid(dir.path(), "grandchild").await,
    );
    assert!(runs(replica) && runs(grandchild));
    host.start_kill().unwrap();
    host.wait().await.unwrap();
    ends(replica).await;
    ends(grandchild).await;
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
