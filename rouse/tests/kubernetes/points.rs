//! Proxies and scalers killed, as by `kill -9`, at every named point of a wake, of warm traffic and of a sleep: whatever the other
//! proxy has accepted is answered, nothing is executed twice that must not be, and all is well again afterwards.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::cluster::{Cluster, Member};
use crate::space::{App, Space};
use crate::support::{DEADLINE, With, once_within, post, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    scalers_killed_at_every_point_of_a_wake,
    scalers_killed_at_every_point_of_a_sleep,
    proxies_killed_at_every_point,
];

/// Where the processes look for the points that are armed: a folder of this run's own. Process ids are no names, for each run is in a
/// namespace of its own and they share `/tmp`.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut folder = tempfile::Builder::new();
        folder.prefix("rouse-failpoints-").tempdir().unwrap().keep()
    });
    &FOLDER
}

pub(crate) fn arm(point: &str) -> PathBuf {
    let file = folder().join(point);
    std::fs::write(&file, "").unwrap();
    file
}

pub(crate) async fn passed(file: &Path) {
    until(&format!("{} is passed", file.display()), async || {
        !file.exists()
    })
    .await;
}

/// Requests of one proxy: how each ended; 0 without an answer.
struct Sent {
    proxy: Member,
    answers: JoinSet<(String, u16)>,
}

/// So many POSTs through each proxy.
async fn send(space: &Space<'_>, round: &str, count: usize) -> Vec<Sent> {
    let mut all = Vec::new();
    for proxy in space.cluster.proxies().await {
        let mut answers = JoinSet::new();
        let address = std::net::SocketAddr::new(proxy.address, 8080);
        for n in 0..count {
            let id = format!("{round}-{}-{n}", proxy.name);
            let request = post(&space.host("hello"), "/echo?latency=20ms", id.clone())
                .with("x-request-id", &id);
            answers.spawn(async move {
                let answer = once_within(DEADLINE * 2, address, request).await;
                (id, answer.map_or(0, |answer| answer.status))
            });
        }
        all.push(Sent { proxy, answers });
    }
    all
}

/// Everything but what was sent to `dead` is answered; nothing was executed twice.
async fn check(space: &Space<'_>, sent: Vec<Sent>, dead: Option<&Member>, what: &str) {
    for Sent { proxy, answers } in sent {
        let answers = timeout(DEADLINE * 2, answers.join_all())
            .await
            .expect("answers");
        let died = dead.is_some_and(|dead| dead.name == proxy.name);
        let ledger = space.ledger();
        for (id, status) in answers {
            assert!(
                ledger.executions(&id) <= 1,
                "{what}: {id} was executed twice"
            );
            assert!(died || status == 200, "{what}: {id} got {status}");
        }
    }
}

/// The proxy that has restarted since.
async fn died(cluster: &Cluster, before: &[Member]) -> Option<Member> {
    let after = cluster.proxies().await;
    let same = |one: &&Member| after.iter().any(|now| now == *one);
    before.iter().find(|one| !same(one)).cloned()
}

async fn asleep(space: &Space<'_>) {
    space.until_replicas("hello", 0).await;
    until("its pods are gone", async || {
        space.pods_of("hello").await.is_empty()
    })
    .await;
    space.cluster.whole().await;
}

async fn scalers_killed_at_every_point_of_a_wake(cluster: &Cluster) {
    let space = Space::new(cluster, "points-wake").await;
    space
        .workload(&App::new("hello"), json!({"idleAfter": "1s"}))
        .await;
    for point in ["wake-heard", "scale-up", "scaled-up", "proven-heard"] {
        asleep(&space).await;
        let file = arm(point);
        let sent = send(&space, point, 10).await;
        passed(&file).await;
        check(&space, sent, None, point).await;
    }
    asleep(&space).await;
    space.end().await;
}

async fn scalers_killed_at_every_point_of_a_sleep(cluster: &Cluster) {
    let space = Space::new(cluster, "points-sleep").await;
    space
        .workload(&App::new("hello"), json!({"idleAfter": "1s"}))
        .await;
    for point in ["quiesce", "quiesced-heard", "scale-down", "scaled-down"] {
        cluster.whole().await;
        let first = send(&space, &format!("{point}-before"), 5).await;
        check(&space, first, None, point).await;
        let file = arm(point);
        passed(&file).await;
        // At once, and at several moments while the other takes over.
        for pause in [0, 50, 1000, 3000] {
            sleep(Duration::from_millis(pause)).await;
            let later = send(&space, &format!("{point}-{pause}"), 5).await;
            check(&space, later, None, point).await;
        }
        asleep(&space).await;
    }
    space.end().await;
}

async fn proxies_killed_at_every_point(cluster: &Cluster) {
    let space = Space::new(cluster, "points-proxy").await;
    space
        .workload(&App::new("hello"), json!({"idleAfter": "1s"}))
        .await;
    for point in ["held", "proven", "admitted", "answering", "quiesced"] {
        asleep(&space).await;
        let before = cluster.proxies().await;
        let file = arm(point);
        let cold = send(&space, &format!("{point}-cold"), 10).await;
        // Warm traffic follows, then silence.
        sleep(Duration::from_millis(400)).await;
        let warm = send(&space, &format!("{point}-warm"), 10).await;
        passed(&file).await;
        let dead = died(cluster, &before).await;
        until("it has been noticed", async || {
            died(cluster, &before).await.is_some()
        })
        .await;
        let dead = match dead {
            Some(dead) => Some(dead),
            None => died(cluster, &before).await,
        };
        check(&space, cold, dead.as_ref(), point).await;
        check(&space, warm, dead.as_ref(), point).await;
        // What the dead one had doesn't count for ever.
        asleep(&space).await;
    }
    space.end().await;
}
