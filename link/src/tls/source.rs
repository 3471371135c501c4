//! Where keys come from.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::build::Names;
use super::{TlsError, TlsFiles, TlsKeys};

/// Keys that may change.
pub(super) enum Source {
    Files(TlsFiles),
    Given(watch::Receiver<TlsKeys>),
}

impl Source {
    pub(super) fn files(files: TlsFiles) -> Self {
        Self::Files(files)
    }

    pub(super) fn given(keys: watch::Receiver<TlsKeys>) -> Self {
        Self::Given(keys)
    }

    pub(super) fn names(&self) -> Names {
        let given = |part: &str| format!("the link's {part}");
        match self {
            Self::Files(files) => Names {
                ca: files.ca.display().to_string(),
                certificate: files.certificate.display().to_string(),
                key: files.key.display().to_string(),
            },
            Self::Given(_) => Names {
                ca: given("CA"),
                certificate: given("certificate"),
                key: given("key"),
            },
        }
    }

    /// As they are now.
    pub(super) async fn read(&mut self) -> Result<TlsKeys, TlsError> {
        match self {
            Self::Files(files) => Ok(TlsKeys {
                ca: read(&files.ca).await?,
                certificate: read(&files.certificate).await?,
                key: read(&files.key).await?,
            }),
            Self::Given(keys) => Ok(keys.borrow_and_update().clone()),
        }
    }

    /// Returns when it is time to read them again; false: they don't change any more.
    pub(super) async fn due(&mut self) -> bool {
        match self {
            Self::Files(files) => {
                sleep(files.reload_every.max(Duration::from_millis(1))).await;
                true
            }
            Self::Given(keys) => keys.changed().await.is_ok(),
        }
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    tokio::fs::read(path)
        .await
        .map_err(|source| TlsError::Read {
            path: path.to_owned(),
            source,
        })
}
