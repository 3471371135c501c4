//! Mutual TLS: both sides show a certificate of a common CA. Keys come from files, which are looked at regularly, or from who makes
//! them in this process. What is new is taken for new connections; what can't be used leaves the earlier ones in force.

mod build;
mod expiry;
mod reload;
mod source;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rustls::pki_types::ServerName;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use build::Build;
pub(crate) use reload::Reloading;
use source::Source;

/// Between two looks at the files.
pub const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// The name that a scaler's certificate must have, unless said otherwise.
pub const SERVER_NAME: &str = "rouse-scaler";

/// How connections are protected.
#[derive(Debug, Clone)]
pub enum TlsConfig {
    /// Mutual TLS, with keys from files.
    Files(TlsFiles),
    /// Mutual TLS, with keys that are given, and given anew before they are over.
    Given(watch::Receiver<TlsKeys>),
    /// Plain text: whoever reaches the port is believed. For tests and for networks that encrypt by themselves.
    Insecure,
}

/// Where keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the authorities that are believed, PEM.
    pub ca: PathBuf,
    /// The own certificate and what leads to the CA, PEM.
    pub certificate: PathBuf,
    /// The own private key, PEM.
    pub key: PathBuf,
    /// Between two looks at the files; [`RELOAD_EVERY`].
    pub reload_every: Duration,
}

/// Keys themselves, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsKeys {
    /// Certificates of the authorities that are believed.
    pub ca: Vec<u8>,
    /// The own certificate and what leads to the CA.
    pub certificate: Vec<u8>,
    /// The own private key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for TlsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsKeys").finish_non_exhaustive()
    }
}

/// Why keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A part is not what it should be.
    #[error("{part}: {problem}")]
    Content {
        /// Which: a file, or what it would be.
        part: String,
        /// What is wrong.
        problem: String,
    },
    /// The parts don't fit together.
    #[error("{certificate} and its key can't be used: {problem}")]
    Pair {
        /// The certificate's file, or what it would be.
        certificate: String,
        /// What is wrong.
        problem: String,
    },
    /// A name that no certificate can have.
    #[error("{0:?} is not a server name; it must be a DNS name or an IP address")]
    Name(String),
}

/// The connecting side's configuration, kept current until `stop`; `None`: plain text.
pub(crate) async fn client(
    config: &TlsConfig,
    stop: CancellationToken,
    registry: &mut Registry,
) -> Result<Option<Reloading<rustls::ClientConfig>>, TlsError> {
    start(config, build::client, stop, registry).await
}

/// The listening side's.
pub(crate) async fn server(
    config: &TlsConfig,
    stop: CancellationToken,
    registry: &mut Registry,
) -> Result<Option<Reloading<rustls::ServerConfig>>, TlsError> {
    start(config, build::server, stop, registry).await
}

async fn start<T: Send + Sync + 'static>(
    config: &TlsConfig,
    build: Build<T>,
    stop: CancellationToken,
    registry: &mut Registry,
) -> Result<Option<Reloading<T>>, TlsError> {
    let source = match config {
        TlsConfig::Files(files) => Source::files(files.clone()),
        TlsConfig::Given(keys) => Source::given(keys.clone()),
        TlsConfig::Insecure => {
            tracing::warn!("the link is in plain text: whoever reaches its port is believed");
            return Ok(None);
        }
    };
    let reloading = Reloading::start(source, build, stop).await?;
    expiry::register(registry, reloading.expiry());
    Ok(Some(reloading))
}

pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
