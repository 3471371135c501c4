use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// What a node offers to the scheduler, as Kubernetes quantities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocatable {
    /// Cores: `"4"`, `"500m"`.
    pub cpu: String,
    /// Bytes: `"64Gi"`.
    pub memory: String,
    /// How many pods at once.
    pub pods: u32,
}

impl Default for Allocatable {
    /// More than any test asks for.
    fn default() -> Self {
        Self {
            cpu: "4096".to_owned(),
            memory: "4Ti".to_owned(),
            pods: 50_000,
        }
    }
}

/// How a node behaves; may change while it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What each image name starts: a program and its first arguments. A name that is missing here can't be pulled.
    pub images: BTreeMap<String, Vec<OsString>>,
    /// How long a pod's sandbox takes, before any of its containers.
    pub sandbox_delay: Duration,
    /// How late each status is written.
    pub status_delay: Duration,
    /// How late files of volumes follow their objects: with kubelet up to two minutes.
    pub volume_delay: Duration,
    /// Multiplies the waits between restarts and between pulls (10 s, doubled up to 300 s).
    pub backoff_factor: f64,
    /// What the scheduler may use.
    pub allocatable: Allocatable,
    /// The node says nothing more (no heartbeat, no status) and takes no orders; its processes live on.
    pub silent: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            images: BTreeMap::new(),
            sandbox_delay: Duration::ZERO,
            status_delay: Duration::ZERO,
            volume_delay: Duration::ZERO,
            backoff_factor: 1.0,
            allocatable: Allocatable::default(),
            silent: false,
        }
    }
}

/// A handle on the settings of a running node.
#[derive(Debug, Clone)]
pub struct Knobs(Arc<watch::Sender<Settings>>);

impl Knobs {
    pub(super) fn new(settings: Settings) -> Self {
        Self(Arc::new(watch::Sender::new(settings)))
    }

    /// Changes any of the settings; in force at once.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.0.send_modify(change);
    }

    /// Makes the node stop answering, or answer again.
    pub fn silence(&self, silent: bool) {
        self.change(|settings| settings.silent = silent);
    }

    /// Makes an image known; `None` makes it one that can't be pulled.
    pub fn set_image(&self, name: &str, program: Option<Vec<OsString>>) {
        self.change(|settings| match program {
            Some(program) => drop(settings.images.insert(name.to_owned(), program)),
            None => drop(settings.images.remove(name)),
        });
    }

    /// Changes how long a pod's sandbox takes.
    pub fn set_sandbox_delay(&self, delay: Duration) {
        self.change(|settings| settings.sandbox_delay = delay);
    }

    /// Changes how late each status is written.
    pub fn set_status_delay(&self, delay: Duration) {
        self.change(|settings| settings.status_delay = delay);
    }

    /// Changes how late files of volumes follow their objects.
    pub fn set_volume_delay(&self, delay: Duration) {
        self.change(|settings| settings.volume_delay = delay);
    }

    /// Changes what multiplies the waits between restarts and between pulls.
    pub fn set_backoff_factor(&self, factor: f64) {
        self.change(|settings| settings.backoff_factor = factor);
    }

    /// Changes what the scheduler may use.
    pub fn set_allocatable(&self, allocatable: Allocatable) {
        self.change(|settings| settings.allocatable = allocatable);
    }

    /// The settings as they are now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.0.borrow().clone()
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Settings) -> T) -> T {
        read(&self.0.borrow())
    }

    pub(super) fn watch(&self) -> watch::Receiver<Settings> {
        self.0.subscribe()
    }

    /// Returns when the node may speak: at once, unless it is silent.
    pub(super) async fn answering(&self) {
        // The sender lives as long as `self`.
        let _ = self.watch().wait_for(|settings| !settings.silent).await;
    }
}
