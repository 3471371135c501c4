//! HTTP/1.1 and h2c: answers, knobs, and what is counted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use rouse_sample::Options;
use rouse_sample::ledger::Ledger;
use support::{Sample, With, get, http1, http2, once, post, until, whole};

#[tokio::test]
async fn greets_over_both_versions_on_one_port() {
    let sample = Sample::start(Options {
        name: "blue".to_owned(),
        ..Options::default()
    })
    .await;
    let pid = std::process::id();
    let first = once(sample.address, get("/")).await.unwrap();
    assert_eq!(
        first.text(),
        format!("Hello from blue (pid {pid}, request 1)\n")
    );
    assert_eq!(first.headers["x-sample-pid"], pid.to_string());
    assert_eq!(first.headers["x-sample-in-flight"], "1");
    let mut h2 = http2(sample.address).await;
    let second = whole(h2.send_request(get("/any/path")).await.unwrap())
        .await
        .unwrap();
    assert_eq!(
        second.text(),
        format!("Hello from blue (pid {pid}, request 2)\n")
    );
    drop(h2);
    sample.stopped().await;
}

#[tokio::test]
async fn says_what_it_received() {
    let sample = Sample::start(Options::default()).await;
    let body = Bytes::from(vec![7_u8; 300_000]);
    let echo = once(sample.address, post("/echo", body.clone()))
        .await
        .unwrap();
    assert_eq!(echo.body, body);
    let upload = once(sample.address, post("/upload", "foobar"))
        .await
        .unwrap();
    assert_eq!(
        upload.json(),
        serde_json::json!({"bytes": 6, "fnv1a64": "85944171f73967e8"})
    );
    let headers = once(sample.address, get("/headers?a=b").with("x-a", "1"))
        .await
        .unwrap()
        .json();
    assert_eq!(
        (&headers["path"], &headers["query"], &headers["version"]),
        (&"/headers".into(), &"a=b".into(), &"HTTP/1.1".into())
    );
    assert!(
        headers["headers"]
            .as_array()
            .unwrap()
            .contains(&serde_json::json!(["x-a", "1"]))
    );
    sample.stopped().await;
}

#[tokio::test]
async fn carries_trailers() {
    let sample = Sample::start(Options::default()).await;
    let mut h2 = http2(sample.address).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "5".parse().unwrap());
    let body = Full::new(Bytes::from("body")).with_trailers(std::future::ready(Some(Ok(trailers))));
    let echo = whole(
        h2.send_request(post("/echo", "").map(|_| body.boxed()))
            .await
            .unwrap(),
    )
    .await
    .unwrap();
    assert_eq!(
        (echo.text(), echo.trailers["x-sum"].to_str().unwrap()),
        ("body", "5")
    );
    let answer = once(sample.address, get("/trailers").with("te", "trailers"))
        .await
        .unwrap();
    assert_eq!(answer.trailers["x-checksum"].len(), 16);
    drop(h2);
    sample.stopped().await;
}

#[tokio::test]
async fn knobs_shape_the_answer() {
    let sample = Sample::start(Options::default()).await;
    let answer = once(
        sample.address,
        get("/?status=418&header=x-tea:green&bytes=100000"),
    )
    .await
    .unwrap();
    assert_eq!((answer.status, answer.body.len()), (418, 100_000));
    assert_eq!(
        (&answer.headers["x-tea"], &answer.headers["content-length"]),
        (&"green".parse().unwrap(), &"100000".parse().unwrap())
    );
    let streamed = once(sample.address, get("/?bytes=2500&chunk=1000&interval=1ms"))
        .await
        .unwrap();
    assert_eq!(
        (
            streamed.body.len(),
            streamed.headers.contains_key("content-length")
        ),
        (2500, false)
    );
    let head = once(sample.address, get("/hello45").with_method("HEAD"))
        .await
        .unwrap();
    assert_eq!(
        (head.body.len(), &head.headers["content-length"]),
        (0, &"45".parse().unwrap())
    );
    assert_eq!(
        once(sample.address, get("/?status=204"))
            .await
            .unwrap()
            .body
            .len(),
        0
    );
    assert_eq!(
        once(sample.address, get("/?latency=soon"))
            .await
            .unwrap()
            .status,
        400
    );
    assert_eq!(
        once(sample.address, post("/early", "x"))
            .await
            .unwrap()
            .status,
        413
    );
    let work = once(sample.address, get("/?memory=1MiB&cpu=1ms&latency=1ms"))
        .await
        .unwrap();
    assert_eq!(work.status, 200);
    assert_eq!(((sample.stats)().in_flight, (sample.stats)().gone), (0, 0));
    sample.stopped().await;
}

