//! The waiting page in a real browser: from the page to the service's own answer, without anybody touching anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod support;

use std::time::Duration;

use support::browser::Browser;
use support::{Home, Rouse, With, get, post, until};

#[tokio::test]
async fn a_browser_waits_on_the_page_and_then_sees_the_service() {
    let home = Home::new();
    let slow = ["--start-delay", "4s"];
    let yaml = home.workload(
        "localhost",
        "replicas: {max: 1}",
        "whileWaking: page",
        &slow,
    );
    let rouse = Rouse::start(&home, &yaml).await;
    let url = format!("http://localhost:{}/?a=<b>", rouse.proxy.port());
    let mut browser = Browser::open(&url).await;
    let mut text = String::new();
    until("the page is shown", async || {
        text = browser.text().await;
        text.contains("Waking up")
    })
    .await;
    assert!(text.contains("localhost was asleep"), "{text}");
    assert!(text.contains("Waiting for"), "{text}");
    let loaded = "performance.getEntriesByType('resource').length";
    assert_eq!(browser.value(loaded).await, 0, "it needs nothing more");
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await;
        let color = "getComputedStyle(document.body).backgroundColor";
        backgrounds.push(browser.value(color).await);
        keep(scheme, &browser.screenshot().await);
    }
    assert_ne!(backgrounds[0], backgrounds[1], "it follows the scheme");
    until("the service is shown", async || {
        text = browser.text().await;
        text.contains("Hello from localhost")
    })
    .await;
    let at = browser.value("location.pathname + location.search").await;
    assert_eq!(at, "/?a=%3Cb%3E", "the address has stayed");
    // Of all that the page asked for, the service has seen what came when it was there.
    assert_eq!(home.ledger().starts(), 1);
    let cause = rouse.workload("localhost").await["lastCause"]["by"].clone();
    assert_eq!(cause, "GET localhost by browser");
}

/// Where `ROUSE_TEST_SCREENSHOTS` says, for people to look at.
fn keep(name: &str, base64: &str) {
    if let Some(folder) = std::env::var_os("ROUSE_TEST_SCREENSHOTS") {
        let file = std::path::Path::new(&folder).join(format!("waiting-{name}.png.base64"));
        std::fs::write(file, base64).unwrap();
    }
}

#[tokio::test]
async fn programs_are_held_and_monitors_leave_it_asleep() {
    let home = Home::new();
    let start = ["--start-delay", "300ms"];
    let yaml = home.workload(
        "hello",
        "idleAfter: 1s, replicas: {max: 1}",
        "whileWaking: page",
        &start,
    );
    let quick = ["--report-interval=50ms", "--tick=50ms"];
    let rouse = Rouse::start_with(&home, &yaml, &quick).await;
    let monitor = || {
        get("hello", "/").with(
            "user-agent",
            "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
        )
    };
    let asleep = rouse.send(monitor()).await;
    assert_eq!(asleep.status, 503, "{}", asleep.text());
    assert_eq!(asleep.json()["type"], "urn:rouse:problem:asleep");
    assert_eq!(
        rouse
            .send(get("hello", "/").with("user-agent", "kube-probe/1.34"))
            .await
            .status,
        200
    );
    assert_eq!(home.ledger().starts(), 0);
    let html = "text/html,*/*;q=0.8";
    let page = rouse.send(get("hello", "/").with("accept", html)).await;
    assert_eq!(
        (page.status, page.header("cache-control")),
        (503, "no-store")
    );
    let held = rouse
        .send(post("hello", "/echo", "body").with("accept", html))
        .await;
    assert_eq!((held.status, held.text()), (200, "body"));
    let awake = rouse.send(monitor()).await;
    assert_eq!(awake.status, 200, "it is awake: {}", awake.text());
    // A monitor that never stops does not keep it.
    let asking = async {
        loop {
            rouse.send(monitor()).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = rouse.phase("hello", "asleep") => {}
        () = asking => {}
    }
    let seen = rouse
        .metric("rouse_proxy_exceptions_total{workload=\"default/hello\",kind=\"page\"}")
        .await;
    assert_eq!(seen, Some(1.0));
}
