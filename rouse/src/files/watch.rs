use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{Contents, read};

/// Files must not have changed for this long: whoever writes them is done.
const SETTLED: Duration = Duration::from_millis(50);

/// Without notice the files are looked at this often: some file systems give none.
const POLL: Duration = Duration::from_secs(2);

/// Looks at the files and tells when their contents are others.
pub(crate) struct Watcher {
    paths: Vec<PathBuf>,
    seen: Contents,
    notices: mpsc::Receiver<()>,
    /// Gives the notices; `None` when the system has none to give.
    _watcher: Option<RecommendedWatcher>,
}

impl Watcher {
    /// `seen` is what was read last.
    pub(crate) fn new(paths: Vec<PathBuf>, seen: Contents) -> Self {
        let (notify, notices) = mpsc::channel(1);
        let watcher = watch(&paths, notify)
            .inspect_err(|error| {
                tracing::warn!("files are polled, for they can't be watched: {error}");
            })
            .ok();
        Self {
            paths,
            seen,
            notices,
            _watcher: watcher,
        }
    }

    /// The next contents that differ from the last, once they have settled. Safe to drop and call again.
    pub(crate) async fn changed(&mut self) -> Contents {
        loop {
            if self.notice().await {
                sleep(SETTLED).await;
                // What was noticed until now is in what is read next.
                let _ = self.notices.try_recv();
            }
            let contents = self.settled().await;
            if contents != self.seen {
                self.seen = contents.clone();
                return contents;
            }
        }
    }

    /// Waits for a notice (true) or until it is time to look (false).
    async fn notice(&mut self) -> bool {
        match timeout(POLL, self.notices.recv()).await {
            Ok(Some(())) => true,
            Ok(None) => {
                sleep(POLL).await;
                false
            }
            Err(_) => false,
        }
    }

    /// What is there, and was there a moment ago. A file that is being written is not looked at half done.
    async fn settled(&self) -> Contents {
        let mut contents = self.read().await;
        while contents != self.seen {
            sleep(SETTLED).await;
            let again = self.read().await;
            if again == contents {
                break;
            }
            contents = again;
        }
        contents
    }

    async fn read(&self) -> Contents {
        let paths = self.paths.clone();
        let read = tokio::task::spawn_blocking(move || read(&paths));
        // It can fail only when the runtime ends.
        read.await.unwrap_or_else(|_| self.seen.clone())
    }
}

/// Watches the folders that the files are in: a file that is replaced is another file, and its folder tells.
fn watch(paths: &[PathBuf], notify: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !is_reading(event.kind)) {
            // Full: a notice is already there.
            let _ = notify.try_send(());
        }
    })?;
    for path in paths {
        watcher.watch(folder(path), RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Our own looking at the files.
fn is_reading(kind: EventKind) -> bool {
    use event::{AccessKind, AccessMode};
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        _ => false,
    }
}

fn folder(path: &Path) -> &Path {
    if path.is_dir() {
        return path;
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
