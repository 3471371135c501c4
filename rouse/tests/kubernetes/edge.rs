//! Requests that are not simply demand: rules, what a wake needs, and what is done instead of holding.

use std::time::Duration;

use serde_json::json;

use crate::cluster::{Cluster, a_while};
use crate::space::{App, Space};
use crate::support::{With, get, post, until};
use crate::{Cases, cases};

pub(crate) const CASES: Cases = cases![
    a_placeholder_is_shown_until_it_answers,
    a_fallback_answers_cold_starts,
    rules_answer_and_let_sleep,
    a_wake_needs_its_header,
];

async fn a_placeholder_is_shown_until_it_answers(cluster: &Cluster) {
    let space = Space::new(cluster, "edge-page").await;
    let app = App {
        flags: &["--ready-after", "500ms"],
        ..App::new("hello")
    };
    let spec = json!({"http": {"whileWaking": "page"}});
    space.workload(&app, spec).await;
    let browser = || {
        get(&space.host("hello"), "/")
            .with("accept", "text/html")
            .with("user-agent", "Mozilla/5.0 (X11) Firefox/140")
    };
    let page = space.send(0, browser()).await;
    assert_eq!(page.status, 503, "{page:?}");
    assert!(page.text().contains("Waking up"), "{}", page.text());
    let held = space
        .send(1, post(&space.host("hello"), "/echo", "body"))
        .await;
    assert_eq!((held.status, held.text()), (200, "body"));
    for proxy in 0..2 {
        until("the service answers the browser", async || {
            space.send(proxy, browser()).await.status == 200
        })
        .await;
    }
    assert_eq!(space.ledger().starts(), 1);
    let by = format!("held requests: GET {} by browser", space.host("hello"));
    until("status says what woke it", async || {
        space.object("hello").await["status"]["lastWake"]["cause"] == *by
    })
    .await;
    space.end().await;
}

async fn a_fallback_answers_cold_starts(cluster: &Cluster) {
    let space = Space::new(cluster, "edge-fallback").await;
    space
        .deploy(&App {
            replicas: 1,
            ..App::new("other")
        })
        .await;
    let app = App {
        flags: &["--ready-after", "2s"],
        ..App::new("hello")
    };
    let spec = json!({"http": {"whileWaking": {"fallback": {"service": {"name": "other"}}}}});
    space.workload(&app, spec).await;
    until("the fallback is up", async || {
        let other = space.deployments().get("other").await.unwrap().status;
        other.and_then(|status| status.ready_replicas) == Some(1)
    })
    .await;
    // A proxy that has only the route yet holds: what is in the status it has been told.
    space.until_state("hello", "Asleep").await;
    let text = async |proxy| space.get(proxy, "hello", "/").await.text().to_owned();
    let first = text(0).await;
    assert!(first.contains("Hello from other"), "{first}");
    until("then the service itself does", async || {
        text(0).await.contains("Hello from hello")
    })
    .await;
    // Who names a Service that isn't there is told so.
    let spec = json!({"http": {"whileWaking": {"fallback": {"service": {"name": "nobody"}}}}});
    space.scaled("hello", spec).await;
    until("status says that there is none", async || {
        let (status, message) = space.condition("hello", "Degraded").await;
        status == "True" && message.contains("there is no Service edge-fallback/nobody")
    })
    .await;
    space.end().await;
}

async fn rules_answer_and_let_sleep(cluster: &Cluster) {
    let space = Space::new(cluster, "edge-rules").await;
    let rules = json!([
        {"match": {"methods": ["GET"], "pathPrefixes": ["/static"]}, "action": {"respond": {"status": 200, "headers": {"x-by": "rule"}, "body": "here"}}},
        {"match": {"userAgents": ["watcher/*"]}, "action": {"noWake": {}}},
    ]);
    let spec = json!({"idleAfter": "1s", "http": {"rules": rules}});
    space.workload(&App::new("hello"), spec).await;
    let host = space.host("hello");
    let fixed = space.get(0, "hello", "/static/x").await;
    assert_eq!((fixed.text(), fixed.header("x-by")), ("here", "rule"));
    let watch = |agent| get(&host, "/").with("user-agent", agent);
    assert_eq!(space.send(1, watch("watcher/1")).await.status, 503);
    assert_eq!(space.send(1, watch("kube-probe/1.34")).await.status, 200);
    a_while().await;
    assert_eq!(space.replicas("hello").await, 0);
    assert_eq!(space.ledger().starts(), 0);
    assert_eq!(space.get(0, "hello", "/").await.status, 200);
    assert_eq!(
        space.send(1, watch("watcher/1")).await.status,
        200,
        "it is awake"
    );
    // Watched all the time it goes to sleep all the same.
    let watching = async {
        loop {
            for proxy in 0..2 {
                space.send(proxy, watch("watcher/1")).await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = space.until_replicas("hello", 0) => {}
        () = watching => {}
    }
    space.end().await;
}

async fn a_wake_needs_its_header(cluster: &Cluster) {
    let space = Space::new(cluster, "edge-requires").await;
    let spec = json!({"http": {"wakeRequires": {"headers": ["x-team"]}}});
    space.workload(&App::new("hello"), spec).await;
    let refused = space.get(0, "hello", "/").await;
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (401, "Bearer")
    );
    a_while().await;
    assert_eq!(space.replicas("hello").await, 0);
    let host = space.host("hello");
    let woken = space.send(1, get(&host, "/").with("x-team", "blue")).await;
    assert_eq!(woken.status, 200, "{woken:?}");
    until("others are served now", async || {
        space.get(0, "hello", "/").await.status == 200
    })
    .await;
    space.end().await;
}
