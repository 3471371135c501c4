//! The whole scaler against a server that speaks SQS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may"
)]

mod common;

use std::path::PathBuf;

use common::PATIENCE;
use common::asked::{asked, started, why};
use common::moto::{ACCOUNT, REGION, Sqs};
use rouse_api::workload::{Asked, Credential, Queue, Workload};
use rouse_scaler::ScalerConfig;
use rouse_scaler::trigger::Allowed;
use tempfile::TempDir;
use tokio::time::timeout;

/// Keys of whoever asks, in files.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("id"), "AKIATEST\n").unwrap();
        std::fs::write(home.path().join("secret"), "s3cret\n").unwrap();
        Self(home)
    }

    fn queue(&self, sqs: &Sqs, name: &str) -> Queue {
        let file = |name: &str| Credential::File(self.0.path().join(name));
        Queue {
            url: sqs.queue_url(name),
            region: REGION.to_owned(),
            in_flight: true,
            delayed: false,
            endpoint: Some(sqs.url.clone()),
            role: None,
            keys: Some((file("id"), file("secret"), None)),
        }
    }
}

fn of(queue: Queue) -> Workload {
    asked(Asked::Sqs(Box::new(queue)), 4.0)
}

#[tokio::test]
async fn a_queue_sizes_a_wake_by_what_counts() {
    let (sqs, keys) = (Sqs::start().await, Keys::new());
    sqs.create("orders").await;
    // 8 wait, 4 are worked on, 20 are for later: 2, 3 or 8 replicas.
    sqs.send("orders", 12, 0).await;
    sqs.receive("orders", 4).await;
    sqs.send("orders", 20, 600).await;
    let plain = keys.queue(&sqs, "orders");
    let waiting = Queue {
        in_flight: false,
        ..plain.clone()
    };
    let all = Queue {
        delayed: true,
        ..plain.clone()
    };
    for (queue, replicas) in [(waiting, 2), (plain, 3), (all, 8)] {
        let (scaler, mut said) = started(ScalerConfig::default());
        let mut workload = of(queue);
        workload.scale.max = 10;
        scaler.apply(vec![workload]).await;
        let first = timeout(PATIENCE, said.recv()).await.unwrap();
        assert_eq!(first, Some(replicas), "at once, by the queue's length");
        scaler.shutdown().await;
    }
}

#[tokio::test]
async fn an_empty_queue_wakes_nobody_until_a_message_comes() {
    let (sqs, keys) = (Sqs::start().await, Keys::new());
    sqs.create("empty").await;
    let (scaler, mut said) = started(ScalerConfig::default());
    scaler.apply(vec![of(keys.queue(&sqs, "empty"))]).await;
    why(&scaler, r#""activation":0.0"#).await;
    assert!(said.try_recv().is_err());
    sqs.send("empty", 1, 0).await;
    let first = timeout(PATIENCE, said.recv()).await.unwrap();
    assert_eq!(first, Some(1));
    scaler.shutdown().await;
}

#[tokio::test]
async fn what_can_not_be_asked_is_told_in_the_services_words() {
    let (sqs, keys) = (Sqs::start().await, Keys::new());
    let (scaler, mut said) = started(ScalerConfig {
        triggers: Allowed::only(
            vec![
                format!("{}/{ACCOUNT}/", sqs.url).parse().unwrap(),
                sqs.url.parse().unwrap(),
            ],
            vec![format!("arn:aws:iam::{ACCOUNT}:role/queues-*")],
        ),
        ..ScalerConfig::default()
    });
    let ask = async |queue: Queue| scaler.apply(vec![of(queue)]).await;
    ask(keys.queue(&sqs, "nowhere")).await;
    why(&scaler, "NonExistentQueue").await;
    let gone = Credential::File(PathBuf::from("/nowhere/id"));
    let mut queue = keys.queue(&sqs, "nowhere");
    queue.keys = queue
        .keys
        .map(|(_, secret, session)| (gone, secret, session));
    ask(queue).await;
    why(&scaler, "/nowhere/id can't be read").await;
    ask(Queue {
        endpoint: Some("http://127.0.0.1:1".to_owned()),
        ..keys.queue(&sqs, "orders")
    })
    .await;
    why(&scaler, "--trigger-servers").await;
    ask(Queue {
        role: Some(format!("arn:aws:iam::{ACCOUNT}:role/admin")),
        ..keys.queue(&sqs, "orders")
    })
    .await;
    why(&scaler, "--trigger-roles").await;
    assert!(
        said.try_recv().is_err(),
        "nothing is known, nothing is scaled"
    );
    scaler.shutdown().await;
}
