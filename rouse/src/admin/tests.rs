use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Admin, Answers, CONNECTIONS, Subject};
use crate::files::Reloads;

struct Fake {
    ready: AtomicBool,
}

impl Subject for Fake {
    type Status = serde_json::Value;

    fn ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    async fn status(&self) -> serde_json::Value {
        serde_json::json!({"proxy": {"a": 1}, "scaler": {"b": 2}})
    }
}

async fn start() -> (std::net::SocketAddr, Arc<Fake>) {
    let fake = Arc::new(Fake {
        ready: AtomicBool::new(true),
    });
    let mut registry = Registry::default();
    Reloads::register(&mut registry);
    let admin = Admin::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = admin.address();
    tokio::spawn(admin.serve(Answers::new(fake.clone(), registry)));
    (address, fake)
}

/// Head and body of one answer.
async fn ask(address: std::net::SocketAddr, line: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: admin\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    timeout(Duration::from_secs(10), read)
        .await
        .unwrap()
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn readiness_is_the_subjects_and_liveness_its_own() {
    let (address, fake) = start().await;
    assert!(
        ask(address, "GET /readyz")
            .await
            .0
            .starts_with("http/1.1 200")
    );
    fake.ready.store(false, Ordering::Relaxed);
    assert!(
        ask(address, "GET /readyz")
            .await
            .0
            .starts_with("http/1.1 503")
    );
    assert!(
        ask(address, "GET /livez")
            .await
            .0
            .starts_with("http/1.1 200")
    );
}

#[tokio::test]
async fn metrics_are_open_metrics() {
    let (address, _) = start().await;
    let (head, body) = ask(address, "GET /metrics").await;
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(
        body.contains("rouse_config_reloads_total{outcome=\"refused\"} 0"),
        "{body}"
    );
    assert!(body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn status_has_all_parts() {
    let (address, _) = start().await;
    let (head, body) = ask(address, "GET /status").await;
    assert!(head.contains("content-type: application/json"));
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["uptimeSeconds"].is_number());
    assert_eq!(
        (&status["proxy"]["a"], &status["scaler"]["b"]),
        (&1.into(), &2.into())
    );
}

#[tokio::test]
async fn anything_else_is_refused() {
    let (address, _) = start().await;
    assert!(
        ask(address, "GET /debug")
            .await
            .0
            .starts_with("http/1.1 404")
    );
    let (head, _) = ask(address, "POST /status").await;
    assert!(
        head.starts_with("http/1.1 405") && head.contains("allow: get, head"),
        "{head}"
    );
}

#[tokio::test]
async fn silent_connections_hold_a_place_only_until_one_of_them_leaves() {
    let (address, _) = start().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let waiting = tokio::spawn(ask(address, "GET /livez"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished(), "one more than there are places");
    silent.pop();
    assert!(waiting.await.unwrap().0.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn an_address_in_use_is_named_with_the_flag() {
    let (address, _) = start().await;
    let error = Admin::bind(address).await.err().unwrap().to_string();
    assert!(
        error.contains(&address.to_string()) && error.contains("--admin"),
        "{error}"
    );
}
