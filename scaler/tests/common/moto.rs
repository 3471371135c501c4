//! moto's server, which speaks SQS.
#![allow(dead_code, reason = "each test uses its part")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

pub(crate) const REGION: &str = "ap-northeast-1";
pub(crate) const ACCOUNT: &str = "123456789012";

/// For its start: it is written in Python.
const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when dropped.
pub(crate) struct Sqs {
    child: Child,
    pub(crate) url: String,
}

impl Sqs {
    pub(crate) async fn start() -> Self {
        let moto = std::env::var_os("ROUSE_MOTO").expect("run cargo xtask test, which installs it");
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new("python3")
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
            .arg(port.to_string())
            .env("PYTHONPATH", moto)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3");
        let sqs = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        let listens = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, listens).await.expect("it listens");
        sqs
    }

    /// One call of the service's own protocol; the answer with its head.
    pub(crate) async fn call(&self, action: &str, body: &str) -> String {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{action}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/{REGION}/sqs/aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{action}: {answer}");
        answer
    }

    pub(crate) fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.url)
    }

    pub(crate) async fn create(&self, name: &str) {
        self.call("CreateQueue", &format!(r#"{{"QueueName": "{name}"}}"#))
            .await;
    }

    pub(crate) async fn send(&self, name: &str, count: u32, delay: u32) {
        let url = self.queue_url(name);
        for _ in 0..count {
            let body =
                format!(r#"{{"QueueUrl": "{url}", "MessageBody": "x", "DelaySeconds": {delay}}}"#);
            self.call("SendMessage", &body).await;
        }
    }

    /// Begins to work on so many; returns what they are finished with.
    pub(crate) async fn receive(&self, name: &str, most: u32) -> Vec<String> {
        let url = self.queue_url(name);
        let body = format!(
            r#"{{"QueueUrl": "{url}", "MaxNumberOfMessages": {most}, "VisibilityTimeout": 600}}"#
        );
        let answer = self.call("ReceiveMessage", &body).await;
        let handles = answer.split("\"ReceiptHandle\": \"").skip(1);
        let handles = handles.filter_map(|rest| rest.split('"').next());
        handles.map(str::to_owned).collect()
    }

    /// One is finished.
    pub(crate) async fn delete(&self, name: &str, handle: &str) {
        let url = self.queue_url(name);
        let body = format!(r#"{{"QueueUrl": "{url}", "ReceiptHandle": "{handle}"}}"#);
        self.call("DeleteMessage", &body).await;
    }
}

impl Drop for Sqs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
