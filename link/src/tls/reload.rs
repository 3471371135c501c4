//! A configuration that follows its files.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::files::Pems;
use super::{TlsError, TlsFiles};

type Build<T> = fn(&TlsFiles, &Pems) -> Result<T, TlsError>;

/// What is in force now, for new connections.
pub(crate) struct Reloading<T>(Arc<ArcSwap<T>>);

impl<T> Clone for Reloading<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// Reads the files, and looks at them until `stop`.
    pub(super) async fn start(
        files: TlsFiles,
        build: Build<T>,
        stop: CancellationToken,
    ) -> Result<Self, TlsError> {
        let pems = Pems::read(&files).await?;
        let current = Arc::new(ArcSwap::from_pointee(build(&files, &pems)?));
        let follow = follow(files, pems, build, current.clone());
        tokio::spawn(async move { stop.run_until_cancelled(follow).await });
        Ok(Self(current))
    }

    pub(crate) fn current(&self) -> Arc<T> {
        self.0.load_full()
    }
}

async fn follow<T>(files: TlsFiles, mut seen: Pems, build: Build<T>, current: Arc<ArcSwap<T>>) {
    let mut ticks = interval(files.reload_every.max(std::time::Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unreadable = false;
    loop {
        ticks.tick().await;
        let pems = match Pems::read(&files).await {
            Ok(pems) => pems,
            Err(error) => {
                if !unreadable {
                    tracing::warn!(%error, "keeping the link's earlier certificates");
                }
                unreadable = true;
                continue;
            }
        };
        unreadable = false;
        if pems == seen {
            continue;
        }
        // Files that were read while they were being replaced don't fit together: the next look has them all.
        match build(&files, &pems) {
            Ok(config) => {
                current.store(Arc::new(config));
                tracing::info!(certificate = %files.certificate.display(), "the link's certificates have changed");
            }
            Err(error) => tracing::warn!(%error, "keeping the link's earlier certificates"),
        }
        seen = pems;
    }
}
