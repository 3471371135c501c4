//! What can go wrong with a testbed.

use std::io;
use std::time::Duration;

use crate::install::InstallError;
use crate::metrics::MetricsError;

/// Why the testbed, or a part of it, could not be brought up or steered. Each message says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program of the system that is needed is not on PATH.
    #[error("`{program}` is missing; on Debian: sudo apt-get install {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// Debian's package that has it.
        package: &'static str,
    },
    /// The control plane's binaries are neither there nor could they be built.
    #[error("{0}")]
    Assets(String),
    /// The namespace could not be set up.
    #[error("{0}")]
    Namespace(String),
    /// A certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The API server could not be asked, or refused.
    #[error("API server: {0}")]
    Client(#[source] Box<kube::Error>),
    /// A process of the control plane ended when it should not have.
    #[error("{0}")]
    Ended(String),
    /// Something did not become so in time.
    #[error("{what} not so within {} s: {why}; logs are in {logs}", within.as_secs())]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        within: Duration,
        /// What was the matter at the last look.
        why: String,
        /// The folder with the logs.
        logs: String,
    },
    /// The node could not be started or stopped.
    #[error("node: {0}")]
    Node(String),
    /// Use could not be measured or told.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Rouse could not be installed.
    #[error("installing Rouse: {0}")]
    Install(#[from] InstallError),
}

impl Error {
    /// For `map_err` of IO: `what` was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            what: what.into(),
            source,
        }
    }
}

impl From<kube::Error> for Error {
    fn from(source: kube::Error) -> Self {
        Self::Client(Box::new(source))
    }
}
