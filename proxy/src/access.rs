//! The access log: one JSON line per request on standard output. Off by default; never in a request's way.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

/// Lines that wait to be written; past it they are dropped and counted.
const QUEUE: usize = 8192;

/// One line.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    /// When the answer ended, in milliseconds since 1970.
    pub(crate) timestamp: u128,
    pub(crate) client: IpAddr,
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) version: String,
    pub(crate) workload: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) held_ms: f64,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'static str>,
}

/// Where lines go.
#[derive(Debug, Clone)]
pub(crate) struct AccessLog {
    lines: mpsc::Sender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl AccessLog {
    pub(crate) fn start() -> Self {
        let (lines, mut entries) = mpsc::channel::<Entry>(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = dropped.clone();
        tokio::spawn(async move {
            let mut out = tokio::io::stdout();
            let mut batch = Vec::new();
            while entries.recv_many(&mut batch, 256).await > 0 {
                let mut text = Vec::new();
                for entry in batch.drain(..) {
                    if serde_json::to_writer(&mut text, &entry).is_ok() {
                        text.push(b'\n');
                    }
                }
                if out.write_all(&text).await.is_err() || out.flush().await.is_err() {
                    return;
                }
                let lost = lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    tracing::warn!(
                        lost,
                        "access log lines dropped: standard output is too slow"
                    );
                }
            }
        });
        Self { lines, dropped }
    }

    pub(crate) fn write(&self, mut entry: Entry) {
        entry.timestamp = unix_ms();
        if self.lines.try_send(entry).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a log line is for people and other machines: it wants the wall clock"
)]
fn unix_ms() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis())
}
