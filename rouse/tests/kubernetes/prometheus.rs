//! A real Prometheus that scrapes a real exporter, which the test is.

use std::convert::Infallible;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::support::until;

/// Killed when dropped, and its exporter with it.
pub(crate) struct Prometheus {
    child: Child,
    pub(crate) url: String,
    counter: Arc<AtomicU64>,
    _exporter: AbortOnDropHandle<()>,
    _home: TempDir,
}

impl Prometheus {
    /// Scrapes each second a counter of this name and these labels.
    pub(crate) async fn start(series: &'static str) -> Self {
        let counter = Arc::new(AtomicU64::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let scrapes = Arc::new(AtomicU64::new(0));
        let exporter = export(listener, series, counter.clone(), scrapes.clone());
        let exporter = tokio::spawn(exporter);
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("prometheus.yml");
        let scrape = format!(
            "scrape_configs: [{{job_name: gateway, scrape_interval: 1s, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        std::fs::write(&config, scrape).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                home.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus: cargo xtask test installs it");
        let started = Self {
            child,
            url: format!("http://{address}"),
            counter,
            _exporter: AbortOnDropHandle::new(exporter),
            _home: home,
        };
        until("Prometheus listens", async || {
            TcpStream::connect(address).await.is_ok()
        })
        .await;
        // An increase is from what was scraped before.
        until("it has scraped", async || {
            scrapes.load(Ordering::Relaxed) >= 2
        })
        .await;
        started
    }

    /// So many more have been counted.
    pub(crate) fn count(&self, more: u64) {
        self.counter.fetch_add(more, Ordering::Relaxed);
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn export(
    listener: TcpListener,
    series: &'static str,
    counter: Arc<AtomicU64>,
    scrapes: Arc<AtomicU64>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (counter, scrapes) = (counter.clone(), scrapes.clone());
        let service = service_fn(move |_| {
            scrapes.fetch_add(1, Ordering::Relaxed);
            let count = counter.load(Ordering::Relaxed);
            let name = series.split('{').next().unwrap();
            let text = format!("# TYPE {name} counter\n{series} {count}\n");
            let answer = hyper::Response::builder()
                .header("content-type", "text/plain; version=0.0.4")
                .body(Full::new(Bytes::from(text)))
                .unwrap();
            async move { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
