//! `verifyChanges`: what was changed while it slept is tried.

use serde_json::json;

use crate::cluster::Cluster;
use crate::space::{App, Space};
use crate::support::until;
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![a_changed_template_is_started_once_and_a_broken_one_shows,];

async fn a_changed_template_is_started_once_and_a_broken_one_shows(cluster: &Cluster) {
    let space = Space::new(cluster, "verify").await;
    let spec = json!({"verifyChanges": true, "idleAfter": "1h"});
    space.workload(&App::new("hello"), spec).await;
    let verified = async |status: &str, word: &str| {
        until(&format!("it is told: {status} {word}"), async || {
            let (holds, message) = space.condition("hello", "RevisionVerified").await;
            holds == status && message.contains(word)
        })
        .await;
        space.until_replicas("hello", 0).await;
    };
    verified("True", "revision 1-").await;
    assert_eq!(
        space.object("hello").await["status"]["lastWake"]["cause"],
        "a changed pod template"
    );

    let template = json!({"metadata": {"annotations": {"changed": "once"}}});
    let change = json!({"spec": {"template": template}});
    space.patch("apps/v1", "Deployment", "hello", change).await;
    verified("True", "revision 2-").await;

    let broken = App {
        image: "nowhere/nothing:1",
        ..App::new("hello")
    };
    let template = space.template(&broken);
    let change = json!({"spec": {"template": template}});
    space.patch("apps/v1", "Deployment", "hello", change).await;
    verified("False", "nowhere/nothing").await;
    let starts = space.ledger().starts();
    assert_eq!(starts, 2, "once for each that can start");

    let change = json!({"spec": {"template": space.template(&App::new("hello"))}});
    space.patch("apps/v1", "Deployment", "hello", change).await;
    verified("True", "was ready").await;
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    space.end().await;
}
