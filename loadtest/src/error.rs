//! Why a load test failed, or could not be made.

use std::path::{Path, PathBuf};

/// Text for a person, with its cause.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error("{0}: {1}")]
    Json(PathBuf, serde_json::Error),
    #[error(transparent)]
    Testbed(#[from] rouse_testbed::Error),
    #[error("installing Rouse: {0}")]
    Install(#[from] rouse_testbed::install::InstallError),
    #[error("applying {0}: {1}")]
    Apply(String, rouse_testbed::apply::ApplyError),
    #[error("asking the API server: {0}")]
    Api(#[from] kube::Error),
    #[error("the VirtualService can't be translated: {0}")]
    Route(String),
    #[error("{0}")]
    Other(String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// For `map_err`.
pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::File(path, error)
}