#[tokio::test]
async fn sends_events() {
    let sample = Sample::start(Options::default()).await;
    let answer = once(sample.address, get("/sse?count=3&interval=1ms"))
        .await
        .unwrap();
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    assert_eq!(
        answer.text(),
        "id: 0\ndata: event 0\n\nid: 1\ndata: event 1\n\nid: 2\ndata: event 2\n\n"
    );
    sample.stopped().await;
}

#[tokio::test]
async fn breaks_off_where_told() {
    let sample = Sample::start(Options::default()).await;
    for version in [1, 2] {
        let send = async |path| {
            if version == 1 {
                http1(sample.address).await.send_request(get(path)).await
            } else {
                http2(sample.address).await.send_request(get(path)).await
            }
        };
        assert!(send("/?abort=before").await.is_err());
        let head = send("/?abort=head&bytes=1000").await.unwrap();
        assert_eq!(head.headers()["content-length"], "1000");
        assert!(whole(head).await.is_err());
        let mut middle = send("/?abort=middle&bytes=1000").await.unwrap().into_body();
        let first = middle.frame().await.unwrap().unwrap();
        assert_eq!(first.data_ref().unwrap().len(), 500);
        assert!(middle.frame().await.unwrap().is_err());
    }
    until("all of them gone", || (sample.stats)().gone == 6).await;
    sample.stopped().await;
}

#[tokio::test]
async fn counts_what_runs_at_once_and_how_often() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    let sample = Sample::start(Options {
        ledger: Some(ledger.clone()),
        ..Options::default()
    })
    .await;
    let slow = tokio::spawn(once(
        sample.address,
        get("/?latency=10s").with("x-request-id", "slow"),
    ));
    until("the slow one runs", || (sample.stats)().in_flight == 1).await;
    let second = once(sample.address, get("/").with("x-request-id", "fast"))
        .await
        .unwrap();
    assert_eq!(second.headers["x-sample-in-flight"], "2");
    slow.abort();
    until("its execution ended with its connection", || {
        (sample.stats)().in_flight == 0
    })
    .await;
    once(sample.address, get("/").with("x-request-id", "fast"))
        .await
        .unwrap();
    assert_eq!(
        once(sample.address, get("/healthz")).await.unwrap().text(),
        "ok\n"
    );
    let stats = once(sample.address, get("/stats")).await.unwrap().json();
    assert_eq!(
        (&stats["requests"], &stats["max_in_flight"], &stats["gone"]),
        (&3.into(), &2.into(), &1.into())
    );
    assert_eq!(stats["by_id"], serde_json::json!({"slow": 1, "fast": 2}));
    sample.stopped().await;
    let ledger = Ledger::read(ledger).unwrap();
    assert_eq!(
        (
            ledger.executions("slow"),
            ledger.gone("slow"),
            ledger.done("slow")
        ),
        (1, 1, 0)
    );
    assert_eq!(
        (
            ledger.executions("fast"),
            ledger.gone("fast"),
            ledger.done("fast")
        ),
        (2, 0, 2)
    );
    assert_eq!(
        ledger
            .max_in_flight_by_pid()
            .into_values()
            .collect::<Vec<_>>(),
        [2]
    );
}

#[tokio::test]
async fn a_reset_stream_ends_its_execution() {
    let sample = Sample::start(Options::default()).await;
    let mut h2 = http2(sample.address).await;
    let pending = tokio::spawn(h2.send_request(get("/never")));
    until("it runs", || (sample.stats)().in_flight == 1).await;
    pending.abort();
    until("it is gone", || (sample.stats)().gone == 1).await;
    assert_eq!(
        whole(h2.send_request(get("/")).await.unwrap())
            .await
            .unwrap()
            .status,
        200
    );
    drop(h2);
    sample.stopped().await;
}

#[tokio::test]
async fn fails_as_told() {
    let sample = Sample::start(Options {
        fail_first: 2,
        fail_rate: 0.5,
        ..Options::default()
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(once(sample.address, get("/")).await.unwrap().status);
    }
    assert_eq!(statuses, [500, 500, 200, 500, 200, 500]);
    sample.stopped().await;
}

#[tokio::test]
async fn is_not_ready_until_its_time() {
    for (ready_after, status) in [(Duration::from_secs(3600), 503), (Duration::ZERO, 200)] {
        let sample = Sample::start(Options {
            ready_after,
            ..Options::default()
        })
        .await;
        let health = once(sample.address, get("/healthz")).await.unwrap();
        assert_eq!(health.status, status);
        assert_eq!(once(sample.address, get("/")).await.unwrap().status, 200);
        sample.stopped().await;
    }
}

#[tokio::test]
async fn finishes_what_is_in_flight_before_it_stops() {
    let mut sample = Sample::start(Options::default()).await;
    let slow = tokio::spawn(once(sample.address, get("/?latency=200ms")));
    until("it runs", || (sample.stats)().in_flight == 1).await;
    sample.stop();
    assert_eq!(slow.await.unwrap().unwrap().status, 200);
    sample.stopped().await;
}
