//! The command from outside: what it says is true, and it leaves nothing behind, however it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use tokio::time::{Instant, sleep};

const PROGRAM: &str = env!("CARGO_BIN_EXE_rouse-testbed");

/// Killed when dropped.
struct Up {
    child: Child,
    /// For temporary files: this testbed's alone.
    folder: tempfile::TempDir,
    kubeconfig: PathBuf,
}

impl Up {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(folder.path(), "up")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let kubeconfig = lines
            .find_map(|line| Some(PathBuf::from(line.unwrap().split_once("KUBECONFIG=")?.1)))
            .expect("it says how to reach it");
        Self {
            child,
            folder,
            kubeconfig,
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, task: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg(task).env("TMPDIR", folder).stdin(Stdio::null());
    command
}

/// Processes that belong to the testbed with this folder: all of them have it in their arguments or environment.
fn processes(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let with = |path: PathBuf| {
        let read = |file| fs::read(path.join(file)).unwrap_or_default();
        let text = [read("cmdline"), read("environ")].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.contains(folder).then(|| text.replace('\0', " "))
    };
    entries.filter_map(|entry| with(entry.path())).collect()
}

async fn nobody_is_left(folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left = processes(folder);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still there: {left:#?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn it_is_reached_from_outside_and_leaves_nothing_behind() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let mut up = Up::start();
    assert!(processes(up.folder.path()).len() > 5);

    let kubeconfig = fs::read_to_string(&up.kubeconfig).unwrap();
    let kubeconfig = serde_json::from_str(&kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options);
    let config = config.await.unwrap();
    assert_eq!(config.cluster_url.host(), Some("127.0.0.1"));
    let client = Client::try_from(config).unwrap();
    let version = client.apiserver_version().await.unwrap();
    assert_eq!(version.git_version, "v1.37.2");

    // A second process goes into the same namespace.
    let shell = command(up.folder.path(), "shell")
        .env("SHELL", "/bin/sh")
        .stdin(fs::File::open(script(up.folder.path())).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&shell.stdout);
    let complained = String::from_utf8_lossy(&shell.stderr);
    assert_eq!(said.trim(), "ok service/kubernetes", "{complained}");

    up.signal("-INT");
    let status = up.child.wait().unwrap();
    assert!(status.success(), "{status}");
    nobody_is_left(up.folder.path()).await;
    let left: Vec<_> = fs::read_dir(up.folder.path()).unwrap().flatten().collect();
    let left: Vec<_> = left.iter().map(fs::DirEntry::file_name).collect();
    assert_eq!(left, ["script"]);
}

/// In the shell: the API server is asked, by the kubectl on PATH.
fn script(folder: &Path) -> PathBuf {
    let path = folder.join("script");
    let text = "echo \"$(kubectl get --raw /readyz) $(kubectl get service kubernetes -o name)\"\n";
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn nothing_outlives_it_when_it_is_killed_and_the_next_removes_its_folder() {
    let mut up = Up::start();
    up.signal("-KILL");
    up.child.wait().unwrap();
    nobody_is_left(up.folder.path()).await;
    assert_eq!(fs::read_dir(up.folder.path()).unwrap().count(), 1);

    let next = command(up.folder.path(), "shell")
        .env("SHELL", "/bin/true")
        .output()
        .unwrap();
    assert!(
        next.status.success(),
        "{}",
        String::from_utf8_lossy(&next.stderr)
    );
    assert_eq!(fs::read_dir(up.folder.path()).unwrap().count(), 0);
}

#[test]
fn an_incomplete_set_of_binaries_is_told_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("etcd"), "").unwrap();
    let output = command(folder.path(), "up")
        .env("KUBEBUILDER_ASSETS", folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    for part in ["lacks kube-apiserver", "kubectl; unset it", "needs Go"] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn without_binaries_and_without_go_both_ways_out_are_told() {
    let folder = tempfile::tempdir().unwrap();
    // The programs that the namespace needs, but no Go.
    let output = command(folder.path(), "up")
        .env_remove("KUBEBUILDER_ASSETS")
        .env("XDG_CACHE_HOME", folder.path())
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    for part in ["install Go", "KUBEBUILDER_ASSETS"] {
        assert!(told.contains(part), "{told}");
    }
}
