//! A configuration that follows its keys.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::build::{Build, Names, Parts};
use super::expiry::Expiry;
use super::source::Source;
use super::{TlsError, TlsKeys};

/// What is in force now, for new connections.
pub(crate) struct Reloading<T> {
    config: Arc<ArcSwap<T>>,
    expiry: Arc<ArcSwap<Expiry>>,
}

impl<T> Clone for Reloading<T> {
    fn clone(&self) -> Self {
        Self {
            config: self.config.clone(),
            expiry: self.expiry.clone(),
        }
    }
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// Reads the keys, and follows them until `stop`.
    pub(super) async fn start(
        mut source: Source,
        build: Build<T>,
        stop: CancellationToken,
    ) -> Result<Self, TlsError> {
        let keys = source.read().await?;
        let parts = Parts::read(&source.names(), &keys)?;
        let current = Self {
            config: Arc::new(ArcSwap::from_pointee(build(&parts)?)),
            expiry: Arc::new(ArcSwap::from_pointee(parts.expiry)),
        };
        let follow = current.clone().follow(source, keys, build);
        tokio::spawn(async move { stop.run_until_cancelled(follow).await });
        Ok(current)
    }

    pub(crate) fn current(&self) -> Arc<T> {
        self.config.load_full()
    }

    /// When what is in force is over.
    pub(super) fn expiry(&self) -> Arc<ArcSwap<Expiry>> {
        self.expiry.clone()
    }

    async fn follow(self, mut source: Source, mut seen: TlsKeys, build: Build<T>) {
        let names = source.names();
        let mut unreadable = false;
        while source.due().await {
            let keys = match source.read().await {
                Ok(keys) => keys,
                Err(error) => {
                    if !unreadable {
                        tracing::warn!(%error, "keeping the link's earlier certificates");
                    }
                    unreadable = true;
                    continue;
                }
            };
            unreadable = false;
            if keys == seen {
                continue;
            }
            // Files that were read while they were being replaced don't fit together: the next look has them all.
            if let Err(error) = self.take(&names, &keys, build) {
                tracing::warn!(%error, "keeping the link's earlier certificates");
            }
            seen = keys;
        }
    }

    fn take(&self, names: &Names, keys: &TlsKeys, build: Build<T>) -> Result<(), TlsError> {
        let parts = Parts::read(names, keys)?;
        self.config.store(Arc::new(build(&parts)?));
        self.expiry.store(Arc::new(parts.expiry));
        tracing::info!(
            certificate = names.certificate,
            "the link's certificates have changed"
        );
        Ok(())
    }
}
