//! `rouse wake`: by hand, with a person's rights.

use std::process::Output;

use serde_json::json;
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::until;
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    all_of_a_namespace_are_woken_and_stay,
    what_cannot_be_woken_is_named
];

/// The program with the rights of who may do all; whether it went well, and what it printed.
pub(crate) async fn rouse(cluster: &Cluster, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rouse"));
    command.args(args).kill_on_drop(true);
    command.env("KUBECONFIG", cluster.testbed.kubeconfig());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.unwrap();
    let text = [stdout, stderr].concat();
    (
        status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

async fn all_of_a_namespace_are_woken_and_stay(cluster: &Cluster) {
    let space = Space::new(cluster, "hand-all").await;
    for name in ["one", "two"] {
        space
            .workload(&App::new(name), json!({"idleAfter": "1s"}))
            .await;
    }
    let all = ["wake", "--all", "--namespace", &space.name, "--stay"];
    let (well, told) = rouse(cluster, &all).await;
    assert!(well, "{told}");
    for name in ["one", "two"] {
        assert!(
            told.contains(&format!("{}/{name}: awake", space.name)),
            "{told}"
        );
        assert_eq!(space.replicas(name).await, 1);
        space.until_state(name, "Paused").await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(space.replicas("one").await, 1, "no scaler lets it sleep");
    assert_eq!(space.get(0, "one", "/").await.status, 200);
    space.end().await;
}

async fn what_cannot_be_woken_is_named(cluster: &Cluster) {
    let space = Space::new(cluster, "hand-one").await;
    space
        .workload(&App::new("hello"), json!({"idleAfter": "5s"}))
        .await;
    let (there, absent) = (
        format!("{}/hello", space.name),
        format!("{}/absent", space.name),
    );
    let (well, told) = rouse(cluster, &["wake", &there, &absent]).await;
    assert!(!well, "{told}");
    assert!(told.contains(&format!("{there}: awake")), "{told}");
    assert!(
        told.contains(&format!("{absent}: ")) && told.contains("1 of 2 not woken"),
        "{told}"
    );
    until("the scaler rules on: it sleeps again", async || {
        space.replicas("hello").await == 0
    })
    .await;
    space.end().await;
}
