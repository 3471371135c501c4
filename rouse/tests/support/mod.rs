//! Rouse as a process, samples behind it, and clients in front of it.
//!
//! ```ignore
//! let home = Home::new();
//! let rouse = Rouse::start(&home, &home.workload("hello", "idleAfter: 1s", "", &["--start-delay", "50ms"])).await;
//! let answer = rouse.send(get("hello", "/").with("x-request-id", "a")).await;
//! assert_eq!((answer.status, home.ledger().executions("a")), (200, 1));
//! ```

#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests, and each uses a part of it"
)]

pub(crate) mod browser;
mod client;
pub(crate) mod grpc;
mod home;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::time::{sleep, timeout};

pub(crate) use client::{
    Whole, With, get, http1, http2, in_origin_form, once, once_within, post, whole,
};
pub(crate) use home::Home;

/// Ends a test that hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// `rouse serve` on free ports. Dropped it is killed, and its replicas with it.
pub(crate) struct Rouse {
    child: Child,
    log: Log,
    /// Where requests are taken.
    pub(crate) proxy: SocketAddr,
    /// The admin listener.
    pub(crate) admin: SocketAddr,
}

/// Lines of standard error and standard output so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Rouse {
    /// Serves this YAML text and waits until it is ready.
    pub(crate) async fn start(home: &Home, yaml: &str) -> Self {
        Self::start_with(home, yaml, &[]).await
    }

    /// With more flags of `rouse serve`.
    pub(crate) async fn start_with(home: &Home, yaml: &str, flags: &[&str]) -> Self {
        home.write(yaml);
        let mut command = serve(&["--file", home.file().to_str().unwrap()]);
        let mut child = command.args(flags).stdout(Stdio::piped()).spawn().unwrap();
        let log = Log::default();
        log.follow(child.stderr.take().unwrap());
        log.follow(child.stdout.take().unwrap());
        let mut started = Self {
            child,
            log,
            proxy: ([0, 0, 0, 0], 0).into(),
            admin: ([0, 0, 0, 0], 0).into(),
        };
        started.proxy = started.address("proxy listening on http://").await;
        started.admin = started.address("admin listening on http://").await;
        let rouse = &started;
        until("it is ready", async || {
            rouse.admin("/readyz").await.status == 200
        })
        .await;
        started
    }

    async fn address(&self, before: &str) -> SocketAddr {
        until(before, async || self.log.after(before).is_some()).await;
        let text = self.log.after(before).unwrap();
        let end = text.find([' ', '"']).unwrap_or(text.len());
        text[..end].parse().unwrap()
    }

    /// Everything logged so far, the replicas' output included.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// One request over HTTP/1.1 on a connection of its own.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Whole {
        once(self.proxy, request).await.expect("an answer")
    }

    /// One GET on the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> Whole {
        once(self.admin, get("admin", path))
            .await
            .expect("an answer")
    }

    /// `/status`.
    pub(crate) async fn status(&self) -> serde_json::Value {
        self.admin("/status").await.json()
    }

    /// What the scaler says of a workload of the namespace `default`; null when it knows none such.
    pub(crate) async fn workload(&self, name: &str) -> serde_json::Value {
        let status = self.status().await;
        let mut all = status["scaler"]["workloads"].as_array().unwrap().iter();
        let id = format!("default/{name}");
        all.find(|one| one["workload"] == *id)
            .cloned()
            .unwrap_or_default()
    }

    /// Waits until the scaler says this phase of it.
    pub(crate) async fn phase(&self, name: &str, phase: &str) {
        let what = format!("{name} is {phase}");
        until(&what, async || self.workload(name).await["phase"] == phase).await;
    }

    /// The value of a sample in `/metrics`, written whole: `name{label="value"}`.
    pub(crate) async fn metric(&self, sample: &str) -> Option<f64> {
        let metrics = self.admin("/metrics").await;
        let mut lines = metrics.text().lines();
        lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
    }

    /// `TERM`, `INT`, ...
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        ended(&mut self.child).await
    }
}

impl Drop for Rouse {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of rouse ---\n{}", self.log.text());
        }
    }
}

impl Log {
    /// Takes the process' standard error.
    fn follow(&self, output: impl Read + Send + 'static) {
        let lines = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                lines.0.lock().unwrap().push(line);
            }
        });
    }

    /// What stands behind the first occurrence.
    fn after(&self, before: &str) -> Option<String> {
        let lines = self.0.lock().unwrap();
        lines
            .iter()
            .find_map(|line| Some(line.split_once(before)?.1.to_owned()))
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

/// `rouse serve` on free ports, to be started; standard error is piped.
pub(crate) fn serve(flags: &[&str]) -> Command {
    let mut command = bare(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.args(flags);
    command
}

/// `rouse`, to be started, without what this process' environment says of it; standard error is piped.
pub(crate) fn bare(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rouse"));
    for (name, _) in std::env::vars_os() {
        let ours = |name: &str| name.starts_with("ROUSE_") || name.starts_with("SAMPLE_");
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    command
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Sends a signal by name.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(sent.unwrap().success(), "kill -{name} {pid}");
}

/// Waits until the process has ended.
pub(crate) async fn ended(child: &mut Child) -> ExitStatus {
    let waited = timeout(DEADLINE, async {
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("the process ends")
}

/// Waits until it holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = timeout(DEADLINE, async {
        while !holds().await {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within {DEADLINE:?}: {what}");
}
